"""The phantom: what is planted is there, and what is written is a CT."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from scipy import ndimage

from ich_node.phantom import (
    BLEED_KINDS,
    Bleed,
    PhantomSlice,
    PhantomStudy,
    make_study,
    slices_of_head,
)

PIXEL_MM = 1.8
SMALL = {"rows": 128, "pixel_mm": PIXEL_MM}
THICK = {**SMALL, "slice_mm": 10.0}


@pytest.fixture(scope="module")
def tilted() -> PhantomStudy:
    return make_study(5, bleeds=["IPH", "SDH"], tilt_deg=12.0, **THICK)


@pytest.fixture(scope="module", params=BLEED_KINDS)
def one_kind(request: pytest.FixtureRequest) -> PhantomStudy:
    return make_study(21, bleeds=[request.param], **SMALL)


@pytest.fixture(scope="module")
def healthy() -> PhantomStudy:
    return make_study(8, bleeds=[], tilt_deg=0.0, **THICK)


@pytest.fixture(scope="module")
def pool() -> list[PhantomSlice]:
    return [
        slice_
        for seed in range(16)
        for slice_ in slices_of_head(
            np.random.default_rng([1, seed]), 6, size=128, pixel_mm=PIXEL_MM
        )
    ]


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None and os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed; `make peers` installs it")
    if path is None:
        pytest.skip(f"{name} is not installed; `make peers` installs it")
    return path


def _digests(folder: Path) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())]


def _strongest(study: PhantomStudy, bleed: Bleed) -> tuple[PhantomSlice, np.ndarray]:
    """The slice that shows most of a bleed, and where."""
    index = study.bleeds.index(bleed) + 1
    best = max(study.slices, key=lambda slice_: int((slice_.lesion_YX == index).sum()))
    return best, best.lesion_YX == index


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """Two studies of one seed are the same files, byte for byte."""
    for name in ("one", "two"):
        make_study(11, bleeds=["IVH"], **THICK).write(tmp_path / name)
    assert _digests(tmp_path / "one") == _digests(tmp_path / "two")


def test_other_arguments_other_uids() -> None:
    """A study that differs in anything shares no UID with its neighbour, so no PACS mixes them."""
    studies = [
        make_study(11, bleeds=[], **THICK),
        make_study(12, bleeds=[], **THICK),
        make_study(11, bleeds=["IPH"], **THICK),
        make_study(11, bleeds=[], tilt_deg=7.0, **THICK),
    ]
    assert len({study.acquisition.study_instance_uid for study in studies}) == len(studies)
    assert len({study.acquisition.sop_instance_uid(0) for study in studies}) == len(studies)


def test_pool_repeats_with_its_stream() -> None:
    """Equal generators give equal slices."""
    first, second = (next(slices_of_head(np.random.default_rng(3), 1)) for _ in range(2))
    np.testing.assert_array_equal(first.hu_YX, second.hu_YX)
    np.testing.assert_array_equal(first.bleed_mask_YX, second.bleed_mask_YX)


def test_every_kind_can_be_planted(one_kind: PhantomStudy) -> None:
    """A planted bleed shows in several slices, under its own code and no other."""
    (bleed,) = one_kind.bleeds
    assert len(bleed.boxes) >= 3
    for slice_ in one_kind.slices:
        assert set(np.unique(slice_.bleed_mask_YX)) <= {0, BLEED_KINDS.index(bleed.kind) + 1}


def test_a_planted_bleed_is_brighter_than_its_surroundings(one_kind: PhantomStudy) -> None:
    """Where it shows most, blood lies at least 12 HU over the brain near it, and near the HU it was
    planted with.
    """
    (bleed,) = one_kind.bleeds
    slice_, hit_YX = _strongest(one_kind, bleed)
    near_YX = ndimage.binary_dilation(hit_YX, iterations=5) & ~ndimage.binary_dilation(
        hit_YX, iterations=2
    )
    brain_YX = near_YX & (slice_.hu_YX > 0) & (slice_.hu_YX < 100)
    assert np.median(slice_.hu_YX[hit_YX]) > np.median(slice_.hu_YX[brain_YX]) + 12
    assert np.median(slice_.hu_YX[hit_YX]) == pytest.approx(bleed.hu, abs=15)


def test_bleeds_lie_inside_the_skull(tilted: PhantomStudy) -> None:
    """No pixel of a bleed is outside the head's bone."""
    for slice_ in tilted.slices:
        enclosed_YX = ndimage.binary_fill_holes(
            ndimage.binary_closing(slice_.hu_YX > 250, iterations=2)
        )
        outside_YX = (slice_.bleed_mask_YX > 0) & ~ndimage.binary_dilation(enclosed_YX)
        assert not outside_YX.any()


def test_no_bleed_no_mask(healthy: PhantomStudy) -> None:
    """A study without bleeds has an empty truth."""
    assert healthy.bleeds == ()
    assert not any(slice_.bleed_mask_YX.any() for slice_ in healthy.slices)


