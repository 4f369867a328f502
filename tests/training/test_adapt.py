"""`ich-node adapt` as an admin calls it: on tiny phantoms, with the few steps of a test."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ich_node.errors import BundleError
from ich_node.model.bundle_file import open_bundle
from ich_node.model.revise import revise, rule_for
from ich_node.phantom import make_study
from training.adapt import adaptation, recipe
from training.errors import DataError

FEW = partial(recipe.Recipe, batch=8, validation_slices=64, drawn_bleeds=3, phantom_heads=1)
SHORT = ("--slices", 64, "--epochs", 0.2, "--workers", 1, "--yes")
STUDIES = 8


def write_study(folder: Path, number: int, **settings: Any) -> Path:
    """A head of 16 slices; what is in it is not written beside it."""
    place = folder / f"study-{number}"
    study = make_study(500 + number, rows=128, slice_mm=10, tilt_deg=0.0, **settings)
    study.write(place, patient_id=f"P{number}")
    (place / "truth.json").unlink()
    return place


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Eight studies without bleeding, of as many patients, and three that bleed."""
    folder = tmp_path_factory.mktemp("site")
    for number in range(STUDIES):
        write_study(folder / "negatives", number, bleeds=[])
    for number in range(STUDIES, STUDIES + 3):
        write_study(folder / "positives", number, bleeds=["IPH"])
    (folder / "negatives" / "notes.dcm").write_text("no DICOM")
    return folder


@pytest.fixture(scope="module")
def parent(trained, tmp_path_factory) -> Path:
    """The room's short run, at a threshold at which it calls nothing positive."""
    bundle = open_bundle(trained / "bundle.safetensors")
    path = tmp_path_factory.mktemp("parent") / "parent.safetensors"
    data = revise(
        bundle,
        rule_for(bundle, 0.999),
        who="a test",
        why="a test",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        threshold=0.999,
    )
    path.write_bytes(data)
    return path


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """What a whole run printed, what it left, and what it had learned and measured."""

    output: str
    bundle: Path
    arguments: tuple[object, ...]
    learned: Any
    measured: Any


@pytest.fixture(scope="module")
def adapted(call, site, parent, tmp_path_factory) -> Adapted:
    bundle = tmp_path_factory.mktemp("out") / "ward.safetensors"
    kept: dict[str, Any] = {}

    def keeping(name: str):
        original = getattr(adaptation, name)

        def called(*arguments, **settings):
            kept[name] = original(*arguments, **settings)
            return kept[name]

        return called

    arguments = (
        "adapt",
        *("--negatives", site / "negatives"),
        *("--positives", site / "positives"),
        *("--bundle", parent),
        *SHORT,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "Recipe", FEW)
        for name in ("learn", "measure"):
            patch.setattr(adaptation, name, keeping(name))
        answer = call(*arguments, "--out", bundle)
    assert answer.exit_code == 0, answer.output
    return Adapted(
        output=answer.output,
        bundle=bundle,
        arguments=arguments,
        learned=kept["learn"],
        measured=kept["measure"],
    )


def test_a_site_gets_a_bundle_that_says_how_it_was_made(adapted, parent):
    """The parent, the studies by their UIDs and hashes, what was measured; no patient."""
    card = open_bundle(adapted.bundle).card
    details = card.provenance.details
    assert (card.name, card.demonstration) == ("ward", True)
    assert details["start"]["sha256"] == open_bundle(parent).sha256
    data = details["data"]
    assert (data["training"]["studies"], data["left_out"]["studies"]) == (5, 3)
    assert (data["bleeding"]["studies"], data["bleeding_left_out"]["studies"]) == (2, 1)
    patients = {*data["training"]["patients"], *data["left_out"]["patients"]}
    assert len(patients) == STUDIES
    assert not patients & {f"P{number}" for number in range(STUDIES)}
    assert "P0" not in json.dumps(details)
    assert card.licence.startswith("trained on the data of one site; started from weights under:")
    assert details["adapted"]["left_out_studies"] == 3
    assert details["adapted"]["threshold"]["before"] == 0.999


