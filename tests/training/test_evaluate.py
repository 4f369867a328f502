"""Evaluation: the served Detector on DICOM, counted by the paper's rule; `tune` and `evaluate` on
real boxed slices.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ich_node.detection.peaks import PeakRule
from ich_node.errors import BundleError
from ich_node.model.bundle import Bundle, load_bundle, pack_bundle
from ich_node.model.detector import Detector
from ich_node.model.import_published import convert_published
from ich_node.phantom import make_study
from tests.support.real import real
from tests.support.training.labelled_heads import bundle_of, write_series
from training.datasets import Box, LabelledSeries, load, read_dataset
from training.errors import DataError
from training.evaluate import evaluate
from training.figures import figures
from training.model_card import model_card
from training.splits import make_split, write_split

RULE = PeakRule(min_distance_px=8, min_likelihood=-100.0, min_prominence=0.01)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return bundle_of(RULE)


@pytest.fixture
def labelled(bundle, tmp_path) -> list[LabelledSeries]:
    """Patient a: boxes around the first mark of slices 3 and 4, and one where no mark can be. b:
    healthy. c: refused.
    """
    plain = write_series(tmp_path / "data", "a", boxes={})
    marks = {
        read.sop_instance_uid: read.findings for read in Detector(bundle).read(load(plain)).slices
    }
    boxes = {}
    for index in (3, 4):
        first = marks[plain.slices[index].sop_instance_uid][0]
        boxes[index] = (
            Box(
                kind="SDH",
                row0=first.row - 1,
                column0=first.column - 1,
                row1=first.row + 1,
                column1=first.column + 1,
            ),
        )
    boxes[3] += (Box(kind="EDH", row0=-9, column0=-9, row1=-1, column1=-1),)
    return [
        write_series(tmp_path / "data", "a", boxes=boxes),
        write_series(tmp_path / "data", "b", boxes={}),
        write_series(tmp_path / "data", "c", boxes={}, ConvolutionKernel="BONEPLUS"),
    ]


def test_the_counts_are_those_of_the_served_detector(bundle, labelled):
    """Two boxes with a mark, one without; every other mark of the Detector is a false positive."""
    (evaluation,) = evaluate([bundle], labelled=labelled)
    readings = [Detector(bundle).read(load(series)) for series in labelled[:2]]
    marks = sum(len(read.findings) for reading in readings for read in reading.slices)
    document = figures(evaluation, resamples=100)
    counted = document["localisation"]
    assert (counted["tp"], counted["fn"], counted["fp"]) == (2, 1, marks - 2)
    assert counted["sensitivity"] == pytest.approx(2 / 3)
    assert counted["dice"] == pytest.approx(4 / (4 + marks - 2 + 1))
    assert document["kinds"] == {
        "EDH": {"found": 0, "of": 1, "share": 0.0},
        "SDH": {"found": 2, "of": 2, "share": 1.0},
    }
    assert document["negative_series"] == {
        "series": 1,
        "points": sum(len(read.findings) for read in readings[1].slices),
    }
    assert document["slice"]["count"] == 24
    assert (document["study"]["positive"], document["study"]["count"]) == (1, 2)
    json.dumps(document, allow_nan=False)


def test_a_refused_series_is_named(bundle, labelled):
    """In the figures and on the card, with its reason; it is in no count."""
    (evaluation,) = evaluate([bundle], labelled=labelled)
    document = figures(evaluation, resamples=100)
    assert [(skip["what"], skip["reason"]) for skip in document["skipped"]] == [
        (labelled[2].series_instance_uid, "bone_kernel")
    ]
    card = model_card(
        [bundle],
        documents=[document],
        data={"data_set": "test", "left_out": {"a twin": 2}},
        pictures=[],
    )
    assert f"- {labelled[2].series_instance_uid}: bone_kernel" in card
    assert "2 series were read, 1 were not; left out of the data set: 2." in card


def test_marks_are_scored_where_their_truth_is_known(bundle, labelled):
    """Not on slices that bleed, or may bleed, without a box; their labels and study count."""
    positive = labelled[0]
    slices = list(positive.slices)
    slices[4] = replace(slices[4], boxes=())
    slices[5] = replace(slices[5], label=None)
    (evaluation,) = evaluate([bundle], labelled=[replace(positive, slices=tuple(slices))])
    read = Detector(bundle).read(load(positive)).slices
    unknown = {slices[4].sop_instance_uid, slices[5].sop_instance_uid}
    marks = sum(len(each.findings) for each in read if each.sop_instance_uid not in unknown)
    document = figures(evaluation, resamples=100)
    counted = document["localisation"]
    assert (counted["slices"], counted["unlocated_slices"]) == (10, 2)
    assert (counted["tp"], counted["fn"], counted["fp"]) == (1, 1, marks - 1)
    assert (document["slice"]["count"], document["slice"]["positive"]) == (11, 2)
    card = model_card(
        [bundle], documents=[document], data={"data_set": "test", "left_out": {}}, pictures=[]
    )
    assert "2 slices bleed, or may bleed, and have no box: marks on them are not scored." in card


def test_nothing_to_evaluate(bundle, labelled):
    """Only refused series: an error that says why."""
    with pytest.raises(DataError, match=r"no series could be evaluated .*bone_kernel"):
        evaluate([bundle], labelled=labelled[2:])


def test_several_bundles_side_by_side(bundle, labelled):
    """Each line of the table is what the bundle gets alone; the paper's own rows are last."""
    strict = load_bundle(
        pack_bundle(
            replace(bundle.card, peak_rule=replace(RULE, min_likelihood=1e6)), bundle.weights
        ),
        origin="",
    )
    both = [
        figures(evaluation, resamples=100)
        for evaluation in evaluate([bundle, strict], labelled=labelled)
    ]
    assert both[0] == figures(evaluate([bundle], labelled=labelled)[0], resamples=100)
    assert (
        both[1]["localisation"]["tp"],
        both[1]["localisation"]["fp"],
        both[1]["localisation"]["fn"],
    ) == (0, 0, 3)
    card = model_card([bundle, strict], documents=both, data={"left_out": {}}, pictures=[])
    table = [line for line in card.splitlines() if line.startswith(("| test", "| paper"))]
    assert [line.split(" | ")[0].rsplit(" ", 1)[0] for line in table] == [
        "| test",
        "| test",
        "| paper,",
        "| paper,",
    ]
    assert "| paper, pooling | 61.88 | 54.72 | 58.08 |" in card
    assert "| paper, attention | 38.19 | 62.13 | 47.30 |" in card
    assert "| 0.00" in table[1]


