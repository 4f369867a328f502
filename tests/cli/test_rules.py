"""The rules on the command line: what they are, what they would do, and that a hold is taken back.
docs/operations.md shows the words.
"""

import json
from pathlib import Path

import pytest

from ich_node.ledger import JobState, open_existing_ledger
from ich_node.series.shipped_rules import SHIPPED
from tests.documents.states.site_rules import state
from tests.support.command_line import ich_node


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Of the node of docs/operations.md."""
    return tmp_path_factory.mktemp("rules")


@pytest.fixture(scope="module")
def config(folder: Path):
    with state(folder) as path:
        yield path


def test_rules_show_as_json(config):
    """Those of the site in their order, the shipped ones with their words; who took one away."""
    shown = json.loads(ich_node("rules", "show", "--json", config=config).stdout)
    assert [rule["name"] for rule in shown["site"]] == ["perfusion", "qa", "stroke"]
    assert shown["site"][1] == {
        "name": "qa",
        "action": "hold",
        "reason": None,
        "hold_minutes": 60,
        "conditions": {"quality_control_image": True},
    }
    shipped = {rule["name"]: rule for rule in shown["shipped"]}
    assert list(shipped) == list(SHIPPED)
    assert "Knochen*" in shipped["bone-description"]["words"]["sharp"]["de"]
    assert shipped["bone-kernel"]["taken_away"]["conditions"] == {
        "source": ["old-ct"],
        "kernel": ["BONE"],
    }
    assert shipped["page-of-text"]["taken_away"] is None


def test_the_shipped_rules_are_shown_with_every_word(config):
    """In lines that an administrator can read."""
    shown = ich_node("rules", "show", "--shipped", config=config).stdout
    assert "perfusion: refuse" not in shown
    words = " ".join(shown.split())
    for rule in SHIPPED.values():
        assert all(value in words for value in rule.values)
        for languages in rule.words.values():
            assert all(phrases in words for phrases in languages.values())
    assert max(map(len, shown.splitlines())) <= 80


def test_explain_is_a_tester(config, folder):
    """Of files as if they came from a source, and of jobs; as JSON with the rules that decide."""
    explained = ich_node("explain", folder / "incoming", 1, "--json", config=config)
    files, job = json.loads(explained.stdout)["series"]
    assert (files["outcome"], files["reason"]) == ("refused", "bone_kernel")
    assert files["rules"] == [
        {"rule": "bone-kernel", "shipped": True, "action": "refuse", "why": "kernel BONE"}
    ]
    assert (job["job"], job["source"], job["outcome"]) == (1, "modality", "held")
    assert job["rules"][0]["rule"] == "qa"


def test_explain_takes_the_words_of_a_job(config):
    """The end of the series UID, as the list prints it."""
    listed = ich_node("jobs", "list", "--json", config=config)
    uids = {job["id"]: job["series_instance_uid"] for job in json.loads(listed.stdout)["jobs"]}
    explained = ich_node("explain", f"…{uids[1][-8:]}", config=config)
    assert explained.stdout.startswith("job 1, series ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["explain", "nowhere"], "there is no file, folder or job 'nowhere'"),
        (["explain", "99"], "there is no file, folder or job '99': it is no number (up to 2)"),
        (
            ["explain", "1", "--source", "er"],
            "no source 'er'; there are: modality, old-ct",
        ),
        (["jobs", "release", "2"], "job 2 is refused: only a held job can be released"),
    ],
)
def test_a_wrong_word_is_a_sentence(config, words, sentence):
    ran = ich_node(*words, config=config)
    assert ran.exit_code == 2
    assert sentence in " ".join(ran.stderr.split())


def test_explain_makes_nothing(tmp_path):
    """Where nothing was received there is no job."""
    path = tmp_path / "config.toml"
    path.write_text(f'[database]\nurl = "sqlite:///{tmp_path}/ledger.sqlite"\n')
    assert ich_node("explain", "1", config=path).exit_code != 0
    assert list(tmp_path.iterdir()) == [path]


def test_check_config_names_the_rules(tmp_path, config):
    """And one that never matches; a mistake is one sentence."""
    said = ich_node("check-config", config=config).stdout
    assert "rule stroke: urgent" in said
    behind = '[[rules]]\nname = "late"\naction = "read"\ndescription = "*perf*"\nmodality = "CT"\n'
    path = tmp_path / "config.toml"
    path.write_text(config.read_text() + behind)
    assert "WARNING: [[rules]] late never matches" in ich_node("check-config", config=path).stdout
    path.write_text(config.read_text() + '[[rules]]\nname = "bone"\naction = "disabled"\n')
    wrong = ich_node("check-config", config=path)
    assert wrong.exit_code == 2
    assert "[[rules]] bone: there is no shipped rule of this name" in wrong.stderr


def test_release_lets_a_job_be_read(config, folder):
    """Each of several; it works once."""
    assert ich_node("jobs", "release", "1", config=config).exit_code == 0
    ledger = open_existing_ledger(f"sqlite:///{folder}/ledger.sqlite")
    job = ledger.operator.get(1)
    ledger.dispose()
    assert (job.state, job.reason) == (JobState.WAITING, None)
    assert ich_node("jobs", "release", "1", config=config).exit_code == 2
