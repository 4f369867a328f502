"""Real head CT is full of traps; each has its rule here. docs/refusals.md lists the refusals and
names these tests.
"""

import random

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import (
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from ich_node import errors
from ich_node.series.read import read_series
from ich_node.series.series import Series
from tests.support.heads import head_hu, head_series, head_slice
from tests.support.real import real
from tests.support.refusals import refusal


def same(one: Series, other: Series) -> bool:
    return len(one.slices) == len(other.slices) and all(
        a.sop_instance_uid == b.sop_instance_uid
        and a.position_mm == b.position_mm
        and np.array_equal(a.hu_YX, b.hu_YX)
        for a, b in zip(one.slices, other.slices, strict=True)
    )


# --- order and geometry


def test_slices_are_ordered_by_position_never_by_instance_number():
    """InstanceNumber runs the other way round, files come shuffled: the order is feet to head."""
    datasets = head_series()
    for index, dataset in enumerate(datasets):
        dataset.InstanceNumber = 100 - index
    random.Random(1).shuffle(datasets)
    positions_mm = [slice_.position_mm for slice_ in read_series(datasets).slices]
    assert positions_mm == sorted(positions_mm)
    assert positions_mm[0] == 0


def test_a_table_that_runs_the_other_way_gives_the_same_order():
    """ImageOrientationPatient of a prone patient points the normal to the feet; larger is still
    nearer to the head.
    """
    datasets = head_series(ImageOrientationPatient=[1, 0, 0, 0, -1, 0])
    assert [slice_.position_mm for slice_ in read_series(datasets).slices] == [
        10.0 * index for index in range(12)
    ]


def test_tilt_comes_from_the_geometry_not_from_its_tag():
    """The tag says +12 degrees, the planes say 20: the planes are right, and positions run along
    their normal.
    """
    cosine, sine = np.cos(np.radians(20)), np.sin(np.radians(20))
    series = read_series(
        head_series(ImageOrientationPatient=[1, 0, 0, 0, cosine, -sine], GantryDetectorTilt="12")
    )
    assert series.tilt_deg == pytest.approx(20)
    assert series.slices[1].position_mm - series.slices[0].position_mm == pytest.approx(10 * cosine)


def test_one_series_in_four_forms_is_one_series():
    """File order, transfer syntax (uncompressed, RLE, JPEG-LS, implicit) and header padding do not
    matter.
    """
    plain = read_series(head_series())
    shuffled = head_series()
    random.Random(2).shuffle(shuffled)
    forms = [shuffled]
    for syntax in (RLELossless, JPEGLSLossless):
        form = head_series()
        for dataset in form:
            dataset.compress(syntax, generate_instance_uid=False)
        forms.append(form)
    padded = head_series(SeriesDescription="  HEAD   5 MM ")
    for dataset in padded:
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        dataset.add_new(0x00091010, "OB", b"\0" * 1000)
        dataset.add_new(0xFFFCFFFC, "OB", b"\0" * 64)  # DataSetTrailingPadding
    forms.append(padded)
    for form in forms:
        assert same(read_series(form), plain)


def test_the_same_object_given_twice_counts_once():
    datasets = head_series()
    assert same(read_series([*datasets, *head_series()]), read_series(datasets))


def test_localizers_are_left_out_with_the_reason():
    """A scout is part of many series; it must not cost the series."""
    scout = head_slice(
        40,
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
        ImageOrientationPatient=[0, 1, 0, 0, 0, -1],
    )
    silent_scout = head_slice(41, ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    series = read_series([scout, *head_series(), silent_scout])
    assert len(series.slices) == 12
    assert {left.sop_instance_uid: left.kind for left in series.left_out} == {
        scout.SOPInstanceUID: "localizer",
        silent_scout.SOPInstanceUID: "not_axial",
    }


def test_a_slice_that_was_repeated_is_read_twice():
    """The patient moved; whichever shows the bleed counts, and the order of the files does not."""
    repeat = head_slice(3, SOPInstanceUID="1.2.3", AcquisitionNumber=2)
    repeat.PixelData = (head_hu(level=3 / 11) + 1024 + 2).astype("<i2").tobytes()
    for datasets in ([repeat, *head_series()], [*head_series(), repeat]):
        series = read_series(datasets)
        assert len(series.slices) == 13
        assert [slice_.stack for slice_ in series.slices] == [0] * 12 + [1]
        at_30_mm = [slice_.sop_instance_uid for slice_ in series.slices if slice_.position_mm == 30]
        assert set(at_30_mm) == {repeat.SOPInstanceUID, head_slice(3).SOPInstanceUID}
        assert (series.left_out, series.missing) == ((), ())
        assert [warning.kind for warning in series.warnings] == ["several_stacks"]


def test_the_same_pixels_at_the_same_place_are_read_once():
    """A study that was sent again under new UIDs."""
    again = [
        head_slice(index, SOPInstanceUID=f"1.2.3.{index + 1}", AcquisitionNumber=2)
        for index in range(12)
    ]
    series = read_series([*head_series(AcquisitionNumber=1), *again])
    assert len(series.slices) == 12
    assert {left.kind for left in series.left_out} == {"copy"}


def test_spacing_may_vary_inside_a_head():
    """Thin at the base, thick above: normal."""
    datasets = head_series(20)
    for index, dataset in enumerate(datasets):
        dataset.ImagePositionPatient = [
            -100,
            -100,
            2.5 * index if index < 10 else 25 + 10.0 * (index - 10),
        ]
    assert len(read_series(datasets).slices) == 20


def test_non_square_and_non_512_slices_are_kept():
    """Matrix and pixel spacing stay those of the original."""
    slice_ = read_series(head_series(rows=96, columns=160, PixelSpacing=[1.5, 1.0])).slices[0]
    assert slice_.hu_YX.shape == (96, 160)
    assert slice_.pixel_spacing_mm == (1.5, 1.0)


# --- Hounsfield units


def test_padding_by_tag_whatever_its_sign_is_masked_and_kept_as_stored():
    """PixelPaddingValue 63536 in a signed image is -2000; the pixels keep -3024 HU, the mask says
    where.
    """
    datasets = head_series()
    for dataset in datasets:
        pixels_YX = np.frombuffer(dataset.PixelData, "<i2").reshape(128, 128).copy()
        pixels_YX[:10] = -2000
        dataset.PixelData = pixels_YX.tobytes()
        dataset.add_new("PixelPaddingValue", "US", 63536)
    slice_ = read_series(datasets).slices[5]
    assert slice_.hu_YX[:10].max() == -3024
    assert slice_.padding_YX[:10].all()
    assert not slice_.padding_YX[10:].any()


def test_a_padding_range_masks_the_whole_range():
    """PixelPaddingRangeLimit: everything from the value to the limit."""
    datasets = head_series()
    for dataset in datasets:
        pixels_YX = np.frombuffer(dataset.PixelData, "<i2").reshape(128, 128).copy()
        pixels_YX[:5], pixels_YX[5:10] = -60, -50
        dataset.PixelData = pixels_YX.tobytes()
        dataset.add_new("PixelPaddingValue", "SS", -60)
        dataset.add_new("PixelPaddingRangeLimit", "SS", -50)
    assert read_series(datasets).slices[0].padding_YX.sum() == 10 * 128


def test_padding_without_a_tag_is_what_lies_below_air():
    datasets = head_series()
    for dataset in datasets:
        pixels_YX = np.frombuffer(dataset.PixelData, "<i2").reshape(128, 128).copy()
        pixels_YX[:, :8] = -1024
        dataset.PixelData = pixels_YX.tobytes()
    assert read_series(datasets).slices[0].padding_YX[:, :8].all()


def test_a_padding_value_that_would_be_tissue_is_not_believed():
    """PixelPaddingValue 1057 is brain here; masking it would blank the brain."""
    datasets = head_series()
    for dataset in datasets:
        dataset.add_new("PixelPaddingValue", "SS", 1057)
    assert not read_series(datasets).slices[0].padding_YX.any()


def test_twelve_bit_signed_pixels_with_any_high_bits_give_the_same_hu():
    """Some scanners set the sign bits of 12-bit data, some do not, some keep an overlay there: only
    BitsStored counts.
    """
    for high_bits in (0x0000, 0xF000, 0x5000):
        datasets = head_series(RescaleIntercept="0", BitsStored=12, HighBit=11)
        for index, dataset in enumerate(datasets):
            stored_YX = head_hu(level=index / 11).view(np.uint16) & 0x0FFF
            dataset.PixelData = (stored_YX | np.uint16(high_bits)).astype("<u2").tobytes()
        series = read_series(datasets)
        assert [int(slice_.hu_YX.min()) for slice_ in series.slices] == [-1000] * 12
        assert np.array_equal(series.slices[4].hu_YX, head_hu(level=4 / 11))


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"RescaleSlope": None}, "missing"),
        ({"RescaleIntercept": None}, "missing"),
        ({"RescaleSlope": "0"}, "do not lead to Hounsfield units"),
        ({"RescaleSlope": "-1"}, "do not lead to Hounsfield units"),
        ({"RescaleType": "MGML"}, "RescaleType MGML"),
        ({"RescaleIntercept": "0"}, "as dark as air"),
        ({"RescaleIntercept": "-848"}, "air around the head"),
        ({"RescaleIntercept": "-954"}, "inside the skull"),
    ],
)
def test_missing_or_absurd_rescale_is_refused_never_guessed(attributes, words):
    found = refusal(head_series(**attributes))
    assert isinstance(found, errors.NoHounsfieldUnits)
    assert words in found.detail


