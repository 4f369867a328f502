"""A head is whole from the skull base to the vertex, or the series says what is missing."""

import random

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ich_node.errors import Refusal
from ich_node.series.cranial_section import cranial_section
from ich_node.series.read import read_series
from ich_node.series.rules import SelectionRules
from tests.support.heads import head_hu, head_slice
from tests.support.real import real

STEP_MM, COUNT = 5.0, 25


def head(indices=range(COUNT), **attributes):
    """Slices of one head, 5 mm apart, numbered from the vertex as many scanners do."""
    return [
        head_slice(
            index,
            count=COUNT,
            **{
                "ImagePositionPatient": [-100.0, -100.0, STEP_MM * index],
                "InstanceNumber": 100 + COUNT - index,
                "SliceThickness": "5",
                **attributes,
            },
        )
        for index in indices
    ]


def missing(datasets, **options):
    return [
        (part.part, part.from_mm, part.to_mm, part.slices)
        for part in read_series(datasets, **options).missing
    ]


def test_a_whole_head_is_whole():
    assert missing(head()) == []


def test_a_hole_is_named_with_its_place_its_slices_and_its_neighbours():
    series = read_series(head([*range(9), *range(14, COUNT)]))
    (hole,) = series.missing
    assert (hole.part, hole.from_mm, hole.to_mm, hole.slices) == ("hole", 40.0, 70.0, 5)
    assert hole.instance_numbers == (117, 111)
    assert hole.detail == (
        "no slice between image 117 (40.0 mm) and image 111 (70.0 mm): 30 mm, about 5 slices"
    )


@pytest.mark.parametrize(("first", "last", "part"), [(4, COUNT, "base"), (0, COUNT - 5, "vertex")])
def test_a_cut_end_is_named(first, last, part):
    (found,) = read_series(head(range(first, last))).missing
    assert found.part == part
    assert (found.to_mm, found.from_mm) == (20.0, None) if part == "base" else (None, 95.0)


def test_one_slice_that_never_came_is_a_warning_two_are_a_hole():
    """10 mm between slices is what some scanners send; a bleed of 1 ml does not fit between."""
    series = read_series(head([*range(9), *range(10, COUNT)]))
    assert series.missing == ()
    assert [
        (warning.kind, "image 117 (40.0 mm) and image 115" in warning.detail)
        for warning in series.warnings
    ] == [("gap", True)]
    assert missing(head([*range(9), *range(11, COUNT)])) == [("hole", 40.0, 55.0, 2)]


def test_the_limit_is_a_setting():
    with_gap = head([*range(9), *range(10, COUNT)])
    assert missing(with_gap, rules=SelectionRules(largest_gap_mm=8.0)) == [("hole", 40.0, 50.0, 1)]


def test_an_aborted_transfer_is_missing_whatever_the_slices_show():
    (part,) = read_series(head(), transfer_aborted=True).missing
    assert part.part == "transfer"


@pytest.mark.parametrize(
    "damage",
    [
        {"PixelData": b"\0" * 100},  # truncated
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"RescaleSlope": None},
        {"PixelData": b"\0" * 2 * 128 * 128},  # decodes, and shows nothing
        {"RescaleIntercept": "1000"},
        {"ConvolutionKernel": "BONE"},
        {"ImageType": ["DERIVED", "SECONDARY", "MPR"]},
    ],
    ids=["truncated", "monochrome1", "no rescale", "blank", "wrong rescale", "bone", "derived"],
)
def test_an_unread_slice_inside_the_brain_is_missing(damage):
    datasets = head()
    datasets[12] = head([12], **damage)[0]
    (part,) = read_series(datasets).missing
    assert (part.part, part.from_mm, part.instance_numbers) == ("unread", 60.0, (113,))


def test_an_unread_slice_is_not_missing_where_a_repeat_shows_its_place():
    datasets = [*head(), *head([12], SOPInstanceUID="1.2.3", AcquisitionNumber=2)]
    datasets[12].PixelData = b"\0" * 100
    series = read_series(datasets)
    assert series.missing == ()
    assert [left.kind for left in series.left_out] == ["undecodable"]


