"""Multi-frame CT is read like the classic series that it was made from."""

import weakref
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGLSLossless,
    LegacyConvertedEnhancedCTImageStorage,
    RLELossless,
)

from ich_node.errors import (
    DerivedResult,
    EnhancedMultiFrame,
    NoHounsfieldUnits,
    TooLarge,
    Undecodable,
)
from ich_node.series.contrast_words import NO_WORDS, contrast_words
from ich_node.series.frames import FrameHeader, frames_of
from ich_node.series.hounsfield import Pixels, decode_all
from ich_node.series.object_file import read_object
from ich_node.series.read import read_series
from ich_node.series.series import Series
from tests.support.enhanced import (
    ENHANCED_UID,
    concatenation,
    to_enhanced,
    to_legacy_converted,
)
from tests.support.heads import head_series
from tests.support.real import real

SHUFFLED = [7, 0, 11, 3, 9, 1, 5, 2, 10, 4, 8, 6]


def assert_same_slices(series: Series, classic: Series) -> None:
    assert len(series.slices) == len(classic.slices)
    for slice_, of_classic in zip(series.slices, classic.slices, strict=True):
        np.testing.assert_array_equal(slice_.hu_YX, of_classic.hu_YX)
        np.testing.assert_array_equal(slice_.padding_YX, of_classic.padding_YX)
        assert slice_.hu_YX.dtype == of_classic.hu_YX.dtype
        for geometry in ("pixel_spacing_mm", "image_position_mm", "image_orientation"):
            assert getattr(slice_, geometry) == pytest.approx(getattr(of_classic, geometry))
        assert slice_.frame_of_reference_uid == of_classic.frame_of_reference_uid


@pytest.mark.parametrize("order", [None, SHUFFLED])
@pytest.mark.parametrize("intercepts", [(-1024,), (-1024, -1000, 0)])
def test_enhanced_is_read_as_classic(order: list[int] | None, intercepts: tuple[int, ...]) -> None:
    classic = head_series()
    enhanced = to_enhanced(classic, order=order, intercepts=intercepts)

    series = read_series([enhanced])

    assert_same_slices(series, read_series(classic))
    expected = {index: number for number, index in enumerate(order or range(12), start=1)}
    assert [slice_.image for slice_ in series.slices] == [
        (f"{ENHANCED_UID}2", expected[index]) for index in range(12)
    ]
    assert [slice_.instance_number for slice_ in series.slices] == [
        expected[index] for index in range(12)
    ]


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("has_table", [True, False])
def test_compressed_frames(syntax: UID, has_table: bool) -> None:
    classic = head_series()
    enhanced = to_enhanced(classic, order=SHUFFLED, syntax=syntax, has_table=has_table)
    assert_same_slices(read_series([enhanced]), read_series(classic))


def test_frame_in_several_fragments_with_an_extended_table() -> None:
    classic = head_series()
    enhanced = to_enhanced(classic, syntax=JPEGLSLossless)
    frames = list(pydicom.encaps.generate_frames(enhanced.PixelData, number_of_frames=12))
    enhanced.PixelData = pydicom.encaps.encapsulate(frames, fragments_per_frame=3)
    assert_same_slices(read_series([enhanced]), read_series(classic))
    enhanced.PixelData = pydicom.encaps.encapsulate(frames, fragments_per_frame=3, has_bot=False)
    assert_same_slices(read_series([enhanced]), read_series(classic))
    data, starts, lengths = pydicom.encaps.encapsulate_extended(frames)
    enhanced.PixelData = data
    enhanced.ExtendedOffsetTable, enhanced.ExtendedOffsetTableLengths = starts, lengths
    assert_same_slices(read_series([enhanced]), read_series(classic))


def test_parts_of_a_concatenation_are_one_series() -> None:
    classic = head_series()
    first, second = concatenation(classic, [5, 7])

    series = read_series([second, first])

    assert_same_slices(series, read_series(classic))
    assert [slice_.image for slice_ in series.slices] == [
        *((f"{ENHANCED_UID}3.1", number) for number in range(1, 6)),
        *((f"{ENHANCED_UID}3.2", number) for number in range(1, 8)),
    ]
    assert [slice_.instance_number for slice_ in series.slices] == list(range(1, 13))


