"""Words only hint; pixels decide: contrast agent, the part of the body, the kernel."""

import numpy as np
import pytest
from pydicom import Dataset
from scipy import ndimage

from ich_node import errors
from ich_node.phantom.study import make_study
from ich_node.series.hounsfield import decode_all
from ich_node.series.read import read_series
from tests.support.cases import case, real_head
from tests.support.extended import sampled
from tests.support.heads import head_hu, head_series, head_slice
from tests.support.refusals import refusal

AGENT = {"ContrastBolusAgent": "ISOVUE300/100"}
WORDS = [
    AGENT,
    {"SeriesDescription": "CTA Head"},
    {"SeriesDescription": "HEAD C+ 5mm"},
    {"SeriesDescription": "4cc sec 150cc D3D on"},
    {"SeriesDescription": "Schädel mit KM"},
    {"SeriesDescription": "HEAD POST"},
]


def stored(hu_YX: np.ndarray) -> bytes:
    return (np.rint(hu_YX) + 1024).astype("<i2").tobytes()


def with_vessels(datasets: list[Dataset], *, hu: int = 190) -> list[Dataset]:
    """0.4 % of the brain is a vessel."""
    for dataset in datasets:
        pixels_YX = np.frombuffer(dataset.PixelData, "<i2").reshape(128, 128).copy()
        pixels_YX[62:66, 58:62] = 1024 + hu
        dataset.PixelData = pixels_YX.tobytes()
    return datasets


def kinds(datasets: list[Dataset]) -> list[str]:
    """Of the doubts about words; real heads also show metal."""
    warnings = read_series(datasets).warnings
    return [warning.kind for warning in warnings if warning.kind != "metal"]


# --- contrast agent


@pytest.mark.parametrize("hu", [120, 190, 400])
@pytest.mark.parametrize("attributes", WORDS, ids=str)
def test_words_and_vessels_together_refuse(attributes, hu):
    found = refusal(with_vessels(head_series(**attributes), hu=hu))
    assert isinstance(found, errors.ContrastEnhanced)
    assert "the vessels show it" in found.detail


@pytest.mark.parametrize("attributes", WORDS, ids=str)
def test_words_alone_do_not_refuse(attributes):
    """An agent, or an examination that needs one, is said; a mere hint is not."""
    stated = attributes not in (WORDS[3], WORDS[5])
    assert kinds(head_series(**attributes)) == ["contrast_suspected"] * stated


@pytest.mark.parametrize("attributes", [{}, {"SeriesDescription": "HEAD W/O"}], ids=str)
def test_vessels_alone_are_a_warning(attributes):
    (warning,) = read_series(with_vessels(head_series(**attributes))).warnings
    assert warning.kind == "contrast_suspected"
    assert "the header names none" in warning.detail


def test_a_dense_clot_or_a_calcification_in_some_slices_is_no_contrast_agent():
    """Words or none: 2 % of the brain in a few slices, up to 95 HU; small bright spots in them."""
    for attributes in (*WORDS[3:4], {}):
        datasets = head_series(**attributes)
        for dataset in datasets[4:7]:
            pixels_YX = np.frombuffer(dataset.PixelData, "<i2").reshape(128, 128).copy()
            pixels_YX[50:58, 40:56] = 1024 + 95
            pixels_YX[70, 60:63] = 1024 + 300
            dataset.PixelData = pixels_YX.tobytes()
        assert kinds(datasets) == []


def test_of_two_acquisitions_the_enhanced_one_counts():
    plain, enhanced = head_series(**AGENT), with_vessels(head_series(**AGENT))
    for index, dataset in enumerate(enhanced):
        dataset.SOPInstanceUID += ".2"
        dataset.InstanceNumber, dataset.AcquisitionNumber = 100 + index, 2
    assert isinstance(refusal([*plain, *enhanced]), errors.ContrastEnhanced)


# --- the part of the body


@pytest.mark.parametrize(
    "attributes",
    [
        {"BodyPartExamined": "WHOLEBODY", "SeriesDescription": "Head 5.0 H31s"},
        {"BodyPartExamined": "CHEST", "ProtocolName": "Schädel"},
        {"BodyPartExamined": "HEAD", "StudyDescription": "CT Polytrauma Thorax"},
    ],
    ids=str,
)
def test_a_description_that_says_head_beats_the_body_part(attributes):
    assert kinds(head_series(**attributes)) == []


@pytest.mark.parametrize(
    "attributes",
    [{"BodyPartExamined": "CHEST"}, {"BodyPartExamined": "CSPINE"}, {"StudyDescription": "Thorax"}],
    ids=str,
)
def test_pixels_that_show_a_head_beat_the_words(attributes):
    (warning,) = read_series(head_series(**attributes)).warnings
    assert warning.kind == "body_part"
    keyword, value = next(iter(attributes.items()))
    assert f"{keyword} {value.upper()}" in warning.detail


def test_words_and_pixels_without_a_brain_are_refused():
    datasets = head_series(BodyPartExamined="NECK")
    for dataset in datasets:
        dataset.PixelData = stored(np.where(head_hu() > 500, 40, head_hu()))
    found = refusal(datasets)
    assert isinstance(found, errors.NotHead)
    assert "BodyPartExamined NECK" in found.detail