def test_a_fractional_slope_is_computed_in_floating_point():
    """slope 0.5: exact where int16 is not."""
    datasets = head_series(RescaleSlope="0.5", RescaleIntercept="-1024")
    for index, dataset in enumerate(datasets):
        dataset.PixelData = ((head_hu(level=index / 11) + 1024) * 2).astype("<i2").tobytes()
    slice_ = read_series(datasets).slices[3]
    assert slice_.hu_YX.dtype == np.float32
    assert np.array_equal(slice_.hu_YX, head_hu(level=3 / 11))


def metal(series: Series) -> int:
    """How many slices the warning counts."""
    details = [warning.detail for warning in series.warnings if warning.kind == "metal"]
    return int(details[0].split()[2]) if details else 0


@pytest.mark.parametrize(("row", "column", "slices"), [(64, 30, 1), (5, 5, 0)])
def test_metal_beside_the_brain_is_noticed(row, column, slices):
    """A clip in the skull is; a snap on the pillow is not."""
    datasets = head_series()
    pixels_YX = np.frombuffer(datasets[6].PixelData, "<i2").reshape(128, 128).copy()
    pixels_YX[row : row + 2, column : column + 2] = 1024 + 3071
    datasets[6].PixelData = pixels_YX.tobytes()
    assert metal(read_series(datasets)) == slices