@pytest.mark.parametrize("syntax", [None, JPEGLSLossless])
def test_legacy_converted_is_read_as_classic(syntax: UID | None) -> None:
    classic = head_series(
        ConvolutionKernel="H31s", WindowCenter="40", WindowWidth="80", PixelRepresentation=0
    )
    classic[3].WindowCenter = "45"
    options = {"transfer_syntax_uid": syntax} if syntax else {}
    converted = to_legacy_converted(classic[::-1], **options)
    assert converted.SOPClassUID == LegacyConvertedEnhancedCTImageStorage

    series = read_series([converted])

    assert_same_slices(series, read_series(classic))
    headers = frames_of(converted)
    assert {header.ConvolutionKernel for header in headers} == {"H31S"}
    assert {header.KVP for header in headers} == {120}


def test_a_frame_that_is_missing_leaves_a_gap_and_no_other_frame_in_its_place() -> None:
    classic = head_series()
    series = read_series([to_enhanced(classic, order=[0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11])])
    assert_same_slices(series, read_series([*classic[:4], *classic[5:]]))


def test_localizer_frames_are_left_out() -> None:
    enhanced = to_enhanced(head_series())
    frame_type = Dataset()
    frame_type.FrameType = ["ORIGINAL", "PRIMARY", "LOCALIZER", "NONE"]
    for number in (0, 5):
        group = enhanced.PerFrameFunctionalGroupsSequence[number]
        group.CTImageFrameTypeSequence = [frame_type]

    series = read_series([enhanced])

    assert len(series.slices) == 10
    assert [left.kind for left in series.left_out] == ["localizer"] * 2


def test_header_of_a_frame_is_that_of_a_classic_slice() -> None:
    classic = head_series()
    enhanced = to_enhanced(classic, intercepts=(-1024, -1000))
    enhanced.PerFrameFunctionalGroupsSequence[1].FrameContentSequence[
        0
    ].FrameAcquisitionDateTime = "20260102111213.5-0500"

    frame = frames_of(enhanced)[1]

    assert isinstance(frame, FrameHeader)
    assert frame.frame_number == 2
    assert frame.ImageType == ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    assert (frame.RescaleIntercept, frame.RescaleSlope, frame.RescaleType) == (-1000, 1, "HU")
    assert frame.ImagePositionPatient == classic[1].ImagePositionPatient
    assert frame.PixelSpacing == classic[1].PixelSpacing
    assert frame.SliceThickness == 10
    assert frame.ConvolutionKernel == ["H31S", "BRAIN"]
    assert frame.BodyPartExamined == "HEAD"
    assert (frame.AcquisitionDate, frame.AcquisitionTime) == ("20260102", "111213.5")
    assert (frame.WindowCenter, frame.WindowWidth) == (40, 80)
    assert frame.PatientID == classic[1].PatientID
    assert "NumberOfFrames" not in frame
    assert "PerFrameFunctionalGroupsSequence" not in frame


def test_functional_groups_never_replace_uids_or_the_patient() -> None:
    enhanced = to_enhanced(head_series())
    item = enhanced.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
    item.SOPInstanceUID, item.PatientID = "1.2.3", "another"
    frame = frames_of(enhanced)[0]
    assert (frame.SOPInstanceUID, frame.PatientID) == (enhanced.SOPInstanceUID, "P1")


def test_a_change_of_one_frame_is_not_that_of_all() -> None:
    enhanced = to_enhanced(head_series())
    first = enhanced.PerFrameFunctionalGroupsSequence[0]
    first.CTImageFrameTypeSequence = [Dataset()]
    first.CTImageFrameTypeSequence[0].FrameType = ["DERIVED", "PRIMARY", "AXIAL", "MAXIMUM"]
    types = [header.ImageType[3] for header in frames_of(enhanced)]
    assert types == ["MAXIMUM", *["NONE"] * 11]
    assert enhanced.ImageType[3] == "NONE"


def contrast(enhanced: Dataset) -> None:
    agent = Dataset()
    agent.CodeValue, agent.CodingSchemeDesignator, agent.CodeMeaning = "1", "99T", "Iohexol"
    agent.ContrastBolusAgentNumber = 1
    enhanced.ContrastBolusAgentSequence = [agent]


def perfusion(enhanced: Dataset) -> None:
    shared = enhanced.SharedFunctionalGroupsSequence[0]
    shared.CTImageFrameTypeSequence[0].FrameType = ["DERIVED", "PRIMARY", "PERFUSION", "RCBF"]


def flow_values(enhanced: Dataset) -> None:
    unit, mapping = Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "ml/100ml/s", "UCUM", "flow"
    mapping.MeasurementUnitsCodeSequence = [unit]
    enhanced.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = [mapping]


def projection(enhanced: Dataset) -> None:
    shared = enhanced.SharedFunctionalGroupsSequence[0]
    shared.CTImageFrameTypeSequence[0].VolumeBasedCalculationTechnique = "MAX_IP"