def test_a_slice_without_a_place_is_missing_and_a_page_of_text_is_not():
    slice_ = head([12], SOPInstanceUID="1.2.3", ImagePositionPatient=None)[0]
    slice_.PixelData = (head_hu(level=0.5) + 1024 + 3).astype("<i2").tobytes()
    page = head([12], SOPInstanceUID="1.2.4", ImagePositionPatient=None)[0]
    page.PixelData = (
        (np.where(np.indices((128, 128)).sum(0) % 9 == 0, 200, -1000) + 1024)
        .astype("<i2")
        .tobytes()
    )
    assert missing([*head(), page]) == []
    assert missing([*head(), slice_]) == [("unread", None, None, 1)]


def test_a_page_of_text_among_the_slices_is_left_out():
    """It has the geometry of a slice; the network must not read letters."""
    page = head([12], SOPInstanceUID="1.2.3", InstanceNumber=999, AcquisitionNumber=9)[0]
    text_YX = np.where(np.indices((128, 128)).sum(0) % 40 == 0, 200, -1000)
    page.PixelData = (text_YX + 1024).astype("<i2").tobytes()
    series = read_series([*head(), page])
    assert len(series.slices) == COUNT
    assert [left.kind for left in series.left_out] == ["no_head_shown"]
    assert series.missing == ()


def test_a_second_kernel_at_the_places_of_slices_hides_nothing():
    bone = head(ConvolutionKernel="BONE")
    for index, dataset in enumerate(bone):
        dataset.SOPInstanceUID = f"1.2.6.{index + 1}"
    series = read_series([*head(), *bone])
    assert {left.kind for left in series.left_out} == {"bone_kernel"}
    assert series.missing == ()


def test_a_slice_whose_position_went_astray_is_missing_a_stray_copy_is_not():
    """Nobody knows its place, and it may be the one that bleeds."""
    datasets = head()
    datasets[12].ImagePositionPatient = [0, 0, 4000]
    assert missing(datasets) == [("unread", None, None, 1)]
    copy = head([12], SOPInstanceUID="1.2.3", ImagePositionPatient=[0, 0, 4000])
    assert missing([*head(), *copy]) == []


def test_slices_after_a_blank_end_do_not_make_a_vertex():
    """Cut in the middle of the brain, and the last object holds no pixels that mean anything."""
    datasets = head(range(15))
    for dataset in head([15, 16]):
        dataset.PixelData = (np.full((128, 128), -1000) + 1024).astype("<i2").tobytes()
        datasets.append(dataset)
    assert {part for part, *_ in missing(datasets)} >= {"vertex"}


def test_two_tilts_are_two_stacks_and_one_whole_one_is_enough():
    tilted = head(ImageOrientationPatient=[1, 0, 0, 0, 0.94, -0.3412])
    for index, dataset in enumerate(tilted):
        dataset.SOPInstanceUID = f"1.2.5.{index + 1}"
    series = read_series([*head(), *tilted])
    assert len(series.slices) == 2 * COUNT
    assert {slice_.stack for slice_ in series.slices} == {0, 1}
    assert series.missing == ()
    assert missing([*head(range(19)), *tilted[:19]])


def test_a_second_acquisition_at_the_same_places_is_read():
    second = head(AcquisitionNumber=2)
    for index, dataset in enumerate(second):
        dataset.SOPInstanceUID = f"1.2.5.{index + 1}"
        dataset.PixelData = (head_hu(level=index / (COUNT - 1)) + 1024 + 3).astype("<i2").tobytes()
    series = read_series([*head(AcquisitionNumber=1), *second])
    assert [sum(slice_.stack == stack for slice_ in series.slices) for stack in (0, 1)] == [
        COUNT
    ] * 2
    acquisitions = {
        slice_.stack: slice_.sop_instance_uid.startswith("1.2.5.") for slice_ in series.slices
    }
    assert sorted(acquisitions.values()) == [False, True]


