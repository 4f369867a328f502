"""Models on the site: looked at, compared, changed, activated."""

import re
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ich_node.answer import Answer
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.model.bundle_file import read_header, shipped_bundle
from ich_node.web.visitor import Role
from tests.documents.states.shadow import NEW, WARD
from tests.documents.states.shadow import state as with_a_shadow
from tests.support.browser import needs_chromium, signed_in_page, violations
from tests.support.site import running_site


@contextmanager
def started(folder):
    with with_a_shadow(folder) as config, running_site(config) as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The ward's model reads, another one is the shadow. For tests that only look."""
    with started(tmp_path_factory.mktemp("models")) as running:
        yield running


@pytest.fixture(scope="module")
def looker(site):
    with site.signed_in(Role.LOOK) as client:
        yield client


def bundle(site, name):
    return read_header(site.site.config_path.with_name(f"{name}.safetensors"))


def text_of(answer):
    """Without tags, one space between words."""
    assert answer.status_code == 200, answer.text
    body = answer.text.split("<main", 1)[-1].partition(">")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_what_reads_and_what_else_there_is(site, looker):
    text = text_of(looker.get("/model"))
    ward, new = bundle(site, "ward"), bundle(site, "new")
    assert f"Reads now ward-1 SHA-256 {ward.sha256} Positive from 50 %" in text
    assert "Shadow head-ct-2" in text
    assert "2 waiting, 10 read" in text or "10 read, 2 waiting" in text
    assert new.sha256[:12] in text
    assert read_header(shipped_bundle()).name in text
    assert "demonstration" in text


def test_what_the_analysers_have_loaded(site, looker):
    """An analyser takes the next model with its next series."""
    now, ward = site.site.clock(), bundle(site, "ward")
    facts = {"bundle": "old", "bundle_sha256": "e" * 64, "engine": "openvino", "gpu": None}
    loaded = Heartbeat(
        host="reader-1",
        service="analyse",
        pid=7,
        version="0",
        started_at=now,
        beat_at=now,
        is_ready=True,
        facts=facts,
    )
    heartbeats = site.site.ledger.heartbeats
    assert "no analyser runs" in text_of(looker.get("/model"))
    heartbeats.beat(loaded)
    text = text_of(looker.get("/model"))
    assert "Read on reader-1 openvino old eeeeeeeeeeee until the next series" in text
    heartbeats.beat(replace(loaded, facts=facts | {"bundle_sha256": ward.sha256}))
    assert "until the next series" not in text_of(looker.get("/model"))
    heartbeats.end(host="reader-1", service="analyse", pid=7)


def test_who_may_only_look_finds_no_button(site, looker):
    for path in ("/model", f"/model/bundle/{bundle(site, 'new').sha256}", "/model/threshold"):
        assert 'method="post"' not in looker.get(path).text.split("<main", 1)[1]


def test_a_card_is_a_page(site, looker):
    text = text_of(looker.get(f"/model/bundle/{bundle(site, 'new').sha256}"))
    assert "from 60 %" in text
    assert "Licence Apache-2.0" in text
    assert "2,2" in text or "weights" in text
    assert "Learned from Source a test" in text
    shipped = looker.get("/model").text.split("/model/bundle/")
    shas = {part[:64] for part in shipped[1:]}
    demo = [sha for sha in shas if "NOT FOR PATIENTS" in looker.get(f"/model/bundle/{sha}").text]
    assert len(demo) == 1
    assert looker.get("/model/bundle/0123456789").status_code == 404


def test_two_models_on_the_series_that_both_have_read(site, looker):
    a, b = bundle(site, "ward").sha256, bundle(site, "new").sha256
    text = text_of(looker.get("/model/compare", params={"a": a, "b": b}))
    assert "10 series; A has read 12, B 10." in text
    assert "A positive 3 2 A not 1 4" in text
    # jobs 7 and 8 only the one, job 9 only the other, which bleeds
    assert "Only A is positive (2)" in text
    assert "Only B is positive (1)" in text
    assert 'href="/series/9"' in looker.get("/model/compare", params={"a": a, "b": b}).text
    assert "On 8 series with a verdict" in text
    assert "3 of 4" in text  # A finds three of the four that bleed
    assert "operating_point.threshold 0.5 0.6" in text
    week = text_of(looker.get("/model/compare", params={"a": a, "b": b, "days": "7"}))
    assert "There are none" in week


