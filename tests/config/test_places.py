"""Relative paths have one base, for services and commands alike: ICHNODE_HOME, else the folder of
config.toml.
"""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from ich_node.config.config import Config
from ich_node.config.load import load_config
from ich_node.config.places import absolute_url
from ich_node.ledger import open_ledger
from tests.support.command_line import ich_node, ich_node_process

EVERY_PATH = """
[spool]
path = "objects"
[database]
url = "sqlite:///ledger.sqlite?timeout=5"
search_key = "search.key"
[bundle]
path = "mine.safetensors"
[tls]
certificate = "tls.pem"
key = "tls.key"
ca = "/etc/ca.pem"
[[destinations]]
name = "worklist"
kind = "webhook"
url = "https://worklist/"
secret_file = "secret"
"""


def paths(settings: BaseModel) -> list[Path]:
    """All in the settings, at any depth."""
    found: list[Path] = []

    def walk(value: Any) -> None:
        if isinstance(value, Path):
            found.append(value)
        elif isinstance(value, BaseModel):
            for name in type(value).model_fields:
                walk(getattr(value, name))
        elif isinstance(value, tuple):
            for each in value:
                walk(each)

    walk(settings)
    return found


@pytest.fixture
def etc(tmp_path, monkeypatch) -> Path:
    """A config.toml in a folder, while the working directory is another."""
    for name in ("etc", "elsewhere", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "etc" / "config.toml").write_text(EVERY_PATH)
    return tmp_path / "etc" / "config.toml"


@pytest.mark.parametrize("home", [None, "home"])
def test_every_relative_path_lies_below_one_folder(etc, tmp_path, monkeypatch, home):
    """Absolute paths stay as they are."""
    if home:
        monkeypatch.setenv("ICHNODE_HOME", str(tmp_path / home))
    folder = tmp_path / (home or "etc")
    config = load_config(etc).config
    assert sorted(paths(config)) == sorted(
        [
            Path("/etc/ca.pem"),
            *(folder / name for name in ("objects", "mine.safetensors", "tls.pem", "tls.key")),
            folder / "search.key",
            folder / "secret",
            folder / "var/web-look.token",
            folder / "var/web-operate.token",
        ]
    )
    assert config.database.url == f"sqlite:///{folder}/ledger.sqlite?timeout=5"


def test_without_a_file_it_is_the_working_directory(etc):
    config = load_config(None).config
    assert config.spool.path == Path.cwd() / "var" / "spool"
    assert config.database.url == f"sqlite:///{Path.cwd()}/var/ich-node.sqlite"
    assert all(path.is_absolute() for path in paths(config))
    assert config.scp == Config().scp


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://ich@db/ich",
        "sqlite:////var/lib/ledger.sqlite",
        "sqlite:///:memory:",
        "sqlite://",
    ],
)
def test_other_urls_stay(url):
    assert absolute_url(url, Path("/home")) == url


@pytest.mark.parametrize("command", [("receive",), ("jobs", "list"), ("jobs", "retry", "1")])
def test_the_ledger_of_an_earlier_version_is_not_left_behind(etc, tmp_path, command):
    """It lies below the working directory, where relative paths used to begin: nothing starts
    beside it, and both places and the remedy are named.
    """
    open_ledger("sqlite:///ledger.sqlite").dispose()
    run = ich_node_process if command == ("receive",) else ich_node
    done = run(*command, config=etc)
    assert done.exit_code == 2
    for words in (
        f"no ledger at {tmp_path}/etc/ledger.sqlite",
        f"earlier version at {tmp_path}/elsewhere/ledger.sqlite",
        f"ICHNODE_HOME={tmp_path}/elsewhere",
    ):
        assert words in done.stderr
    assert [path.name for path in etc.parent.iterdir()] == ["config.toml"]


def test_with_its_home_the_earlier_ledger_is_used(etc, tmp_path, monkeypatch):
    open_ledger("sqlite:///ledger.sqlite").dispose()
    monkeypatch.setenv("ICHNODE_HOME", str(tmp_path / "elsewhere"))
    assert ich_node("jobs", "list", config=etc).exit_code == 0