def test_ignored_kinds_count_neither_way(bundle, labelled):
    """Without SDH the missed EDH remains, and the marks in the SDH boxes are no false positives."""
    counted = figures(evaluate([bundle], labelled=labelled)[0], resamples=100)["localisation"]
    ignoring = figures(
        evaluate([bundle], labelled=labelled, ignored_kinds=frozenset({"SDH"}))[0], resamples=100
    )["localisation"]
    assert (ignoring["tp"], ignoring["fn"], ignoring["fp"]) == (0, 1, counted["fp"])


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    paths = {}
    for head in ("MaxPool", "Attention"):
        state = torch.load(
            real("published-checkpoints", f"{head}.pt"), weights_only=True, map_location="cpu"
        )
        paths[head] = folder / f"{head}.safetensors"
        paths[head].write_bytes(
            pack_bundle(*convert_published(state, source=head, created="2026-01-01"))
        )
    return paths


@pytest.fixture
def boxed(tmp_path) -> Path:
    """The two boxed real slices with their expert boxes, in the layout of BHX."""
    folder = tmp_path / "boxed"
    folder.mkdir()
    for source in (
        "CQ500-CT-1/2.5_5mm/CT000000.dcm",
        "CQ500-CT-310/5_5mm_Plain_one_slice/693_UNCR.dcm",
    ):
        shutil.copy(real("boxed", source), folder / Path(source).name)
    shutil.copy(real("boxed", "bhx_boxes_for_available_slices.csv"), folder / "bhx_boxes.csv")
    return folder


