"""Where relative paths of the configuration lie: below one folder, for services and commands alike.

That folder is ICHNODE_HOME where it is set, else the folder of config.toml, else the working
directory.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

HOME_VARIABLE = "ICHNODE_HOME"
SQLITE_FILE = re.compile(r"sqlite(\+\w+)?:///(?P<path>[^?]+)(\?.*)?")
Model = TypeVar("Model", bound=BaseModel)


def home_folder(config_path: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder below which relative paths lie."""
    home = environment.get(HOME_VARIABLE)
    if home:
        return Path(home).absolute()
    return config_path.absolute().parent if config_path is not None else Path.cwd()


def with_absolute_paths(settings: Model, home: Path) -> Model:
    """The same settings; every relative path in them, at any depth, lies below home."""
    return replaced(
        settings,
        **{name: _absolute(getattr(settings, name), home) for name in type(settings).model_fields},
    )


def replaced(settings: Model, **changes: Any) -> Model:
    """With other values; what was a default stays known as one."""
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    return type(settings).model_construct(
        _fields_set=set(settings.model_fields_set), **(values | changes)
    )


def _absolute(value: Any, home: Path) -> Any:
    if isinstance(value, Path):
        return home / value
    if isinstance(value, BaseModel):
        return with_absolute_paths(value, home)
    if isinstance(value, tuple):
        return tuple(_absolute(each, home) for each in value)
    return value


def absolute_url(url: str, home: Path) -> str:
    """The URL of a database; a relative SQLite file lies below home, other URLs stay."""
    file = sqlite_file(url)
    if file is None or file.is_absolute():
        return url
    scheme, _, rest = url.partition(":///")
    return f"{scheme}:///{home}/{rest}"


def sqlite_file(url: str) -> Path | None:
    """None: the URL names no file."""
    match = SQLITE_FILE.fullmatch(url)
    return Path(match["path"]) if match and match["path"] != ":memory:" else None
