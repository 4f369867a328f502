"""Anatomy has one direction: however a head lies in its pixels, the answer and the millimetres are
the same.
"""

import copy

import numpy as np
import pytest

from ich_node.detection.lesions import to_patient
from ich_node.detection.upright import Turn
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.detector import Detector
from ich_node.phantom.study import make_study
from ich_node.series.read import read_series
from tests.support.extended import sampled

# rows and columns of the stored image, in terms of the supine one
WAYS = {
    "prone": (False, True, True),
    "mirrored": (False, False, True),
    "decubitus": (True, False, True),
}


def turned(dataset, transposes, flips_rows, flips_columns):
    """The same object with its pixels and its geometry stored another way."""
    new = copy.deepcopy(dataset)
    pixels = np.frombuffer(new.PixelData, "<i2").reshape(new.Rows, new.Columns)
    origin = np.array(new.ImagePositionPatient, float)
    along_row, along_column = np.array(new.ImageOrientationPatient, float).reshape(2, 3)
    row_mm, column_mm = map(float, new.PixelSpacing)
    if flips_rows:
        origin, along_column = origin + along_column * row_mm * (new.Rows - 1), -along_column
        pixels = pixels[::-1]
    if flips_columns:
        origin, along_row = origin + along_row * column_mm * (new.Columns - 1), -along_row
        pixels = pixels[:, ::-1]
    if transposes:
        pixels, along_row, along_column = pixels.T, along_column, along_row
        new.PixelSpacing = [column_mm, row_mm]
    new.Rows, new.Columns = pixels.shape
    new.PixelData = np.ascontiguousarray(pixels).tobytes()
    new.ImagePositionPatient = [f"{value:.6f}" for value in origin]
    new.ImageOrientationPatient = [*along_row, *along_column]
    return new


@pytest.fixture(scope="module")
def detector():
    return Detector(open_bundle(shipped_bundle()))


@pytest.fixture(scope="module")
def bleeding():
    return list(make_study(3, bleeds=["IPH"], rows=128).datasets())


def marks_mm(detector, datasets):
    series = read_series(datasets)
    reading = detector.read(series)
    return reading.series_probability, [
        to_patient(slice_, finding.row, finding.column)
        for slice_, read in zip(series.slices, reading.slices, strict=True)
        for finding in read.findings
    ]


@pytest.mark.parametrize("way", sampled(list(WAYS)))
def test_a_turned_head_has_the_same_answer_and_the_same_millimetres(detector, bleeding, way):
    probability, places = marks_mm(detector, bleeding)
    other_probability, other_places = marks_mm(
        detector, [turned(dataset, *WAYS[way]) for dataset in bleeding]
    )
    assert places
    assert other_probability == probability
    assert np.allclose(sorted(other_places), sorted(places), atol=0.01)


def test_the_map_lies_over_the_same_anatomy(detector, bleeding):
    way = (True, False, True)
    upright_series = read_series(bleeding)
    series = read_series([turned(dataset, *way) for dataset in bleeding])
    reading, other = detector.read(upright_series), detector.read(series)
    best = max(reading.maps, key=lambda map_: map_.logit).image
    index = [slice_.image for slice_ in upright_series.slices].index(best)
    shown_YX, other_YX = (
        detector.likelihood_on_slice(read.maps[index], each.slices[index])
        for read, each in ((reading, upright_series), (other, series))
    )
    assert shown_YX.max() > 0.5
    assert np.allclose(shown_YX[:, ::-1].T, other_YX, atol=1e-5)


def test_a_supine_slice_is_not_touched():
    image_YX = np.arange(12).reshape(3, 4)
    turn = Turn.of([1, 0, 0, 0, 0.94, -0.34])  # with a tilted gantry
    assert turn == Turn(transposes=False, flips_rows=False, flips_columns=False)
    assert np.shares_memory(turn.apply(image_YX), image_YX)


@pytest.mark.parametrize(
    "orientation", [[-1, 0, 0, 0, -1, 0], [0, 1, 0, -1, 0, 0], [0, -1, 0, 1, 0, 0]]
)
def test_undo_gives_back_what_apply_was_given(orientation):
    image_YX, turn = np.arange(12).reshape(3, 4), Turn.of(orientation)
    assert np.array_equal(turn.undo(turn.apply(image_YX)), image_YX)