def test_evaluate_on_the_boxed_slices(call, boxed, published, tmp_path):
    """Both published heads on both slices: max-pooling finds at least one box on each; card,
    figures and pictures are written.
    """
    out = tmp_path / "out"
    bundles = [option for path in published.values() for option in ("--bundle", path)]
    result = call("evaluate", boxed, *bundles, "--out", out, "--resamples", 100)
    assert result.exit_code == 0, result.output
    assert "| paper, pooling | 61.88 | 54.72 | 58.08 |" in result.output
    pooling, attention = json.loads((out / "figures.json").read_text())["bundles"]
    assert (pooling["localisation"]["slices"], pooling["localisation"]["boxes"]) == (2, 5)
    assert pooling["localisation"]["tp"] == 5
    assert attention["localisation"]["tp"] >= 1
    assert pooling["study"]["positive"] == 2
    card = (out / "card.md").read_text()
    pictures = [
        line.split("(")[1].rstrip(")") for line in card.splitlines() if line.startswith("![")
    ]
    assert len(pictures) == 3
    assert all((out / picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_tune_on_the_boxed_slices(call, boxed, published, tmp_path):
    """A new bundle with its provenance, no worse than before; the parent stays; the search is kept
    as CSV and PNG.
    """
    parent = published["Attention"].read_bytes()
    out = tmp_path / "out" / "tuned.safetensors"
    arguments = (
        "tune",
        boxed,
        "--bundle",
        published["Attention"],
        "--out",
        out,
        "--cache",
        tmp_path / "maps",
        "--evaluations",
        14,
    )
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    assert published["Attention"].read_bytes() == parent
    before, after = (
        load_bundle(parent, origin="before"),
        load_bundle(out.read_bytes(), origin="after"),
    )
    (revision,) = after.card.provenance.details["revisions"]
    evidence = revision["evidence"]
    assert revision["parent_sha256"] == before.sha256
    assert (evidence["evaluations"], evidence["slices"], evidence["data_set"]) == (14, 2, "bhx")
    assert evidence["dice"] >= evidence["dice_before"]
    table = out.with_suffix(".csv").read_text().splitlines()
    assert len(table) == 15
    assert table[1].startswith("1,0.00378,0.02417,58,0.0,")
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(BundleError, match="a tuned bundle is a new file"):
        call(*arguments)


def test_the_test_part_is_for_evaluation_alone(call, bundle, tmp_path):
    """Of three phantom patients one is for testing: evaluate reads that one alone, and tune is told
    no.
    """
    folder = tmp_path / "phantoms"
    for seed in range(3):
        make_study(seed, bleeds=["IPH"], rows=128, slice_mm=10).write(folder / str(seed))
    found = read_dataset(folder)
    third = 1 / 3
    split = make_split(
        "phantom",
        found.patients(),
        fractions={"train": third, "validation": third, "test": third},
        seed=0,
    )
    path = tmp_path / "split.json"
    sha256 = write_split(split, path)
    file = tmp_path / "test.safetensors"
    file.write_bytes(pack_bundle(bundle.card, bundle.weights))
    out = tmp_path / "out"
    result = call(
        "evaluate", folder, "--bundle", file, "--out", out, "--split", path, "--resamples", 100
    )
    assert result.exit_code == 0, result.output
    document = json.loads((out / "figures.json").read_text())
    assert document["bundles"][0]["series"] == 1
    assert (document["data"]["part"], document["data"]["split_sha256"]) == ("test", sha256)
    with pytest.raises(DataError, match=r"is for `ich-node evaluate` alone"):
        call(
            "tune",
            folder,
            "--bundle",
            file,
            "--out",
            tmp_path / "tuned",
            "--split",
            path,
            "--part",
            "test",
        )
