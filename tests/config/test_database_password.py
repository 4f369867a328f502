"""The password of the ledger's user comes from a file."""

import pytest
import sqlalchemy as sa

from ich_node.config.load import load_config
from ich_node.config.origin import effective_values
from ich_node.errors import ConfigError

POSTGRESQL = "postgresql+psycopg://ichnode@db/ich"


@pytest.fixture
def config(tmp_path):
    """A configuration with a file of that content and mode."""

    def made(url=POSTGRESQL, password="p@ss:w/rd%\n", mode=0o640):
        if password is not None:
            (tmp_path / "db.password").write_text(password)
            (tmp_path / "db.password").chmod(mode)
        path = tmp_path / "config.toml"
        path.write_text(f'[database]\nurl = "{url}"\npassword_file = "db.password"\n')
        return path

    return made


def test_password_is_used_and_never_shown(config):
    path = config()
    loaded = load_config(path).config
    assert sa.make_url(loaded.database.url).password == "p@ss:w/rd%"
    shown = [str(value.value) for value in effective_values(loaded, path, {})]
    assert "postgresql+psycopg://ichnode:***@db/ich" in shown
    assert not any("p%40ss" in each or "p@ss" in each for each in shown)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"password": None}, "cannot read .*db.password: No such file"),
        ({"password": "\n"}, "db.password is empty"),
        ({"mode": 0o644}, "every user of this machine can read .*; `chmod 600"),
        ({"url": "postgresql+psycopg://ich:old@db/ich"}, "has a password, too; remove one of them"),
        ({"url": "postgresql+psycopg://db/ich"}, "names no user: write postgresql.psycopg://USER@"),
        ({"url": "sqlite:///l.sqlite"}, "SQLite has no passwords"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(config, given, sentence):
    with pytest.raises(ConfigError, match=rf"\[database\] password_file: .*{sentence}"):
        load_config(config(**given))
