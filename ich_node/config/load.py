"""Reads config.toml and the environment. An unknown key is an error that lists the known ones."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import SettingsError

from ich_node.config.config import ENV_DELIMITER, ENV_PREFIX, Config
from ich_node.config.database_password import with_password
from ich_node.config.destinations import KINDS
from ich_node.config.mistakes import known_settings, near, sentence
from ich_node.config.places import (
    HOME_VARIABLE,
    absolute_url,
    home_folder,
    replaced,
    sqlite_file,
    with_absolute_paths,
)
from ich_node.config.query import KINDS_OF_QUERY
from ich_node.config.removed import RemovedSetting, find_removed_settings
from ich_node.config.toml_file import lines_of, read_toml
from ich_node.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class LoadedConfig:
    """config: all paths in it are absolute, and the URL of the ledger has its password. home: the
    folder below which relative ones lie. removed: settings of earlier versions that were found and
    have no effect. earlier_ledger: where a version before ICHNODE_HOME would look for the ledger;
    None: at the same place.
    """

    config: Config
    home: Path
    removed: tuple[RemovedSetting, ...]
    earlier_ledger: Path | None

    def require_ledger_in_place(self) -> None:
        """Raises ConfigError if the ledger of an earlier version lies where relative paths used to
        begin, and none where they begin now: a new one would hide what the node has received.
        """
        file = sqlite_file(self.config.database.url)
        if self.earlier_ledger is None or file is None or file.exists():
            return
        # A folder that this user may not enter is none where his node has worked: who becomes
        # the services' user by sudo or setpriv keeps the caller's, e.g. /root.
        if os.access(self.earlier_ledger, os.F_OK):
            raise ConfigError(
                f"there is no ledger at {file},\n"
                f"and one of an earlier version at {self.earlier_ledger}.\n"
                "Relative paths no longer begin in the working directory, but in"
                f" {self.home}.\nSet {HOME_VARIABLE}={Path.cwd()} for services and commands,\n"
                "or stop the node and move its folder"
            )


def load_config(path: Path | None, *, home: Path | None = None) -> LoadedConfig:
    """Read a config.toml (None: all defaults) and the environment.

    home: of somebody else, below which relative paths lie; None: of this process.

    Raises ConfigError with one sentence per mistake.
    """
    values = read_toml(path) if path is not None else {}
    variables = [
        name.upper().removeprefix(ENV_PREFIX).lower()
        for name in os.environ
        if name.upper().startswith(ENV_PREFIX)
    ]
    _refuse_unknown_sections(variables)
    try:
        config = Config(**values)
    except SettingsError as error:
        # not `from error`: it quotes the value, which may be a secret
        field = str(error).partition('"')[2].partition('"')[0]
        raise ConfigError(
            f"environment variable {ENV_PREFIX}{field.upper()} is not JSON; one setting is"
            f" {ENV_PREFIX}{field.upper()}{ENV_DELIMITER}..."
        ) from None
    except ValidationError as error:
        lines = lines_of(path.read_text(encoding="utf-8")) if path is not None else {}
        sentences = [
            f"{_place(mistake['loc'], path, lines, variables)}: {line}"
            for mistake in error.errors()
            for line in sentence(mistake).splitlines()
        ]
        raise ConfigError("\n".join(sentences)) from error
    home = home or home_folder(path)
    earlier = sqlite_file(config.database.url)
    absolute = with_absolute_paths(config, home)
    url = with_password(absolute_url(config.database.url, home), absolute.database.password_file)
    database = replaced(absolute.database, url=url)
    return LoadedConfig(
        config=replaced(absolute, database=database),
        home=home,
        removed=find_removed_settings(values, variables),
        earlier_ledger=earlier.absolute() if earlier and home != Path.cwd() else None,
    )


def _place(
    location: Sequence[str | int],
    path: Path | None,
    lines: Mapping[str, int],
    variables: Collection[str],
) -> str:
    """Where the mistake was written: a line of the file, or an environment variable."""
    parts = [str(part) for part in location if part not in (*KINDS, *KINDS_OF_QUERY)]
    for count in range(len(parts), 0, -1):
        if (variable := ENV_DELIMITER.join(parts[:count])) in variables:
            return f"environment variable {ENV_PREFIX}{variable.upper()}"
        if path is not None and (line := lines.get(".".join(parts[:count]))) is not None:
            return f"{path}, line {line}"
    return str(path) if path else "the defaults"


def _refuse_unknown_sections(variables: Iterable[str]) -> None:
    """pydantic-settings ignores variables of unknown sections, but a typo must be an error."""
    for variable in variables:
        section = variable.split(ENV_DELIMITER)[0]
        if section not in Config.model_fields:
            raise ConfigError(
                f"environment variable {ENV_PREFIX}{variable.upper()}: there is no section"
                f" '{section}'; {near(section, Config.model_fields) or known_settings(Config)}"
            )
