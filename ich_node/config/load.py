"""Reads config.toml and the environment. An unknown key is an error that lists the known ones."""

import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ich_node.config.config import ENV_DELIMITER, ENV_PREFIX, Config
from ich_node.config.mistakes import known_settings, sentence
from ich_node.config.removed import RemovedSetting, find_removed_settings
from ich_node.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class LoadedConfig:
    """removed: settings of earlier versions that were found and have no effect."""

    config: Config
    removed: tuple[RemovedSetting, ...]


def load_config(path: Path | None) -> LoadedConfig:
    """Read a config.toml (None: all defaults) and the environment.

    Raises ConfigError with one sentence per mistake.
    """
    values = _read(path) if path is not None else {}
    variables = [
        name.upper().removeprefix(ENV_PREFIX).lower()
        for name in os.environ
        if name.upper().startswith(ENV_PREFIX)
    ]
    _refuse_unknown_sections(variables)
    try:
        config = Config(**values)
    except ValidationError as error:
        where = str(path) if path else "the defaults"
        raise ConfigError(
            "\n".join(f"{where}: {sentence(mistake)}" for mistake in error.errors())
        ) from error
    return LoadedConfig(config=config, removed=find_removed_settings(values, variables))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def _refuse_unknown_sections(variables: Iterable[str]) -> None:
    """pydantic-settings ignores variables of unknown sections, but a typo must be an error."""
    for variable in variables:
        section = variable.split(ENV_DELIMITER)[0]
        if section not in Config.model_fields:
            raise ConfigError(
                f"environment variable {ENV_PREFIX}{variable.upper()}: there is no section"
                f" '{section}'; {known_settings(Config)}"
            )
