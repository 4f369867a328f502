"""A mistake in config.toml is a sentence that helps."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ich_node.cli import app
from ich_node.config.config import Config
from ich_node.config.load import load_config
from ich_node.errors import ConfigError


def mistake(tmp_path: Path, toml: str) -> str:
    path = tmp_path / "config.toml"
    path.write_text(toml)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (
            "[scp]\nprot = 1",
            "[scp] has no setting 'prot'; did you mean 'port'?",
        ),
        ("[spc]\nport = 1", "no section 'spc'; did you mean 'scp'?"),
        (
            "[tls]\nae_title = 'PACS'",
            "[tls] has no setting 'ae_title'; [[sources]] and [[destinations]] have it: is that"
            " line still a comment?",
        ),
        (
            "[[destinations]]\nname = 'a'\nhost = 'h'\nport = 1\nae_title = 'A'\nae_title = 'B'",
            "line 6 sets ae_title a second time in its section;\nis the line [[sources]] or"
            " [[destinations]] above it still a comment?",
        ),
        ("[scp]\nzzz = 1", "[scp] has no setting 'zzz'; it knows: ae_title, bind_address, port"),
        ("[scp]\n[log]\n[scp]\nport = 1", "line 3 begins [scp] a second time"),
        ("[scp]\nae_title = PACS", "line 2: "),
        ("[analysis]\ndevice = 'gpu'", "no device 'gpu'; did you mean 'cuda'?"),
        ("[analysis]\ndevice = 'gpu:1'", "did you mean 'cuda:1'?"),
        ("[log]\nlevel = 'inf'", "; did you mean 'info'? (got 'inf')"),
        ("[database]\nurl = 'postgres://db/ich'", "write postgresql+psycopg:// instead of"),
        ("[series]\nquiet_seconds = 1000", "quiet_seconds 1000 is longer than max_wait_seconds"),
        (
            "[[sources]]\nname = 'a'\nae_title = 'A'\nquiet_seconds = 901",
            "a: quiet_seconds 901 is longer than [series] max_wait_seconds 900",
        ),
        (
            "[[destinations]]\nname = 'a'\nae_title = 'A'\nport = 1\nhost = 'https://10.0.0.1'",
            "'https://10.0.0.1' is a URL; give the name or address alone: '10.0.0.1'",
        ),
        (
            "[[destinations]]\nname = 'a'\nae_title = 'A'\nport = 1\nhost = '10.0.0.1:104'",
            "has a port; give host = '10.0.0.1' and port",
        ),
        (
            "[[sources]]\nname = 'a'\nae_title = 'A'\nhosts = ['pacs.hospital.example']",
            "hosts: 'pacs.hospital.example' is not an address: a connection shows the sender's"
            " address, not its name",
        ),
        (
            "[[sources]]\nname = 'a'\nae_title = 'A'\nhosts = ['10.0.0.0/8']\n"
            "[[sources]]\nname = 'b'\nae_title = 'A'\nhosts = ['10.1.2.3']",
            "a and b have the same ae_title 'A' and hosts in common",
        ),
        (
            "[scp]\nport = 99999",
            "[scp] port: Input should be less than or equal to 65535 (got 99999)",
        ),
        (
            '[report]\nsummary = ["positive"]\n',
            "[report] summary: Input should be 'present', 'absent', 'undetermined' or "
            "'not_analysed' (got 'positive')",
        ),
        ("[scp]\nae_title = 'A TITLE THAT IS TOO LONG'", "is not an AE title"),
        (
            "[[destinations]]\nname = 'pacs'\nae_title = 'PACS'\nport = 104",
            "[[destinations]] needs the setting 'host'",
        ),
        ("[[sources]]\nname = 'a'\nae_title = 'A'\nhosts = ['10.0.0.300']", "10.0.0.300"),
        (
            "[[sources]]\nname = 'a'\nae_title = 'A'\n[[sources]]\nname = 'a'\nae_title = 'B'",
            "uses the name a more than once",
        ),
        ("[scp\nport = 1", "is not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_neighbours(tmp_path, toml, words):
    assert words in mistake(tmp_path, toml)


def test_all_mistakes_are_named_at_once(tmp_path):
    """One line for each: a field's, and rules between sections."""
    said = mistake(tmp_path, "[scp]\nport = -1\n[log]\nlevel = 'loud'\n[spol]\npath = 'x'\n")
    assert len(said.splitlines()) == 3
    both = "[[sources]]\nname = 'a'\nae_title = 'A'\nquiet_seconds = 901\n"
    assert len(mistake(tmp_path, both + both).splitlines()) == 4