def no_rescale(enhanced: Dataset) -> None:
    for group in enhanced.PerFrameFunctionalGroupsSequence:
        del group.PixelValueTransformationSequence


def fewer_groups(enhanced: Dataset) -> None:
    enhanced.PerFrameFunctionalGroupsSequence.pop()


def too_many_frames(enhanced: Dataset) -> None:
    enhanced.NumberOfFrames = 100_000


def more_pixels(enhanced: Dataset) -> None:
    enhanced.PixelData += bytes(256)


def fewer_pixels(enhanced: Dataset) -> None:
    enhanced.PixelData = enhanced.PixelData[:-256]


def no_pixels(enhanced: Dataset) -> None:
    del enhanced.PixelData


@pytest.mark.parametrize(
    ("change", "refusal", "words"),
    [
        (perfusion, DerivedResult, "PERFUSION"),
        (flow_values, NoHounsfieldUnits, "ML/100ML/S"),
        (projection, DerivedResult, "MAX_IP"),
        (no_rescale, NoHounsfieldUnits, "RescaleSlope"),
        (fewer_groups, Undecodable, "12 frames stated, functional groups of 11"),
        (too_many_frames, TooLarge, "100000 frames"),
        (more_pixels, Undecodable, "393472 bytes"),
        (no_pixels, Undecodable, "no pixel data"),
    ],
)
def test_refusals(change: Callable[[Dataset], None], refusal: type[Exception], words: str) -> None:
    enhanced = to_enhanced(head_series())
    change(enhanced)
    with pytest.raises(refusal, match=words):
        read_series([enhanced])


def test_a_frame_says_whether_it_shows_the_contrast_agent_of_the_object() -> None:
    enhanced = to_enhanced(head_series())
    contrast(enhanced)
    usage = Dataset()
    usage.ContrastBolusAgentNumber, usage.ContrastBolusAgentAdministered = 1, "NO"
    enhanced.PerFrameFunctionalGroupsSequence[1].ContrastBolusUsageSequence = [usage]
    with_agent, without = frames_of(enhanced)[:2]
    assert contrast_words(with_agent).text == "ContrastBolusAgentSequence IOHEXOL"
    assert contrast_words(without) == NO_WORDS


def test_only_the_frames_behind_the_end_of_the_pixels_are_undecodable() -> None:
    enhanced = to_enhanced(head_series())
    fewer_pixels(enhanced)
    frames = frames_of(enhanced)
    *whole, cut = decode_all(frames)
    assert all(isinstance(pixels, Pixels) for pixels in whole)
    assert isinstance(cut, Undecodable)
    series = read_series([enhanced])
    assert len(series.slices) == 11
    assert [(left.image, left.kind) for left in series.left_out] == [
        ((f"{ENHANCED_UID}2", 12), "undecodable")
    ]


@pytest.mark.parametrize("has_table", [True, False])
def test_damaged_tables_of_offsets(has_table: bool) -> None:
    enhanced = to_enhanced(head_series(), syntax=RLELossless, has_table=has_table)
    if has_table:
        table = bytearray(enhanced.PixelData)
        table[8:12], table[12:16] = table[12:16], table[8:12]
        enhanced.PixelData = bytes(table)
    else:
        enhanced.PixelData = enhanced.PixelData[:8] + bytes.fromhex("feff00e000000000") * 500
    for refusal in decode_all(frames_of(enhanced)):
        assert isinstance(refusal, Undecodable)
        assert "the pixel data has no such frame" in refusal.detail


def test_several_frames_of_the_classic_class_are_refused() -> None:
    with pytest.raises(EnhancedMultiFrame, match="multi-frame, but CT Image Storage"):
        read_series(head_series(NumberOfFrames=2))


def test_no_copy_of_all_pixels() -> None:
    enhanced = to_enhanced(head_series())
    held = enhanced.PixelData
    assert all("PixelData" not in frame for frame in frames_of(enhanced))
    assert enhanced.PixelData is held


def test_perfusion_map_from_the_world_is_refused_as_one() -> None:
    path = real("odd", "eCT_Supplemental.dcm")
    with pytest.raises(DerivedResult, match="PERFUSION"):
        read_series([pydicom.dcmread(path)], single_slice=True)


def test_the_bytes_of_the_file_are_not_kept_beside_the_pixels() -> None:
    buffer = BytesIO()
    to_enhanced(head_series()).save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    kept = weakref.ref(buffer)
    dataset = read_object(buffer)
    del buffer
    assert kept() is None
    assert len(read_series([dataset]).slices) == 12