def test_the_clips_of_a_real_craniotomy_are_noticed():
    """The post-operative series, three slices; not the one without metal."""
    for name, slices in (("positive/rsna-edh-cce87b8761", 3), ("negative/cq500-47", 0)):
        series = read_series([pydicom.dcmread(path) for path in real(name).iterdir()])
        assert metal(series) == slices


# --- refusals

CORONAL, SAGITTAL = [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1]


def moved(datasets: list[Dataset], axis: int) -> list[Dataset]:
    for index, dataset in enumerate(datasets):
        position = [-100.0, -100.0, 0.0]
        position[axis] = 10.0 * index
        dataset.ImagePositionPatient = position
    return datasets


@pytest.mark.parametrize(
    ("error", "datasets"),
    [
        (errors.NotCT, head_series(SOPClassUID=MRImageStorage)),
        (errors.NotCT, head_series(SOPClassUID=None, Modality="US")),
        (errors.DerivedResult, head_series(SOPClassUID=SecondaryCaptureImageStorage)),
        (errors.DerivedResult, head_series(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.34")),
        (errors.DerivedResult, head_series(ImageType=["DERIVED", "SECONDARY", "AXIAL"])),
        (errors.DerivedResult, head_series(ImageType=["DERIVED", "SECONDARY", "OTHER"])),
        (errors.DerivedResult, head_series(ImageType=["ORIGINAL", "SECONDARY", "SCREEN SAVE"])),
        (errors.DerivedResult, head_series(SeriesDescription="Dose Report")),
        (errors.DerivedResult, head_series(ImageType=["DERIVED", "PRIMARY", "MPR"])),
        (
            errors.DerivedResult,
            head_series(ImageType=["DERIVED", "PRIMARY", "AXIAL", "CT_SOM5 MIP"]),
        ),
        # without functional groups
        (errors.Undecodable, head_series(SOPClassUID=EnhancedCTImageStorage)),
        (errors.EnhancedMultiFrame, head_series(NumberOfFrames=30)),
        (errors.NotHead, moved(head_series(40), 2)),
        (
            errors.NotHead,
            head_series(PixelData=(np.full((128, 128), -990) + 1024).astype("<i2").tobytes()),
        ),
        (errors.NotAxial, moved(head_series(ImageOrientationPatient=CORONAL), 1)),
        (errors.NotAxial, moved(head_series(ImageOrientationPatient=SAGITTAL), 0)),
        (errors.BoneKernel, head_series(ConvolutionKernel="BONEPLUS")),
        (errors.BoneKernel, head_series(ConvolutionKernel="H60s")),
        (errors.BoneKernel, head_series(ConvolutionKernel=["Hr64h", "3"])),
        (errors.BoneKernel, head_series(ConvolutionKernel="FC81")),
        (errors.BoneKernel, head_series(SeriesDescription="HEAD BONE 1.25")),
        (errors.TooFewSlices, []),
        (errors.TooFewSlices, head_series(7)),
        (errors.TooFewSlices, head_series(1)),
        (errors.TooFewSlices, head_series(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])),
        (
            errors.TooFewSlices,
            [
                head_slice(index, ImagePositionPatient=[-100, -100, 2.0 * index])
                for index in range(12)
            ],
        ),
        (errors.NoGeometry, head_series(ImagePositionPatient=None)),
        (errors.NoGeometry, head_series(ImageOrientationPatient=None)),
        (errors.NoGeometry, head_series(ImageOrientationPatient=[0, 0, 0, 0, 0, 0])),
        (errors.NoGeometry, head_series(PixelSpacing=None)),
        (errors.NoGeometry, head_series(PixelSpacing=[0, 0])),
        (errors.Monochrome1, head_series(PhotometricInterpretation="MONOCHROME1")),
        (errors.Undecodable, head_series(PixelData=b"\0" * 100)),
        (errors.Undecodable, head_series(PixelData=None)),
        (errors.Undecodable, head_series(SamplesPerPixel=3)),
        (errors.Undecodable, head_series(BitsStored=20)),
        (errors.TooLarge, head_series(Rows=60_000, Columns=60_000)),
        (errors.MixedSeries, [*head_series(), head_slice(20, SeriesInstanceUID="1.2.3")]),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_what_is_not_ours_is_refused_by_name(error, datasets):
    found = refusal(datasets)
    assert type(found) is error
    assert found.reason == error.reason


@pytest.mark.parametrize(
    "attributes",
    [
        {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]},
        {"ConvolutionKernel": "H31s"},
        {"ConvolutionKernel": "STANDARD"},
        {"ConvolutionKernel": "FC26"},
        {"ConvolutionKernel": "UB"},
        {"SeriesDescription": "PRE CONTRAST THIN"},
        {"SeriesDescription": "POST FOSSA"},
        {"ContrastBolusAgent": "NONE"},
        {"BodyPartExamined": "HEADNECK"},
        {"StudyDescription": "CT HEAD AND NECK"},
        {"SeriesDescription": "4cc sec 150cc D3D on"},
        {"ImageType": "AXIAL"},
    ],
    ids=str,
)
def test_what_only_sounds_wrong_is_read(attributes):
    """Thick averages are DERIVED; a plain series may speak of contrast; an injection that no vessel
    shows did not happen.
    """
    assert len(read_series(head_series(**attributes)).slices) == 12


def test_a_lone_slice_is_read_only_when_asked():
    """For looking at one slice by hand; the node never asks."""
    assert len(read_series([head_slice(5)], single_slice=True).slices) == 1
    with pytest.raises(errors.TooFewSlices):
        read_series(head_series(2), single_slice=True)


def test_big_endian_is_read(tmp_path):
    datasets = head_series()
    forms = []
    for index, dataset in enumerate(datasets):
        dataset.PixelData = (head_hu(level=index / 11) + 1024).astype(">i2").tobytes()
        dataset["PixelData"].VR = "OW"
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        path = tmp_path / f"{index}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        forms.append(pydicom.dcmread(path))
    assert same(read_series(forms), read_series(head_series()))
