"""Heads unlike those that a model has learned from are read with a warning."""

from dataclasses import replace

import numpy as np
import pytest

from ich_node.model.card import Card
from ich_node.model.learned_from import LearnedFrom, unlike_training
from ich_node.series.read import read_series
from ich_node.series.series import BrainMeasures
from tests.support.heads import head_series
from tests.support.real import real_series

ADULT = read_series(head_series(PatientAge="050Y"))
MEASURED = BrainMeasures(hu=31, noise_hu=4, widest_cm2=130)


@pytest.mark.parametrize(
    ("age_years", "brain", "words"),
    [
        (50, MEASURED, []),
        (None, MEASURED, []),
        (50, None, []),
        (17.9, MEASURED, ["younger than 18 years"]),
        (50, replace(MEASURED, hu=15), ["15 HU instead of 22 to 48"]),
        (50, replace(MEASURED, hu=55), ["55 HU instead of"]),
        (50, replace(MEASURED, noise_hu=14), ["noise is 14 HU"]),
        (50, replace(MEASURED, noise_hu=None), []),
        (0.1, replace(MEASURED, widest_cm2=70), ["younger", "70 cm2 of brain instead of at least"]),
    ],
    ids=str,
)
def test_each_difference_is_a_warning(age_years, brain, words):
    series = replace(ADULT, age_years=age_years, brain=brain)
    warnings = unlike_training(series, LearnedFrom())
    assert {warning.kind for warning in warnings} <= {"unlike_training"}
    assert len(warnings) == len(words)
    for warning, part in zip(warnings, words, strict=True):
        assert part in warning.detail


def test_the_range_belongs_to_the_bundle():
    child = replace(ADULT, age_years=9.0)
    assert unlike_training(child, LearnedFrom(minimum_age_years=5, source="our hospital")) == ()
    (warning,) = unlike_training(child, LearnedFrom(minimum_age_years=12, source="our hospital"))
    assert "our hospital" in warning.detail


def test_a_card_without_a_range_is_one_of_adults():
    assert Card.__dataclass_fields__["learned_from"].default == LearnedFrom()


def test_a_lone_slice_is_not_measured():
    assert read_series(head_series()[5:6], single_slice=True).brain is None


def test_noise_and_density_are_measured():
    datasets = head_series(PixelSpacing=[0.8, 0.8], rows=256, columns=256)
    rng = np.random.default_rng(1)
    for dataset in datasets:
        noise_YX = rng.normal(12, 15, (256, 256))
        pixels_YX = np.frombuffer(dataset.PixelData, "<i2").reshape(256, 256) + noise_YX
        dataset.PixelData = np.rint(pixels_YX).astype("<i2").tobytes()
        dataset.ConvolutionKernel = "H31s"
    brain = read_series(datasets).brain
    assert brain.hu == pytest.approx(45, abs=1)
    assert brain.noise_hu == pytest.approx(15, abs=1.5)


@pytest.mark.parametrize(
    "folder",
    [
        "positive/cq500-ivh-80",
        "positive/cq500-sdh-412",
        "positive/rsna-edh-cce87b8761",
        "positive/rsna-iph-66a50aa62a",
        "negative/cq500-47",
        "negative/rsna-515961ad20",
        "thin/cq500-0",
    ],
)
def test_real_heads_of_adults_are_like_the_training(folder):
    assert unlike_training(read_series(real_series(folder)), LearnedFrom()) == ()