def test_the_threshold_did_not_rise(adapted):
    """Three left-out studies are too few; the gate is the threshold."""
    bundle = open_bundle(adapted.bundle)
    assert bundle.operating_point.threshold <= 0.999
    assert bundle.peak_rule.slice_gate == bundle.operating_point.threshold


def test_the_card_is_a_page_with_a_picture(adapted):
    """Beside the bundle; what held images of patients on the way is gone."""
    card = adapted.bundle.with_suffix(".card")
    page = (card / "card.md").read_text()
    assert "| bleeds drawn into left-out studies |" in page
    assert open_bundle(adapted.bundle).sha256 in page
    assert (card / "left-out.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in adapted.bundle.parent.iterdir()) == [
        "ward.card",
        "ward.safetensors",
    ]


def test_the_terminal_says_what_was_left_out_and_what_comes_next(adapted, parent):
    """The file that is no DICOM, the table, three commands that can be copied."""
    lines = " ".join(adapted.output.split())
    assert "not a DICOM file: 1" in lines
    assert "5 studies to learn from, 3 of other patients to measure with" in lines
    assert f"ich-node model compare {parent} {adapted.bundle}" in lines
    for command in ("shadow", "activate"):
        assert f"ich-node model {command} {adapted.bundle} " in lines


def test_the_same_command_does_it_once(adapted, call, monkeypatch):
    """It says so, and does nothing; with other options it refuses to replace the bundle."""
    monkeypatch.setattr(recipe, "Recipe", FEW)
    before = adapted.bundle.read_bytes()
    answer = call(*adapted.arguments, "--out", adapted.bundle)
    assert answer.exit_code == 0
    assert "--again makes it anew" in answer.output
    with pytest.raises(BundleError, match="is not of these studies and options"):
        call(*adapted.arguments, "--seed", 1, "--out", adapted.bundle)
    assert adapted.bundle.read_bytes() == before


def test_a_fall_of_the_sensitivity_writes_no_bundle(adapted, call, tmp_path, monkeypatch):
    """Exit code 1, the table, the reason; a second time the reason at once."""
    outcome = replace(adapted.measured.outcome, threshold=None, why_threshold="at no threshold")
    monkeypatch.setattr(recipe, "Recipe", FEW)
    monkeypatch.setattr(adaptation, "learn", lambda *_, **__: adapted.learned)
    monkeypatch.setattr(
        adaptation, "measure", lambda *_, **__: replace(adapted.measured, outcome=outcome)
    )
    out = tmp_path / "refused.safetensors"
    answer = call(*adapted.arguments, "--out", out)
    assert answer.exit_code == 1
    assert "no bundle is written:\n  at no threshold" in answer.stdout
    assert "left-out studies called positive" in answer.stdout
    assert not out.exists()
    assert (
        "**No bundle was written:** at no threshold."
        in (out.with_suffix(".card") / "card.md").read_text()
    )
    monkeypatch.setattr(adaptation, "learn", None)
    again = call(*adapted.arguments, "--out", out)
    assert again.exit_code == 1
    assert "gave no bundle on" in again.output


def refusal(call, *, negatives: Path, parent: Path, out: Path, options: tuple = ()) -> str:
    with pytest.raises((DataError, BundleError)) as raised:
        call("adapt", "--negatives", negatives, "--bundle", parent, "--out", out, *SHORT, *options)
    assert not out.exists()
    return str(raised.value)


def test_a_folder_without_dicom_is_said(call, parent, tmp_path):
    """Before anything is read."""
    (tmp_path / "empty").mkdir()
    words = refusal(call, negatives=tmp_path / "empty", parent=parent, out=tmp_path / "b")
    assert words.endswith("holds no negative head CT series that can be used")