def test_a_model_that_has_read_nothing_in_common(site, looker):
    shas = {part[:64] for part in looker.get("/model").text.split("/model/bundle/")[1:]}
    other = next(iter(shas - {bundle(site, name).sha256 for name in ("ward", "new")}))
    text = text_of(looker.get("/model/compare", params={"b": other}))
    assert "There are none: A has read 12 series, B 0" in text


def test_what_another_threshold_would_change(site, looker):
    text = text_of(looker.get("/model/threshold/changes", params=preview(site, threshold="0.65")))
    assert "Answers that change 1 of 12 series become negative" in text
    assert "4 of 12 series, now 5" in text
    changed = looker.get("/model/threshold/changes", params=preview(site, threshold="0.65")).text
    assert changed.count('href="/series/') == 1
    assert 'href="/series/7"' in changed
    # of four that bleed three are found either way; of four that do not one more is negative
    assert re.search(r"Sensitivity 75 % \( ?30 to 95 % ?\) 75 %", text), text
    assert re.search(r"Specificity 75 % \( ?30 to 95 % ?\) 100 %", text), text


def test_a_lower_threshold_makes_series_positive(site, looker):
    text = text_of(looker.get("/model/threshold/changes", params=preview(site, threshold="0.1")))
    become = sum(0.1 <= score < 0.5 for score in WARD)
    assert f"Answers that change {become} of 12 series become positive" in text


def preview(site, **fields):
    return {"bundle": bundle(site, "ward").sha256, **fields}


def test_what_cannot_be_known_without_pixels_is_said(site, looker):
    text = text_of(looker.get("/model/threshold/changes", params=preview(site, h="2", d="9")))
    assert "Answers that change 0 of 12 series" in text
    assert "cannot be said without the pixels" in text


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("threshold", "nan", "between 0 and 1"),
        ("threshold", "1", "between 0 and 1"),
        ("threshold", "<script>", "between 0 and 1"),
        ("d", "1.5", "whole number"),
        ("h", "-1", "0 or more"),
        ("T", "inf", "T is a number"),
        ("gate", "1.1", "from 0 (off) to 1"),
    ],
)
def test_a_number_that_cannot_be_is_named(site, looker, name, typed, words):
    answer = looker.get("/model/threshold", params=preview(site, **{name: typed}))
    assert words in text_of(answer)
    assert "<script>" not in answer.text.split("<main", 1)[1]


