"""The files that config.toml names: keys, certificates, passwords, tokens."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from ich_node.config.config import Config

NOT_FILES = {"[spool] path", "[bundle] path"}  # the spool and the bundles have their own place


@dataclass(frozen=True, kw_only=True)
class NamedFile:
    """setting: as people write it, e.g. "[tls] key", "[[destinations]] archive password_file"."""

    setting: str
    path: Path


def named_files(config: Config) -> list[NamedFile]:
    """Also those that are not there."""
    return [
        named
        for section in type(config).model_fields
        for named in _in_section(section, getattr(config, section))
        if named.setting not in NOT_FILES
    ]


def _in_section(section: str, settings: object) -> Iterator[NamedFile]:
    if isinstance(settings, BaseModel):
        yield from _in_settings(f"[{section}]", settings)
    elif isinstance(settings, tuple):
        for entry in settings:
            if isinstance(entry, BaseModel):
                name = getattr(entry, "name", "")
                yield from _in_settings(f"[[{section}]] {name}", entry)


def _in_settings(place: str, settings: BaseModel) -> Iterator[NamedFile]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Path):
            yield NamedFile(setting=f"{place} {name}", path=value)
        elif isinstance(value, BaseModel):
            yield from _in_settings(f"{place} {name}", value)
