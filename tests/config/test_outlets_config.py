"""[[destinations]]: each kind has its own settings; a mistake names them."""

import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ich_node.cli import app
from ich_node.config.config import Config
from ich_node.config.destinations import KINDS, DicomDestination
from ich_node.config.load import load_config
from ich_node.errors import ConfigError
from tests.support import REPOSITORY

HEAD = "[[destinations]]\nname = 'a'\n"
EXAMPLE = REPOSITORY / "config.toml"


def load(tmp_path: Path, toml: str) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(toml)
    return load_config(path).config


def test_a_destination_without_a_kind_is_a_dicom_peer(tmp_path):
    """Configurations of earlier versions have no kinds."""
    (destination,) = load(tmp_path, f"{HEAD}ae_title = 'PACS'\nhost = 'h'\nport = 104").destinations
    assert destination == DicomDestination(name="a", ae_title="PACS", host="h", port=104)
    assert (destination.kind, destination.priority, destination.only_if_positive) == (
        "dicom",
        0,
        False,
    )


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (
            "kind = 'hl8'",
            "[[destinations]] kind: there is no kind 'hl8'; did you mean 'hl7'?",
        ),
        (
            "kind = 'hl7'\nhost = 'h'\nport = 1\nae_title = 'X'",
            "[[destinations]] has no setting 'ae_title'; it knows: name",
        ),
        (
            "kind = 'webhook'\nurl = 'https://h/'",
            "[[destinations]] needs the setting 'secret_file'; it knows: name",
        ),
        (
            "kind = 'stow'\nurl = 'ftp://h/'",
            "[[destinations]] url: URL scheme should be 'http' or 'https'",
        ),
        (
            "kind = 'stow'\nurl = 'https://h'\nusername = 'u'",
            "[[destinations]] a: username and password_file go together",
        ),
        (
            "kind = 'stow'\nurl = 'http://h'\ntoken_file = 't'",
            "[[destinations]] a: a token or password needs https:// in url",
        ),
        (
            "kind = 'webhook'\nurl = 'http://h'\nsecret_file = 's'\nidentifiers = true",
            "a: identifiers needs https:// in url",
        ),
        (
            "kind = 'hl7'\nhost = 'h'\nport = 1\ntls = true",
            "[[destinations]] a: tls needs [tls] certificate and ca",
        ),
        (
            "kind = 'hl7'\nhost = 'h'\nport = 1\npriority = 1000",
            "[[destinations]] priority: Input should be less than or equal",
        ),
        (
            "kind = 'webhook'\nurl = 'https://h'\nsecret_file = 's'\ntimeout_seconds = 600",
            "[[destinations]] timeout_seconds:",
        ),
    ],
)
def test_a_mistake_is_named_with_its_neighbours(tmp_path, toml, words):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, HEAD + toml)
    assert words in str(caught.value)


def test_a_password_in_a_url_is_refused_and_not_repeated(tmp_path):
    with pytest.raises(ConfigError, match="secrets come from files") as caught:
        load(tmp_path, f"{HEAD}kind = 'stow'\nurl = 'https://me:hunter2@h/'")
    assert "hunter2" not in str(caught.value)


def test_a_proxy_on_this_host_may_do_the_https(tmp_path):
    """Nothing but this host is between them."""
    toml = (
        f"{HEAD}kind = 'webhook'\nurl = 'http://127.0.0.1:8080/'\nsecret_file = 's'\n"
        "identifiers = true"
    )
    assert load(tmp_path, toml).destinations[0].priority == 10


def examples() -> dict[str, dict]:
    """The commented destinations of config.toml as they would be without the comment."""
    text = EXAMPLE.read_text(encoding="utf-8")
    lines = text[text.index("# Where results are sent") : text.index("[database]")].splitlines()
    settings = "\n".join(line.removeprefix("# ") for line in lines if "=" in line or "[[" in line)
    return {each["kind"]: each for each in tomllib.loads(settings)["destinations"]}


