"""Which series are reconstructions of one acquisition, and which of them is better."""

from functools import partial

import pytest
from pydicom import Dataset

from ich_node.dicom.geometry import orientation_key, slice_position
from ich_node.study.facts import SeriesFacts, facts_of, is_better, same_acquisition
from tests.support import study_series

# their pixels are not looked at
reconstruction = partial(study_series.reconstruction, rows=8, columns=8)
CORONAL = [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]


def known(datasets: list[Dataset]) -> SeriesFacts:
    facts = facts_of(
        [datasets[0], datasets[-1]],
        [
            (
                orientation_key(dataset.ImageOrientationPatient),
                slice_position(dataset.ImagePositionPatient, dataset.ImageOrientationPatient),
            )
            for dataset in datasets
        ],
    )
    assert facts is not None
    return facts


def test_a_series_by_number_thickness_and_kernel():
    """What people read of a series has no free text of its header."""
    facts = known(reconstruction(3, 5, SeriesDescription="Doe Jane", ConvolutionKernel="H31s"))
    assert facts.name == "series 3 (5 mm, H31S)"
    assert (facts.slices, facts.coverage_mm, facts.may_be_read) == (23, 110.0, True)
    assert facts.looks_like_a_head


def test_a_header_that_says_nothing():
    """Such a series is read by itself."""
    bare = reconstruction(3, 5, SliceThickness="5")
    for dataset in bare:
        for keyword in ("SeriesNumber", "SliceThickness", "FrameOfReferenceUID", "AcquisitionTime"):
            delattr(dataset, keyword)
    facts = known(bare)
    assert facts.name == "a series without a number (5 mm, H31S)"
    assert not same_acquisition(facts, known(reconstruction(4, 5)))
    assert facts_of([], [("1\\0\\0\\0\\1\\0", 1.0)]) is None
    assert facts_of(bare[:1], [(None, None)]) is None


THICK = reconstruction(2, 5)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (reconstruction(3, 1), True),
        (reconstruction(3, 1, at="101500.900"), True),
        (reconstruction(3, 5, at="103500"), False),
        (reconstruction(3, 1, FrameOfReferenceUID="1.2.3"), False),
        (reconstruction(3, 1, AcquisitionNumber=2), True),
        (reconstruction(3, 10)[:3], True),
    ],
)
def test_the_same_acquisition(other, same):
    """One frame of reference, one time, overlapping slices."""
    assert same_acquisition(known(THICK), known(other)) is same
    assert same_acquisition(known(other), known(THICK)) is same


def test_other_places_of_one_scan_are_another_acquisition():
    """The neck below the head, in one go."""
    neck = reconstruction(3, 5)
    for dataset in neck:
        dataset.ImagePositionPatient[2] -= 100
    assert not same_acquisition(known(THICK), known(neck))


@pytest.mark.parametrize(("numbers", "same"), [((1, 1), True), ((1, 2), False), ((1, None), False)])
def test_without_times_the_acquisition_number_decides(numbers, same):
    """In doubt both are read."""
    series = []
    for number, acquisition_number in enumerate(numbers, 2):
        datasets = reconstruction(number, 5)
        for dataset in datasets:
            del dataset.AcquisitionTime
            if acquisition_number is not None:
                dataset.AcquisitionNumber = acquisition_number
        series.append(known(datasets))
    assert same_acquisition(*series) is same


def test_slices_with_times_of_their_own_overlap():
    """An axial scan takes a minute; each slice states its own time."""
    for_thick, for_thin = reconstruction(2, 5), reconstruction(3, 1)
    for datasets, seconds in ((for_thick, 2.0), (for_thin, 0.4)):
        for index, dataset in enumerate(datasets):
            dataset.AcquisitionTime = f"1015{seconds * index + 5:09.6f}"
    assert same_acquisition(known(for_thick), known(for_thin))


def test_the_date_and_time_in_one_attribute():
    """AcquisitionDateTime, with a zone."""
    both = reconstruction(2, 5)
    for dataset in both:
        del dataset.AcquisitionTime, dataset.AcquisitionDate
        dataset.AcquisitionDateTime = "20260101101500.000000+0100"
    assert same_acquisition(known(both), known(reconstruction(3, 1)))


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (reconstruction(2, 5), reconstruction(3, 1)),
        (reconstruction(2, 5), reconstruction(3, 10)),
        (reconstruction(2, 4), reconstruction(3, 2.5)),
        (reconstruction(2, 1), reconstruction(3, 5)[:12]),
        (reconstruction(2, 1), reconstruction(3, 5, ConvolutionKernel="H70h")),
        (reconstruction(2, 1), reconstruction(3, 5, ImageOrientationPatient=CORONAL)),
        (reconstruction(2, 1), reconstruction(3, 5, ImageType=["DERIVED", "SECONDARY", "MPR"])),
    ],
)
def test_the_better_one(better, worse):
    """Axial, soft, whole, nearest 5 mm."""
    assert is_better(known(better), known(worse))
    assert not is_better(known(worse), known(better))


def test_what_covers_the_neck_too_is_not_better():
    """A head and neck in 2 mm does not beat the head in 5 mm."""
    long = reconstruction(3, 2)
    more = reconstruction(4, 2)
    for dataset in more:
        dataset.ImagePositionPatient[2] -= 100
    head_5mm = reconstruction(2, 5)
    for dataset in head_5mm:
        dataset.ImagePositionPatient[2] *= 1.5
    assert is_better(known(head_5mm), known([*more, *long]))