def test_a_neck_that_ends_in_the_skull_base_is_refused():
    """Four of twelve slices show brain."""
    datasets = head_series(BodyPartExamined="CSPINE")
    for dataset in datasets[:8]:
        dataset.PixelData = stored(np.where(head_hu() > 500, 40, head_hu()))
    assert isinstance(refusal(datasets), errors.NotHead)


def test_a_lone_slice_of_another_part_is_refused():
    dataset = head_slice(5, BodyPartExamined="CHEST")
    assert len(read_series([dataset], single_slice=True).slices) == 1
    dataset.PixelData = stored(np.where(head_hu() > 500, 40, head_hu()))
    with pytest.raises(errors.NotHead, match="BodyPartExamined CHEST"):
        read_series([dataset], single_slice=True)


# --- the kernel


def sharpened(datasets: list[Dataset], *, factor: float) -> list[Dataset]:
    """High frequencies raised by this factor, half of it at 0.4 lines a mm: a bone kernel."""
    for dataset, pixels in zip(datasets, decode_all(datasets), strict=True):
        hu_YX = np.maximum(pixels.hu_YX, -1024).astype(float)
        row_mm, column_mm = (float(value) for value in dataset.PixelSpacing)
        frequency_YX = np.hypot(
            np.fft.fftfreq(hu_YX.shape[0], row_mm)[:, None],
            np.fft.rfftfreq(hu_YX.shape[1], column_mm),
        )
        gain_YX = 1 + (factor - 1) * (1 - np.exp(-((frequency_YX / 0.35) ** 2) / 2))
        sharp_YX = np.fft.irfft2(np.fft.rfft2(hu_YX) * gain_YX, hu_YX.shape)
        store(dataset, sharp_YX)
    return datasets


def store(dataset: Dataset, hu_YX: np.ndarray) -> None:
    slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
    least, dtype = (-1024, "<i2") if dataset.PixelRepresentation else (0, "<u2")
    values_YX = np.clip(np.rint((hu_YX - intercept) / slope), least, 4095)
    dataset.PixelData = values_YX.astype(dtype).tobytes()


@pytest.mark.parametrize("kernel", sampled(["UNHEARD-OF", ""]))
def test_a_sharp_phantom_is_refused_where_no_kernel_is_named(kernel):
    def head() -> list[Dataset]:
        datasets = make_study(11, bleeds=[], rows=384).datasets()
        for dataset in datasets:
            dataset.ConvolutionKernel = kernel
        return datasets

    assert kinds(head()) == []
    found = refusal(sharpened(head(), factor=6))
    assert isinstance(found, errors.BoneKernel)
    assert "the pixels show a bone kernel" in found.detail


@pytest.mark.parametrize("kind", ["iph", "edh", "neg", "sdh", "ivh", "neg2"])
def test_a_real_head_is_soft_and_its_sharpened_copy_is_not(kind):
    """Also thin slices of a soft kernel, whose noise is higher."""
    head = real_head(kind, ConvolutionKernel=None)
    assert len(read_series(head).slices) == len(head)
    assert isinstance(refusal(sharpened(head, factor=6)), errors.BoneKernel)


@pytest.mark.parametrize("kind", ["iph", "edh"])
def test_an_unsharp_mask_is_seen_at_the_skull(kind):
    """What workstations do to soft series: the noise stays smooth, the edges overshoot."""
    head = real_head(kind, ConvolutionKernel=None)
    for dataset, pixels in zip(head, decode_all(head), strict=True):
        hu_YX = np.maximum(pixels.hu_YX, -1024).astype(float)
        store(dataset, hu_YX + 2 * (hu_YX - ndimage.gaussian_filter(hu_YX, 2)))
    assert isinstance(refusal(head), errors.BoneKernel)


def test_fine_noise_alone_is_a_warning():
    """Of a low dose, perhaps: the edges do not overshoot."""
    head, rng = make_study(11, bleeds=[], rows=384).datasets(), np.random.default_rng(1)
    for dataset, pixels in zip(head, decode_all(head), strict=True):
        dataset.ConvolutionKernel = ""
        store(dataset, pixels.hu_YX + rng.normal(0, 10, pixels.hu_YX.shape))
    (warning,) = read_series(head).warnings
    assert (warning.kind, "noise of 1" in warning.detail) == ("sharp_kernel", True)


def test_a_named_soft_kernel_is_believed():
    datasets = sharpened(make_study(11, bleeds=[], rows=384).datasets(), factor=6)
    assert datasets[0].ConvolutionKernel == "H31s"
    assert len(read_series(datasets).slices) == len(datasets)


# --- real traffic


@pytest.mark.parametrize("name", ["whole_body", "post_op", "no_agent"])
def test_a_real_head_with_misleading_words_is_read_without_a_doubt(name):
    assert kinds(case(name)) == []


@pytest.mark.parametrize("name", ["full_vessels", "injected"])
def test_a_real_head_with_contrast_agent_is_refused(name):
    assert isinstance(refusal(case(name)), errors.ContrastEnhanced)


@pytest.mark.parametrize("kind", ["iph", "edh", "neg", "sdh", "ivh", "neg2"])
def test_a_real_plain_head_is_read_whatever_the_words(kind):
    """Bleedings, clips, calcifications: none is taken for vessels with contrast agent."""
    head = real_head(kind)
    for agent, said in (("", []), ("NONE", []), ("IV", ["contrast_suspected"])):
        for dataset in head:
            dataset.ContrastBolusAgent = agent
        assert [kind for kind in kinds(head) if kind.startswith("contrast")] == said