def test_boxes_hold_their_bleeds(tilted: PhantomStudy) -> None:
    """Each box is the tightest around its bleed in its slice."""
    for index, bleed in enumerate(tilted.bleeds):
        for number, (row0, col0, row1, col1) in bleed.boxes.items():
            hit_YX = tilted.slices[number].lesion_YX == index + 1
            assert hit_YX[row0:row1, col0:col1].sum() == hit_YX.sum()
            assert hit_YX[[row0, row1 - 1]].any(axis=1).all()
            assert hit_YX[:, [col0, col1 - 1]].any(axis=0).all()


def test_a_bleed_runs_through_neighbouring_slices(tilted: PhantomStudy) -> None:
    """The slices of a bleed are consecutive: it is one body, not a scatter."""
    for bleed in tilted.bleeds:
        indices = bleed.slice_indices
        assert indices == tuple(range(indices[0], indices[-1] + 1))


def test_hounsfield_units_are_those_of_a_head(healthy: PhantomStudy) -> None:
    """Air, brain and bone have their HU; padding lies outside the range of tissue."""
    middle = healthy.slices[len(healthy.slices) // 2].hu_YX
    soft = middle[(middle > 5) & (middle < 70)]
    counts, edges = np.histogram(soft, bins=65, range=(5, 70))
    assert 20 <= edges[counts.argmax()] <= 45
    assert np.median(middle[(middle < -500) & (middle > -1500)]) == pytest.approx(-1000, abs=25)
    assert np.percentile(middle, 99.5) > 700
    assert set(np.unique(middle[middle < -1100])) == {float(healthy.acquisition.padding_hu)}


def test_drawn_studies_hold_none_to_four_bleeds() -> None:
    """Without a list the seed decides, and different seeds decide differently."""
    counts = {len(make_study(seed, **THICK).bleeds) for seed in range(5)}
    assert counts <= set(range(5))
    assert len(counts) > 1


def test_tilt_is_in_the_geometry(tilted: PhantomStudy) -> None:
    """The gantry's tilt shows in the orientation, and the slices still lie one thickness apart
    along the normal.
    """
    datasets = tilted.datasets()
    orientation = np.array(datasets[0].ImageOrientationPatient, dtype=float)
    assert np.degrees(np.arcsin(orientation[5])) == pytest.approx(12.0, abs=0.01)
    normal = np.cross(orientation[:3], orientation[3:])
    along = [
        float(normal @ np.array(dataset.ImagePositionPatient, dtype=float)) for dataset in datasets
    ]
    np.testing.assert_allclose(np.diff(along), 10.0, atol=1e-3)
    assert all(
        dataset.ImagePositionPatient[0] == datasets[0].ImagePositionPatient[0]
        for dataset in datasets
    )


def test_files_give_back_the_pixels(tilted: PhantomStudy, tmp_path: Path) -> None:
    """What is read from the files in HU is what was made, padding included."""
    for path, slice_ in zip(tilted.write(tmp_path), tilted.slices, strict=True):
        dataset = pydicom.dcmread(path)
        hu_YX = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        np.testing.assert_array_equal(hu_YX, slice_.hu_YX)
        assert (dataset.pixel_array == dataset.PixelPaddingValue).any()


def test_truth_names_the_slices(tilted: PhantomStudy, tmp_path: Path) -> None:
    """truth.json gives each bleed's kind and boxes under the SOP Instance UIDs of the files."""
    uids = {
        str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)
        for path in tilted.write(tmp_path)
    }
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert [bleed["kind"] for bleed in truth["bleeds"]] == ["IPH", "SDH"]
    assert {box["sop_instance_uid"] for bleed in truth["bleeds"] for box in bleed["boxes"]} <= uids


def test_dciodvfy_finds_no_error(tilted: PhantomStudy, tmp_path: Path) -> None:
    """Every file is a CT Image to dciodvfy, and the files are one series to dcentvfy."""
    dciodvfy, dcentvfy = _tool("dciodvfy"), _tool("dcentvfy")
    paths = tilted.write(tmp_path)
    for path in paths:
        result = subprocess.run(
            [dciodvfy, "-new", str(path)], capture_output=True, text=True, check=False
        )
        assert "Error" not in result.stdout + result.stderr, result.stderr
    result = subprocess.run(
        [dcentvfy, *map(str, paths)], capture_output=True, text=True, check=False
    )
    assert "Error" not in result.stdout + result.stderr, result.stderr


def test_half_of_the_pool_bleeds(pool: list[PhantomSlice]) -> None:
    """Of 96 pool slices 35 to 65 % show blood, of every kind; some of the others are necks."""
    least_px = 9.7 / PIXEL_MM**2
    positive = np.mean([(slice_.bleed_mask_YX > 0).sum() >= least_px for slice_ in pool])
    assert 0.35 <= positive <= 0.65
    assert {int(code) for slice_ in pool for code in np.unique(slice_.bleed_mask_YX)} == set(
        range(6)
    )
    assert any(slice_.level_mm < -10 for slice_ in pool)


def test_odd_matrices_work() -> None:
    """A matrix that is no multiple of the painting grid is painted at full resolution."""
    study = make_study(31, bleeds=[], rows=201, pixel_mm=0.6, slice_mm=10.0)
    assert study.slices[0].hu_YX.shape == (201, 201)