def test_config_toml_shows_every_kind_and_every_setting():
    """Each example shows all settings of its kind that the examples before it did not explain, at
    their defaults where they have one.
    """
    shown = examples()
    assert set(shown) == set(KINDS)
    explained = set(shown["dicom"])
    for kind, model in KINDS.items():
        web = {"ca"} if kind == "webhook" else set()
        assert set(model.model_fields) <= set(shown[kind]) | explained | web
        for name, field in model.model_fields.items():
            if (
                name in shown[kind]
                and not field.is_required()
                and isinstance(field.default, bool | int | float | str)
            ):
                example = name in ("tls", "storage_commitment", "calling_ae_title")
                assert example or shown[kind][name] == field.default, (kind, name)


def test_check_config_says_where_results_go(tmp_path):
    """One line for each destination: what it gets, where it is, whether patients are named.

    The path and query of a URL are not printed.
    """
    path = tmp_path / "config.toml"
    path.write_text(
        f"{HEAD}kind = 'webhook'\nurl = 'https://h/path?key=hunter2'\nsecret_file = 's'\n"
        "only_if_positive = true\n"
        "[[destinations]]\nname = 'ris'\nkind = 'hl7'\nhost = 'h'\nport = 2575\n"
        "identifiers = true\n"
    )
    said = CliRunner().invoke(app, ["--config", str(path), "check-config"]).output
    assert (
        "sends notifications to a (webhook at https://h:443), but no negative results,"
        " priority 10" in said
    )
    assert "sends notifications to ris (HL7 at h:2575) with patient and order, priority 10" in said
    assert "hunter2" not in said


SOURCES = (
    '[[sources]]\nname = "north-ct"\nae_title = "CT"\nhosts = ["10.1.0.0/16"]\n'
    '[[sources]]\nname = "south-ct"\nae_title = "CT"\nhosts = ["10.2.0.0/16"]\n'
    '[[sources]]\nname = "north-pacs"\nae_title = "PACS"\n'
)
RETURNED = 'ae_title = "{}"\nhost = "h"\nport = 104\nreturn_to_sender = true\n{}'


def routed(tmp_path, settings):
    path = tmp_path / "config.toml"
    path.write_text(f'{SOURCES}[[destinations]]\nname = "x"\n{settings}')
    return load_config(path).config.destinations[0]


@pytest.mark.parametrize(
    ("settings", "gets", "gets_not"),
    [
        (RETURNED.format("PACS", ""), ["north-pacs"], ["north-ct"]),
        (RETURNED.format("CT", 'sources = ["south-ct"]'), ["south-ct"], ["north-ct"]),
        (
            'ae_title = "A"\nhost = "h"\nport = 1\nsources = ["north-ct", "north-pacs"]',
            ["north-ct", "north-pacs"],
            ["south-ct", "north-ct"],
        ),
        ('ae_title = "A"\nhost = "h"\nport = 1', ["north-ct", "anything"], None),
    ],
)
def test_a_destination_may_have_results_of_its_sources(tmp_path, settings, gets, gets_not):
    """Of a series from several of them, too; not if another one is among them."""
    destination = routed(tmp_path, settings)
    assert destination.may_have(gets)
    assert gets_not is None or not destination.may_have(gets_not)


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        (
            'ae_title = "A"\nhost = "h"\nport = 1\nsources = ["north_ct"]',
            "x: sources: there is no [[sources]] entry 'north_ct'; did you mean 'north-ct'?",
        ),
        (
            'ae_title = "A"\nhost = "h"\nport = 1\nsources = ["QQ"]',
            "there is no [[sources]] entry 'QQ'; there are: north-ct, south-ct, north-pacs",
        ),
        (RETURNED.format("OTHER", ""), "needs a [[sources]] entry with its ae_title 'OTHER'"),
        (
            RETURNED.format("CT", ""),
            "x: return_to_sender: north-ct, south-ct have the same ae_title 'CT'; say whose"
            ' results it gets: sources = ["north-ct"]',
        ),
        (RETURNED.format("CT", 'sources = ["north-pacs"]'), "none of its sources has the ae_title"),
        ('ae_title = "A"\nhost = "h"\nport = 1\nsources = []', "sources"),
    ],
)
def test_a_route_that_begins_nowhere_is_a_mistake(tmp_path, settings, mistake):
    """The sentence names the destination, and the nearest source."""
    with pytest.raises(ConfigError, match=re.escape(mistake)):
        routed(tmp_path, settings)