def test_a_model_from_the_preview_to_the_next_series_and_back(tmp_path):
    """Set the threshold, activate the new model, roll back; then the shadow is another one."""
    with started(tmp_path) as site, site.signed_in() as client:
        client.timeout = 120  # commands start on a busy machine
        ledger, ward = site.site.ledger, bundle(site, "ward")
        made = site.post(
            client, "/model/set-rule", sha256=ward.sha256, threshold="0.65", why="fewer alerts"
        )
        assert "Nothing reads with it yet" in made.text
        sha256 = made.url.path.rpartition("/")[2]
        file = tmp_path / "spool" / "bundles" / f"{sha256}.safetensors"
        header = read_header(file)
        assert (header.threshold, header.sha256) == (0.65, sha256)
        assert header.revisions[-1]["who"].endswith("(site)")
        assert header.revisions[-1]["parent_sha256"] == ward.sha256
        assert [each.suffix for each in file.parent.iterdir()] == [".safetensors"]
        assert "fewer alerts" in made.text
        # it has the parent's scores: what it would have said is known at once
        changes = client.get("/model/threshold/changes", params={"bundle": sha256})
        assert "of 12 series" in text_of(changes)

        answer = site.post(client, "/model/activate", sha256=sha256, why="agreed on Monday")
        assert "reads from the next series on" in answer.text
        active = ledger.activations.active_bundle()
        assert (active.sha256, active.why) == (sha256, "agreed on Monday")
        assert active.who == "Ada (site)"

        missing = site.post(client, "/model/shadow", file="/nowhere.safetensors", why="try")
        assert "cannot read the bundle" in missing.text
        site.post(client, "/model/shadow", sha256=ward.sha256, why="the old one")
        assert ledger.shadows.history()[0].bundle_sha256 == ward.sha256
        answer = site.post(client, "/model/shadow/stop")
        assert "its answers stay" in answer.text
        assert ledger.shadows.history()[0].stopped_at is not None
        assert "There is no shadow" in site.post(client, "/model/shadow/stop").text

        refused = site.post(client, "/model/rollback", why="too many missed", back="/model")
        assert "no other bundle was activated before" in refused.text
        assert re.search(r"To go back to \S+ \w{12}, activate it on its card", refused.text)
        ledger.activations.activate_bundle(
            path=str(tmp_path / "gone.safetensors"),
            sha256="c" * 64,
            name="gone",
            who="jo",
            why="",
            now=site.site.clock(),
        )
        assert "gone.safetensors" in text_of(client.get("/model"))
        site.post(client, "/model/rollback", why="its file is gone")
        assert ledger.activations.active_bundle().sha256 == sha256
        events = [(each.action, each.outcome) for each in ledger.audit.newest()]
        assert events[::-1] == [
            ("model rule set", "done"),
            ("model activated", "done"),
            ("shadow started", "refused"),
            ("shadow started", "done"),
            ("shadow stopped", "done"),
            ("shadow stopped", "done"),
            ("model rolled back", "refused"),
            ("model rolled back", "done"),
        ]


def test_a_rule_that_cannot_be_is_refused(site):
    """With a sentence; nothing is left behind."""
    with site.signed_in() as client:
        client.timeout = 120
        answer = site.post(
            client,
            "/model/set-rule",
            sha256=bundle(site, "ward").sha256,
            threshold="high",
            why="try",
            back="/model/threshold",
        )
    assert answer.url.path == "/model/threshold"
    assert "the threshold is a number between 0 and 1" in text_of(answer)
    assert list((site.site.config().spool.path / "bundles").glob("*")) == []


def test_who_may_only_look_cannot_change_models(site, looker):
    before = site.site.ledger.activations.activations()
    for path in ("activate", "rollback", "shadow", "shadow/stop", "set-rule"):
        answer = site.post(looker, f"/model/{path}", sha256=bundle(site, "new").sha256, why="x")
        assert answer.status_code == 403
    assert site.site.ledger.activations.activations() == before
    assert site.site.ledger.shadows.history()[0].stopped_at is None


def test_the_states_of_the_examples(site):
    """The figures above come from these."""
    assert sum(score >= 0.5 for score in WARD) == 5
    assert len(NEW) == 10
    assert site.site.ledger.operator.get(1).answer is Answer.PRESENT


@needs_chromium
def test_the_threshold_is_chosen_with_the_keyboard(browser, site):
    with signed_in_page(browser, site) as page:
        page.goto("/model/threshold")
        field = page.get_by_label("Positive from (0 to 1)")
        field.focus()
        field.press("Control+a")
        page.keyboard.type("0.65")
        page.get_by_text("of 12 series become negative").wait_for()
        assert page.locator("input[form=make][name=threshold]").input_value() == "0.65"
        slider = page.get_by_label("Slide")
        assert slider.input_value() == "0.65"
        slider.focus()
        for _ in range(5):
            slider.press("PageDown")
        page.get_by_text("of 12 series become positive").wait_for()
        assert float(field.input_value()) < 0.5
        assert violations(page) == []
        page.goto("/model/compare")
        assert violations(page) == []
