"""The authors' two checkpoints, imported, against what their own code gives on real slices."""

import ast
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch

from ich_node.model.bundle import Bundle, load_bundle, pack_bundle
from ich_node.model.detector import Detector
from ich_node.model.import_published import convert_published
from ich_node.report import lesions_of
from ich_node.series.read import read_series
from tests.support.extended import sampled
from tests.support.real import FOLDER, real

TOLERANCE = 1e-4
SERIES = [
    "positive/cq500-ivh-80",
    "positive/cq500-sdh-412",
    "positive/rsna-edh-cce87b8761",
    "positive/rsna-iph-66a50aa62a",
    "negative/cq500-47",
    "negative/rsna-515961ad20",
]


@pytest.fixture(scope="module")
def bundles() -> dict[str, Bundle]:
    return {head: published(f"{head}.pt") for head in ("MaxPool", "Attention")}


def published(name: str) -> Bundle:
    state = torch.load(real("published-checkpoints", name), weights_only=True, map_location="cpu")
    return load_bundle(
        pack_bundle(*convert_published(state, source=name, created="2026-01-01")), origin=name
    )


def reference(folder: str) -> dict[str, np.ndarray]:
    found = sorted(real("published-checkpoints", "reference").glob(f"*{Path(folder).name}*.npz"))
    return dict(np.load(found[0]))


@pytest.mark.parametrize("folder", sampled(SERIES))
def test_logits_and_maps_equal_the_authors(folder, bundles):
    """Every slice of the series, both heads, within 1e-4."""
    series = read_series([pydicom.dcmread(path) for path in sorted(real(folder).iterdir())])
    expected = reference(folder)
    order = {str(uid): index for index, uid in enumerate(expected["sop_uids"])}
    for head, logit, map_ in (
        ("MaxPool", "max_logit", "max_map"),
        ("Attention", "att_logit", "att_map"),
    ):
        maps = Detector(bundles[head]).read(series).maps
        assert len(maps) == len(order)
        for found in maps:
            index = order[found.sop_instance_uid]
            assert abs(found.logit - float(expected[logit][index])) < TOLERANCE
            assert np.abs(found.likelihood_YX - expected[map_][index]).max() < TOLERANCE


@pytest.mark.parametrize("folder", sampled([*SERIES[2:], *SERIES[:2]]))
def test_positive_series_are_positive_and_negative_ones_negative(folder, bundles):
    """At the published model's p 0.75."""
    series = read_series([pydicom.dcmread(path) for path in sorted(real(folder).iterdir())])
    reading = Detector(bundles["MaxPool"]).read(series)
    assert reading.threshold == 0.75
    assert reading.positive == folder.startswith("positive")


def test_lesions_are_the_bleeds_that_people_count(bundles):
    """The extradural bleed is one lesion, though the head moved and its slices were repeated; the
    subdural bleeds of both sides stay two, with the occipital one.
    """
    lesions = {}
    for folder in ("positive/rsna-edh-cce87b8761", "positive/cq500-sdh-412"):
        series = read_series([pydicom.dcmread(path) for path in sorted(real(folder).iterdir())])
        lesions[folder] = lesions_of(series, Detector(bundles["MaxPool"]).read(series))
        for lesion in lesions[folder]:
            assert len(lesion.slice_indices) == len(lesion.marks)  # one mark a slice
    edh, sdh = lesions.values()
    assert len(edh) == 1
    assert len(sdh) == 3
    sides = [{mark.patient_mm[0] > 0 for mark in lesion.marks} for lesion in sdh[:2]]
    assert sides == [{False}, {True}]


def expert_boxes() -> dict[str, list[dict[str, float]]]:
    """SOPInstanceUID -> boxes in pixels: x, y, width, height."""
    boxes: dict[str, list[dict[str, float]]] = defaultdict(list)
    with real("boxed", "bhx_boxes_for_available_slices.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            boxes[row["SOPInstanceUID"]].append(ast.literal_eval(row["data"]))
    return boxes


@pytest.mark.parametrize("name", ["CQ500-CT-1", "CQ500-CT-310"])
def test_a_finding_lies_in_an_expert_box(name, bundles):
    """The boxed slices of BHX: at least one mark inside a box."""
    boxes = expert_boxes()
    hits = 0
    for path in sorted(real("boxed", name).rglob("*")):
        if path.is_dir() or path.name.endswith(("J2KI.dcm", "UNCI.dcm")):
            continue
        dataset = pydicom.dcmread(path)
        reading = Detector(bundles["MaxPool"]).read(read_series([dataset], single_slice=True))
        for finding in reading.slices[0].findings:
            hits += any(
                box["x"] <= finding.column <= box["x"] + box["width"]
                and box["y"] <= finding.row <= box["y"] + box["height"]
                for box in boxes[str(dataset.SOPInstanceUID)]
            )
    assert hits >= 1


def test_the_reference_covers_what_is_compared():
    """So that a renamed folder cannot turn the comparison into nothing."""
    real("published-checkpoints")
    assert all((FOLDER / folder).is_dir() for folder in SERIES)
