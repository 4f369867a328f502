"""config init writes a file that works; config show says what counts, and where it came from."""

import json
import tomllib

import pytest

from ich_node.config.load import load_config
from tests.support import REPOSITORY
from tests.support.command_line import ich_node


def test_the_first_file_has_12_lines_and_works(tmp_path):
    """And what an administrator made of it is never overwritten."""
    out = tmp_path / "config.toml"
    done = ich_node("config", "init", "--out", out)
    assert (done.exit_code, done.stderr) == (0, "")
    assert len(out.read_text().splitlines()) == 12
    checked = ich_node("check-config", config=out)
    assert checked.stdout.splitlines()[-1] == f"{out}: ok"
    assert "accepts PACS (pacs) from 127.0.0.1" in checked.stdout
    out.write_text("# mine")
    again = ich_node("config", "init", "--out", out)
    assert again.exit_code == 2
    assert "exists and is not overwritten" in again.stderr
    assert out.read_text() == "# mine"
    nowhere = ich_node("config", "init", "--out", tmp_path / "missing" / "config.toml")
    assert nowhere.exit_code == 2
    assert "cannot write" in nowhere.stderr


def test_the_full_file_has_every_setting_and_changes_none(tmp_path):
    """Whoever has no source tree gets its config.toml, comments included."""
    out = tmp_path / "full.toml"
    assert ich_node("config", "init", "--full", "--out", out).exit_code == 0
    assert out.read_bytes() == (REPOSITORY / "config.toml").read_bytes()
    assert ich_node("check-config", config=out).stdout.splitlines()[-1] == f"{out}: ok"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(
        "[scp]\n# the port\nport = 11412\n"
        "[database]\nurl = 'postgresql+psycopg://ich:s3cret@db/ich'\n"
        "[[sources]]\nname = 'a'\nae_title = 'A'\n[[sources]]\nname = 'b'\nae_title = 'B'\n"
        "[sources.query]\nhost = '10.0.0.1'\nport = 104\n"
        "[[destinations]]\nname = 'w'\nkind = 'webhook'\nurl = 'https://w/'\nsecret_file = 's'\n"
        "[[rules]]\nname = 'thick'\naction = 'hold'\nthickness_mm = [6, inf]\n"
    )
    return path


def test_every_value_has_its_origin(config, monkeypatch):
    """A default, a line of the file, an environment variable; a password is not shown."""
    monkeypatch.setenv("ICHNODE__LOG__LEVEL", "DEBUG")
    done = ich_node("config", "show", "--json", config=config)
    settings = json.loads(done.stdout)["settings"]
    assert settings["scp"]["port"] == {"value": 11412, "from": "line 3"}
    assert settings["scp"]["ae_title"] == {"value": "ICHNODE", "from": "default"}
    assert settings["log"]["level"] == {"value": "debug", "from": "ICHNODE__LOG__LEVEL"}
    assert settings["spool"]["path"] == {
        "value": str(config.parent / "var" / "spool"),
        "from": "default",
    }
    assert [source["name"] for source in settings["sources"]] == [
        {"value": "a", "from": "line 7"},
        {"value": "b", "from": "line 10"},
    ]
    query = settings["sources"][1]["query"]
    assert query["host"] == {"value": "10.0.0.1", "from": "line 13"}
    assert query["kind"] == {"value": "dicom", "from": "default"}
    assert settings["destinations"][0]["secret_file"]["value"] == str(config.parent / "s")
    assert settings["database"]["url"]["value"] == "postgresql+psycopg://ich:***@db/ich"
    assert "s3cret" not in ich_node("config", "show", config=config).stdout


def test_what_is_shown_is_a_configuration(tmp_path, config, monkeypatch):
    """With the same effect as the one that is shown."""
    config.write_text(config.read_text().replace(":s3cret@", "@"))
    monkeypatch.setenv("COLUMNS", "80")
    shown = ich_node("config", "show", config=config).stdout
    tomllib.loads(shown)
    (tmp_path / "shown").mkdir()
    again = tmp_path / "shown" / "config.toml"
    again.write_text(shown)
    assert load_config(again).config == load_config(config).config