def test_a_mistake_is_named_with_its_line(tmp_path, monkeypatch):
    """Or with the environment variable that has it, whose value is not printed if it is no JSON."""
    source = "[[sources]]\nname = 'a'\nae_title = 'A'\n"
    query = "[sources.query]\nhost = 'h'\nport = 'x'\n"
    said = mistake(tmp_path, f"{source}\n{source}hsots = []\n{query}[[destinations]]\nname = 'p'\n")
    assert {line.removeprefix(f"{tmp_path}/").split(": ")[0] for line in said.splitlines()} == {
        "config.toml, line 8",  # hsots
        "config.toml, line 11",  # port
        "config.toml, line 12",  # what the destination lacks
    }
    monkeypatch.setenv("ICHNODE__SCP__PORT", "99999")
    assert mistake(tmp_path, "").startswith("environment variable ICHNODE__SCP__PORT: [scp] port")
    monkeypatch.setenv("ICHNODE__SOURCES", '[{"name": secret')
    assert mistake(tmp_path, "").startswith("environment variable ICHNODE__SOURCES is not JSON;")


def test_words_of_a_list_may_be_in_upper_case(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(
        "[log]\nlevel = 'INFO'\n[analysis]\ndevice = 'CPU'\nengine = 'Torch'\n"
        "[report]\nsummary = ['PRESENT']\n"
        "[[destinations]]\nname = 'a'\nkind = 'HL7'\nhost = 'h'\nport = 1\n"
    )
    config = load_config(path).config
    assert (config.log.level, config.analysis.device, config.analysis.engine) == (
        "info",
        "cpu",
        "torch",
    )
    assert config.report.summary == ("present",)
    assert config.destinations[0].address == "HL7 at h:1"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(tmp_path / "nowhere.toml")


def test_the_environment_goes_over_the_file(tmp_path, monkeypatch):
    """ICHNODE__SECTION__KEY."""
    path = tmp_path / "config.toml"
    path.write_text("[scp]\nport = 4000\nae_title = 'FILE'")
    monkeypatch.setenv("ICHNODE__SCP__PORT", "4001")
    config = load_config(path).config
    assert (config.scp.port, config.scp.ae_title) == (4001, "FILE")


def test_a_misspelt_variable_is_an_error_too(monkeypatch):
    monkeypatch.setenv("ICHNODE__SPC__PORT", "4001")
    with pytest.raises(ConfigError, match="there is no section 'spc'"):
        load_config(None)


def test_no_file_is_all_defaults():
    with_paths = {"spool", "database", "web"}
    assert load_config(None).config.model_dump(exclude=with_paths) == (
        Config().model_dump(exclude=with_paths)
    )
    assert (Config().scp.ae_title, Config().scp.port, Config().series.quiet_seconds) == (
        "ICHNODE",
        11112,
        20,
    )


def test_what_is_discarded_is_never_committed(tmp_path):
    """A source that gets Success for objects that are not kept must not ask whether they are."""
    path = tmp_path / "config.toml"
    source = '[[sources]]\nname = "pacs"\nae_title = "PACS"\nother_classes = "discard"\n'
    path.write_text(source)
    assert load_config(path).config.sources[0].other_classes == "discard"
    said = CliRunner().invoke(app, ["--config", str(path), "check-config"])
    assert "WARNING: objects of pacs that are no CT are answered with Success" in said.output
    path.write_text(f"{source}storage_commitment = true\n")
    with pytest.raises(ConfigError, match="pacs: other_classes 'discard' cannot be used with"):
        load_config(path)
