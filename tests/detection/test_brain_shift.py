"""One number shifts a whole series so that its brain has the density that the model expects."""

import numpy as np
import pydicom
import pytest

from ich_node.detection.brain_shift import MOST_SHIFT_HU, brain_shift, shift_of_brain
from ich_node.phantom import make_study
from ich_node.series.read import read_series
from ich_node.series.series import Slice
from tests.support.extended import sampled
from tests.support.heads import head_series
from tests.support.real import real


def shifted_head(offset: int) -> tuple[Slice, ...]:
    return read_series(head_series(RescaleIntercept=str(-1024 + offset))).slices


@pytest.mark.parametrize("offset", [-8, 0, 5, 12])
def test_an_offset_of_the_scanner_is_removed(offset):
    """The formula's brain lies at 33 HU."""
    assert brain_shift(shifted_head(offset), 33.0) == pytest.approx(-offset, abs=2)


def test_the_shift_is_bounded():
    """A huge bleed moves the mode too: never more than 15 HU."""
    assert brain_shift(shifted_head(24), 33.0) == -MOST_SHIFT_HU


def test_nothing_is_shifted_where_nothing_is_asked_or_no_brain_is_seen():
    assert brain_shift(shifted_head(10), None) == 0
    neck = list(read_series(head_series()).slices[:1])
    neck[0].hu_YX[:] = np.where(neck[0].hu_YX > 100, 50, neck[0].hu_YX)
    assert brain_shift(neck, 31.0) == 0
    assert shift_of_brain(neck, 31.0) is None


@pytest.mark.parametrize("seed", sampled([1, 2, 3]))
def test_a_bleed_hardly_moves_the_shift(seed):
    """The same head with and without large bleeds."""
    without, with_bleeds = (
        make_study(seed, bleeds=bleeds, rows=192, slice_mm=10)
        for bleeds in ((), ("IPH", "SDH", "IVH"))
    )
    shift_hu = brain_shift(read_series(without.datasets()).slices, 31.0)
    assert shift_hu != 0
    assert brain_shift(read_series(with_bleeds.datasets()).slices, 31.0) == pytest.approx(
        shift_hu, abs=2
    )


def test_the_scanner_that_reads_43_hu_is_found():
    """Real CT: one series lies 12 HU above the others."""
    shifts = {
        name: brain_shift(
            read_series(
                [pydicom.dcmread(path) for path in real("negative", name).iterdir()]
            ).slices,
            31.0,
        )
        for name in ("cq500-47", "rsna-515961ad20")
    }
    assert shifts["cq500-47"] < -10
    assert abs(shifts["rsna-515961ad20"]) < 4
