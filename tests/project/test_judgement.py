"""The benchmark of bundles counts what the bundles say."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bundle_pictures import TABLE, read_judged_marks, write_pictures
from benchmarks.bundle_tables import into_document, tables
from benchmarks.judged_series import Group, JudgedSeries, Part
from benchmarks.judgement import Judgement, Read, development_figures, tissue_figures
from ich_node.detection.network_input import PixelGrid
from ich_node.detection.reading import BundleId, Finding, LikelihoodMap, Reading, SliceReading
from ich_node.model.bundle import Bundle
from ich_node.model.bundle_file import open_bundle
from ich_node.model.card import OperatingPoint
from ich_node.series.series import Series
from training.datasets import Box
from training.errors import DataError
from training.pool import as_slice

SIZE_PX, THRESHOLD = 64, 0.75
SMALL = Box(kind="EDH", row0=10, column0=10, row1=15, column1=15)  # 3.24 cm2
LARGE = replace(SMALL, row1=30, column1=30)
GRID = PixelGrid(row_scale=4.0, row_offset=1.5, column_scale=4.0, column_offset=1.5)


@pytest.fixture(scope="module")
def bundle(untrained_bundle: Path) -> Bundle:
    """Without calibration: a probability is the sigmoid of the logit."""
    opened = open_bundle(untrained_bundle)
    card = replace(opened.card, operating_point=OperatingPoint(threshold=THRESHOLD))
    return replace(opened, card=card)


def read(
    bundle: Bundle,
    group: Group,
    logits: Sequence[float],
    *,
    marks: Sequence[tuple[float, float]] = (),
    boxes: tuple[Box, ...] = (),
    kinds: frozenset[str] = frozenset(),
    patient: str = "",
    part: Part | None = None,
    name: str = "",
) -> Read:
    """A series of one slice for each logit, the marks on the first one."""
    hu_YX = np.full((SIZE_PX, SIZE_PX), 30, np.int16)
    hu_YX[[0, -1]] = hu_YX[:, [0, -1]] = 800
    name = name or f"{group}-{logits[0]:g}"
    slices = tuple(
        replace(as_slice(hu_YX), sop_instance_uid=f"{name}.{index}", position_mm=5.0 * index)
        for index in range(len(logits))
    )
    probabilities = [bundle.calibration.probability(logit) for logit in logits]
    findings = tuple(
        Finding(row=row, column=column, likelihood=logits[0], probability=probabilities[0])
        for row, column in marks
    )
    reading = Reading(
        study_instance_uid=name,
        series_instance_uid=name,
        bundle=BundleId(name=bundle.name, sha256=bundle.sha256),
        series_probability=max(probabilities),
        threshold=THRESHOLD,
        slices=tuple(
            SliceReading(
                sop_instance_uid=slice_.sop_instance_uid,
                sop_class_uid="",
                position_mm=slice_.position_mm,
                probability=probability,
                findings=() if index else findings,
            )
            for index, (slice_, probability) in enumerate(zip(slices, probabilities, strict=True))
        ),
        maps=tuple(
            LikelihoodMap(
                sop_instance_uid=slice_.sop_instance_uid,
                logit=logit,
                likelihood_YX=np.full((8, 8), logit, np.float32),
                grid=GRID,
                size_px=SIZE_PX,
            )
            for slice_, logit in zip(slices, logits, strict=True)
        ),
    )
    first = slices[0].sop_instance_uid
    item = JudgedSeries(
        name=name,
        group=group,
        series=Series(study_instance_uid=name, series_instance_uid=name, slices=slices),
        boxes={first: boxes} if boxes else {},
        kinds={first: kinds},
        patient=patient,
        part=part,
    )
    return item, reading


def patient(bundle: Bundle, name: str, logit: float, **of_slice: object) -> list[Read]:
    """One bleeding slice, and the same as a stack."""
    bleeding = read(
        bundle, "bleeding", [logit], patient=name, part="test", name=f"{name}_00", **of_slice
    )
    item, reading = bleeding
    return [bleeding, (replace(item, group="stack", name=name), reading)]


@pytest.fixture(scope="module")
def judgement(bundle: Bundle) -> Judgement:
    """Two positives of which one is below the threshold and below a negative."""
    half = {"patient": "1", "part": "test"}
    edh = frozenset({"EDH"})
    return Judgement(
        bundle=bundle,
        read=(
            read(bundle, "positive", [4.0, 2.0], marks=[(12, 12), (40, 40)]),
            read(bundle, "positive", [0.0]),
            read(bundle, "negative", [0.5, -1.0]),
            read(bundle, "negative", [-2.0]),
            read(bundle, "boxed", [3.0], marks=[(12, 12), (50, 50)], boxes=(LARGE, SMALL)),
            *patient(bundle, "1", 3.0, marks=[(14.9, 10)], boxes=(SMALL,), kinds=edh),
            *patient(bundle, "2", 2.0, marks=[(15, 10)], boxes=(SMALL,), kinds=edh),
            *patient(bundle, "3", -1.0, boxes=(LARGE,), kinds=edh),
            *patient(bundle, "4", 2.5, kinds=frozenset({"IVH"})),
            read(bundle, "clean half", [-3.0], name="1_00", **half),
            read(bundle, "clean half", [1.2], marks=[(3, 3)], name="1_01", **half),
        ),
    )


def test_the_real_series_are_counted(judgement: Judgement):
    """The margin is the difference of log-odds: log(0.75 / 0.25) less 0.5."""
    figures = development_figures(judgement)
    assert figures["pairs"] == [3, 4]
    assert figures["positives_found"] == [1, 2]
    assert (figures["marks_on_positives"], figures["points_on_negatives"]) == (2, 0)
    assert figures["margin_logit"] == pytest.approx(np.log(3) - 0.5)
    assert figures["margin_p"] == pytest.approx(THRESHOLD - 1 / (1 + np.exp(-0.5)))
    (boxed,) = figures["boxed"]
    assert (boxed["hit"], boxed["of"], boxed["false_points"]) == (2, 2, 1)


def test_the_patients_left_out_are_counted(judgement: Judgement):
    """A mark on the last row of a box is outside it; a patient without boxes counts as found
    only.
    """
    figures = tissue_figures(judgement, "test")
    assert figures["found"] == figures["found_as_stack"] == [3, 4]
    assert figures["marked"] == [1, 3]
    assert figures["small_extradurals_found"] == [2, 2]
    assert figures["small_extradurals_marked"] == [1, 2]
    assert figures["halves_below"] == [1, 2]
    assert (figures["halves_above"], figures["points_on_halves"]) == (["1_01"], 1)
    assert [held["slices"] for held in figures["calibration"]] == [1, 0, 1, 0, 1, 2, 1]
    highest = figures["calibration"][-1]
    assert (highest["mean"], highest["with_blood"]) == (pytest.approx(0.9526, abs=1e-4), 1.0)


def test_the_tables_have_every_figure(judgement: Judgement):
    """What was not measured is a dash; a generated part of a document is replaced, and no more."""
    document = {
        "name": "x",
        "threshold": THRESHOLD,
        "development": development_figures(judgement),
        "tissue": {"test": tissue_figures(judgement, "test")},
        "judged": (1, 2),
    }
    text = tables([document, {"name": "y", "threshold": 0.5}])
    assert "| development series: pairs in order | 8 of 8 | 3 of 4 | – |" in text
    assert "| marks on positives that lie on blood, by eye | 70 % | 50 % (1 of 2) | – |" in text
    assert "| **0.953**; 1 of 1; 1 of 1; 1 of 2; **0.953** |" in text
    page = "before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n"
    assert into_document(page, "new") == (
        "before\n<!-- figures -->\n\nnew\n\n<!-- end of figures -->\nafter\n"
    )
    assert max(map(len, into_document(page, "word " * 100).splitlines())) <= 140
    with pytest.raises(DataError, match="<!-- figures -->"):
        into_document("no marks", "new")


def test_marks_are_drawn_and_said_to_be_on_blood_or_not(judgement: Judgement, tmp_path):
    """A row for each mark of the positives; a table that was filled in is not overwritten."""
    pages = write_pictures(judgement, tmp_path)
    assert {page.name for page in pages} == {
        "positive-01.png",
        "boxed-01.png",
        "test-found-01.png",
        "test-missed-01.png",
        "test-halves-above-01.png",
    }
    assert all(page.read_bytes().startswith(b"\x89PNG") for page in pages)
    table = pages[0].parent / TABLE
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["slice"], row["mark"], row["row"]) for row in rows] == [
        ("1", "1", "12"),
        ("1", "2", "40"),
    ]
    table.write_text(table.read_text().replace("0.982,", "0.982,yes", 1))
    write_pictures(judgement, tmp_path)
    assert read_judged_marks(table) == {judgement.bundle.sha256[:8]: (1, 1)}
    table.write_text(table.read_text().replace("yes", "perhaps"))
    with pytest.raises(DataError, match="yes or no"):
        read_judged_marks(table)
