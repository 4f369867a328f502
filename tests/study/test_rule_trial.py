"""Drafts of rules are tried on what was received."""

import pytest

from ich_node.config.config import Config
from ich_node.config.draft_rules import draft_rules
from ich_node.errors import ConfigError
from ich_node.study.rule_trial import tried
from tests.documents.states.site_rules import series

CONFIG = Config(
    sources=[{"name": "modality", "ae_title": "CT_ER"}],
    rules=[
        {"name": "qa", "action": "hold", "quality_control_image": True},
        {"name": "perfusion", "action": "refuse", "reason": "no", "description": "*perf*"},
    ],
)


@pytest.fixture
def received(calm):
    """1: a head; 2: a perfusion of thin slices; 3: a phantom."""
    calm.receive(series(1, SeriesDescription="Head"))
    calm.receive(series(2, SeriesDescription="Perfusion", SliceThickness=1))
    calm.receive(series(3, SeriesDescription="QA", QualityControlImage="YES"))
    return calm


def trials(node, text):
    """By the number of the job."""
    found = tried(
        draft_rules(text, CONFIG.sources),
        node.ledger.operator.list(),
        config=CONFIG,
        spool=node.spool,
        instances=node.ledger.operator.instances,
    )
    return {trial.job.id: trial for trial in found}


def test_a_draft_stands_before_the_rules_and_says_what_changes(received):
    """Which series it decides, why, and what the rules of config.toml do with them now."""
    draft = 'name = "thin"\naction = "urgent"\nthickness_mm = [0, 2]\nsource = "modality"'
    found = trials(received, draft)
    assert [number for number, trial in found.items() if trial.matches] == [2]
    assert (found[2].then.action, found[2].then.rule) == ("urgent", "thin")
    assert found[2].then.why == "source 'modality'; SliceThickness 1 is in 0 to 2"
    assert (found[2].now.action, found[2].now.rule) == ("refuse", "perfusion")
    assert found[2].changes
    assert not found[1].changes
    assert found[1].fails == ("thickness_mm",)
    assert found[1].then.action == ""
    assert found[3].then.rule == "qa"


def test_a_draft_with_the_name_of_a_rule_stands_in_its_place(received):
    """So its place in the order stays: what an earlier rule holds is still held."""
    draft = 'name = "perfusion"\naction = "refuse"\nreason = "no"\ndescription = ["*qa*", "head"]'
    found = trials(received, draft)
    assert {number: trial.then.action for number, trial in found.items()} == {
        1: "refuse",
        2: "",
        3: "hold",
    }
    assert found[1].changes
    assert found[2].changes
    assert not found[3].changes


def test_a_draft_can_take_a_shipped_rule_away(received):
    found = trials(received, 'name = "bone-kernel"\naction = "read"\ndescription = "head"')
    assert found[1].then.taken_away == ("bone-kernel",)
    assert found[1].matches
    assert found[1].changes
    assert not found[2].matches
    with pytest.raises(ConfigError, match="there is no shipped rule of this name to disable"):
        trials(received, 'name = "bone-colonel"\naction = "disabled"')


def test_a_series_whose_files_are_gone_is_named_as_such(received):
    job = received.job
    for instance in received.ledger.operator.instances(job):
        received.spool.absolute(instance.path).unlink()
    found = trials(received, 'name = "all"\naction = "read"\nmodality = "*"')
    assert [number for number, trial in found.items() if not trial.is_readable] == [job.id]


def test_of_a_long_series_some_headers_are_read_and_all_slices_counted(calm, monkeypatch):
    """12 of the slices tell what most of them say; how many there are stands in the ledger."""
    calm.receive(series(1))
    count = len(calm.ledger.operator.instances(calm.job))
    assert count == 12
    headers = calm.ledger.operator.instances(calm.job)
    monkeypatch.setattr(calm.ledger.operator, "instances", lambda _: headers * 3)
    draft = 'name = "many"\naction = "refuse"\nreason = "no"\nslices = [36, 36]'
    assert trials(calm, draft)[1].matches
