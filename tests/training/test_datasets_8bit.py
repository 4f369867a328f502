"""CT-ICH before 1.3 and clean halves: 8-bit images of a brain window, read as Hounsfield units."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from ich_node.series.brain_region import brain_region
from tests.support.training.dataset_trees import ct_ich_tree
from tests.support.training.eight_bit_trees import (
    ROWS,
    ct_ich_8bit_tree,
    in_window,
    phantom_hu,
    save_jpeg,
    tissue_tree,
)
from training.datasets import load, read_dataset, recognise
from training.datasets.halves import Half, mirrored
from training.datasets.labelled import Box
from training.datasets.windowed import hounsfield_of, pixel_mm, read_grey
from training.errors import DataError

TISSUE = Path(os.environ.get("ICH_NODE_TISSUE", Path(__file__).parents[3] / "shared" / "tissue"))
SPACING_MM = (pixel_mm(ROWS), pixel_mm(ROWS))


@pytest.fixture(scope="module")
def tissue_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tissue")
    tissue_tree(folder)
    return folder


@pytest.mark.parametrize("index", [7, 10, 13])
def test_what_the_window_kept_is_as_it_was(tmp_path, index):
    """Soft tissue within 3 HU, air and bone as such, and the same brain as before."""
    hu_YX = phantom_hu()[index].astype(float)
    save_jpeg(in_window(hu_YX), tmp_path / "a.jpg")
    made_YX = hounsfield_of(read_grey(tmp_path / "a.jpg"), pixel_mm(ROWS))
    brain, made_brain = (brain_region(one_YX, SPACING_MM) for one_YX in (hu_YX, made_YX))
    assert np.abs(made_YX - hu_YX)[made_brain.inner(2)].mean() < 3
    both, either = brain.mask_YX & made_brain.mask_YX, brain.mask_YX | made_brain.mask_YX
    assert both.sum() / either.sum() > 0.95
    assert (made_YX[hu_YX > 300] > 150).mean() > 0.97
    assert (made_YX[:5] == -1000).all()
    assert made_YX.max() < 1400


def test_air_has_a_steep_border_and_fat_has_none():
    """Both are black. In a head of 50 HU: a cell of air in the blur of a scanner, and fat of -90
    HU, whose border is oblique in a slice of 5 mm.
    """
    row_YX, column_YX = np.mgrid[:400, :400]
    radius_YX, air_YX, fat_YX = (np.hypot(row_YX - 200, column_YX - x) for x in (200, 150, 250))
    hu_YX = np.where((radius_YX < 150) & (air_YX > 20), 50.0, -1000.0)
    share_YX = ndimage.gaussian_filter((fat_YX < 20).astype(float), 3)
    hu_YX = ndimage.gaussian_filter(hu_YX, 1.6) * (1 - share_YX) - 90 * share_YX
    made_YX = hounsfield_of(in_window(hu_YX), 0.41)
    assert made_YX[200, 150] == -1000
    assert made_YX[200, 250] == pytest.approx(-85, abs=1)
    assert made_YX[200, 200] == pytest.approx(50, abs=1)
    assert made_YX[0, 0] == -1000


def test_an_image_of_nothing_is_air():
    """Black all over: no head, and no error."""
    assert (hounsfield_of(np.zeros((64, 64), np.uint8), 0.41) == -1000).all()


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("columns", [200, 201])
def test_the_clean_half_replaces_the_other(side, columns):
    """Whatever the turn and the place of the head: both sides show the clean half, the bright spot
    of the other half is gone, and the axis is in the middle.
    """
    angle, row0, column0 = 0.3, 90.0, 110.0
    row_YX, column_YX = np.mgrid[:200, :columns].astype(float)
    # along and across the axis of a head that is turned by the angle
    across = np.cos(angle) * (column_YX - column0) + np.sin(angle) * (row_YX - row0)
    along = -np.sin(angle) * (column_YX - column0) + np.cos(angle) * (row_YX - row0)
    sign = -1 if side == "left" else 1
    grey_YX = np.where(np.hypot(across / 50, along / 70) < 1, 100.0, 0.0)
    grey_YX[np.hypot(across - sign * 25, along - 10) < 8] = 160  # of the clean half
    grey_YX[np.hypot(across + sign * 25, along + 20) < 8] = 240  # blood
    half = Half(rotation_rad=angle, centre_row=row0, centre_column=column0, side=side)
    whole_YX = mirrored(grey_YX.astype(np.uint8), half)
    assert whole_YX.shape == grey_YX.shape
    assert np.array_equal(whole_YX, whole_YX[:, ::-1])
    middle = (columns - 1) / 2
    assert [whole_YX[109, round(middle + x)] for x in (-25, 25)] == [160, 160]
    assert whole_YX.max() == 160
    assert [whole_YX[99, round(middle + x)] for x in (-45, 45, -55, 55)] == [100, 100, 0, 0]


def test_slices_bleed_and_their_halves_do_not(tissue_folder):
    """A series each, of the same patients; fracture is no bleed; what cannot be used is named."""
    assert recognise(tissue_folder) == "tissue"
    found = read_dataset(tissue_folder)
    counts = found.counts()
    assert (counts["patients"], counts["series"], counts["positive_series"]) == (2, 7, 4)
    assert found.kinds() == {"IPH": 2, "SDH": 2}
    first = found.series[0].slices[0]
    assert first.boxes[0] == Box(kind="IPH", row0=150, column0=190, row1=170, column1=215)
    assert (first.boxes[1].kind, first.boxes[1].row0) == ("ICH", pytest.approx(0.18 * ROWS))
    assert {skip.what.rpartition("/")[2]: skip.reason for skip in found.skipped} == {
        "061_02.jpg": "an image that cannot be used",
        "061_01.jpg": "a half that may not be free of blood",
    }


def test_their_pixels_are_read_as_serving_reads(tissue_folder):
    """Blood in the slice, none in its mirrored half; the uids are those of the labels."""
    found = read_dataset(tissue_folder)
    bleeding = next(series for series in found.series if series.label)
    half = next(series for series in found.series if series.label is False)
    (slice_,) = load(bleeding).slices
    assert slice_.sop_instance_uid == bleeding.slices[0].sop_instance_uid
    assert slice_.pixel_spacing_mm == pytest.approx(SPACING_MM)
    inside = np.s_[153:167, 193:212]
    assert slice_.hu_YX[inside].mean() == pytest.approx(70, abs=2)
    (mirrored_slice,) = load(half).slices
    assert mirrored_slice.hu_YX[inside].mean() < 50
    assert np.array_equal(mirrored_slice.hu_YX, mirrored_slice.hu_YX[:, ::-1])


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("clean_half_of_turned_image", "above", "it is left or right"),
        ("axis_row_px", "x", "the axis is three numbers"),
        ("axis_rotation_rad", "nan", "three finite numbers"),
    ],
)
def test_a_half_that_says_nothing_usable_is_named(tmp_path, column, value, words):
    """With its line."""
    tissue_tree(tmp_path)
    table = tmp_path / "clean_halves.csv"
    header, first, *others = table.read_text().splitlines()
    cells = dict(zip(header.split(","), first.split(","), strict=True)) | {column: value}
    table.write_text("\n".join([header, ",".join(cells.values()), *others]))
    with pytest.raises(DataError, match=f"line 2: .*{words}"):
        read_dataset(tmp_path)


def test_the_real_tissue_is_all_read():
    """309 slices of 35 patients, 302 boxes, 212 halves; every image is there."""
    if not TISSUE.is_dir():
        pytest.skip(f"no tissue: {TISSUE} (set ICH_NODE_TISSUE)")
    found = read_dataset(TISSUE)
    counts = found.counts()
    assert (counts["patients"], counts["positive_series"], counts["boxes"]) == (35, 309, 302)
    assert counts["series"] - counts["positive_series"] == 212
    assert [skip.reason for skip in found.skipped] == ["a half that may not be free of blood"] * 2
    assert found.kinds() == {"IPH": 73, "IVH": 24, "SAH": 18, "SDH": 56, "EDH": 164}


def test_the_first_versions_of_ct_ich_are_whole_series(tmp_path):
    """Slices in their order, 5 mm apart; a box around each part of the mask."""
    ct_ich_8bit_tree(tmp_path)
    found = read_dataset(tmp_path)
    assert found.source == "ct-ich-8bit"
    assert [series.label for series in found.series] == [True, False]
    labelled = found.series[0].slices[3]
    assert labelled.boxes == (
        Box(kind="EDH", row0=100, column0=60, row1=110, column1=72),
        Box(kind="EDH", row0=200, column0=90, row1=204, column1=92),
    )
    assert [(skip.what, skip.reason) for skip in found.skipped] == [
        ("patient 50, slice 2", "in hemorrhage_diagnosis.csv, but its image cannot be used")
    ]
    slices = load(found.series[0]).slices
    assert [slice_.sop_instance_uid for slice_ in slices] == [
        slice_.sop_instance_uid for slice_ in found.series[0].slices
    ]
    assert np.diff([slice_.position_mm for slice_ in slices]) == pytest.approx(5)
    assert np.abs(slices[10].hu_YX - phantom_hu()[10])[ROWS // 2, 120:200].mean() < 3


def test_versions_of_ct_ich_are_told_apart_by_their_folders(tmp_path):
    """One table, two folders: neither and both are said, and --kind decides."""
    ct_ich_tree(tmp_path)
    assert recognise(tmp_path) == "ct-ich"
    (tmp_path / "Patients_CT").mkdir()
    with pytest.raises(DataError, match="give --kind ct-ich or --kind ct-ich-8bit"):
        recognise(tmp_path)
    assert read_dataset(tmp_path, kind="ct-ich").counts()["series"] == 2
    (tmp_path / "Patients_CT").rmdir()
    with pytest.raises(DataError, match="are read with --kind ct-ich"):
        read_dataset(tmp_path, kind="ct-ich-8bit")
    (tmp_path / "ct_scans").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"neither ct_scans \(version 1\.3\) nor Patients_CT"):
        recognise(tmp_path)


def test_a_mask_of_another_size_is_left_out(tmp_path):
    """Boxes in other pixels than the image's would be wrong."""
    ct_ich_8bit_tree(tmp_path)
    mask = tmp_path / "Patients_CT" / "049" / "brain" / "4_HGE_Seg.jpg"
    save_jpeg(np.zeros((50, 50), np.uint8), mask)
    found = read_dataset(tmp_path)
    assert found.series[0].label is False
    assert "has another size than its image" in found.skipped[0].detail