def test_a_stray_position_is_left_out_by_name():
    stray = head([3], SOPInstanceUID="1.2.3", ImagePositionPatient=[-100, -100, 900])[0]
    stray.PixelData = (np.full((128, 128), -1000) + 1024).astype("<i2").tobytes()
    series = read_series([*head(), stray])
    assert [left.kind for left in series.left_out] == ["stray_position"]
    assert len(series.slices) == COUNT


@pytest.mark.parametrize(
    ("folder", "parts"),
    [
        ("negative/cq500-47", set()),
        ("negative/rsna-515961ad20", {"hole"}),
    ],
)
def test_the_ends_of_real_heads_are_seen(folder, parts):
    """cq500-47: 30 slices, at most 11.9 mm apart. rsna-515961ad20: steps of 15 and 21 mm."""
    datasets = [pydicom.dcmread(path) for path in sorted(real(folder).iterdir())]
    series = read_series(datasets)
    assert {part.part for part in series.missing} == parts


@pytest.mark.parametrize("removed", [range(8), range(8, 14), range(22, 30)])
def test_a_real_head_with_a_part_cut_out_is_not_whole(removed):
    paths = sorted(real("negative/cq500-47").iterdir())
    datasets = sorted(
        (pydicom.dcmread(path) for path in paths), key=lambda ds: float(ds.ImagePositionPatient[2])
    )
    series = read_series([ds for index, ds in enumerate(datasets) if index not in removed])
    assert series.missing


def test_the_measure_grows_from_the_neck_to_the_widest_slice_and_falls_to_the_vertex():
    areas = [
        cranial_section(slice_.hu_YX, slice_.pixel_spacing_mm).brain_cm2
        for slice_ in read_series(head()).slices
    ]
    widest = int(np.argmax(areas))
    assert areas[0] < 10
    assert areas[-1] < 10
    assert areas[:widest] == sorted(areas[:widest])
    assert areas[widest:] == sorted(areas[widest:], reverse=True)


# --- never a false calm

INTACT, BLANK, TRUNCATED, NO_PLACE, GONE = range(5)
LABELS = ["HEAD 5mm", "CT Thorax", "POST OP", "OHNE KM", "Bone?", "", "X" * 64]


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    fates=st.lists(
        st.sampled_from([INTACT] * 12 + [BLANK, TRUNCATED, NO_PLACE, GONE, GONE]),
        min_size=COUNT,
        max_size=COUNT,
    ),
    cut=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    twice=st.sets(st.integers(0, COUNT - 1), max_size=4),
    seed=st.integers(0, 2**16),
    label=st.sampled_from(LABELS),
)
def test_no_subset_order_damage_or_label_makes_a_whole_head_of_less(fates, cut, twice, seed, label):
    rng = random.Random(seed)
    datasets, seen_mm, unread_mm = [], [], []
    for index, fate in enumerate(fates):
        if fate == GONE or index < cut[0] or index >= COUNT - cut[1]:
            continue
        number = rng.choice([index + 1, COUNT - index, 0, 99999999999])
        uid = f"1.2.{rng.randrange(10**9)}.{index}"
        dataset = head([index], SOPInstanceUID=uid, InstanceNumber=number, SeriesDescription=label)[
            0
        ]
        if fate == BLANK:
            dataset.PixelData = b"\0" * 2 * 128 * 128
        elif fate == TRUNCATED:
            dataset.PixelData = b"\0" * 999
        elif fate == NO_PLACE:
            del dataset.ImagePositionPatient
        datasets.append(dataset)
        (seen_mm if fate == INTACT else unread_mm).append(STEP_MM * index)
        if index in twice and fate == INTACT:
            datasets.append(head([index], SOPInstanceUID=uid + ".2", AcquisitionNumber=2)[0])
    rng.shuffle(datasets)
    try:
        series = read_series(datasets)
    except Refusal:
        return
    if series.missing:
        return
    # the brain of this head lies between its first and its last slice
    steps_mm = np.diff([0.0, *seen_mm, STEP_MM * (COUNT - 1)])
    assert steps_mm.max() <= 12.0
    assert not [mm for mm in unread_mm if 5 < mm < STEP_MM * (COUNT - 2)]
