"""Real files, in every syntax and with every oddity at hand: read exactly, or refused by name
(docs/refusals.md).
"""

from contextlib import suppress
from io import BytesIO

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset

from ich_node import errors
from ich_node.files.find import find_series
from ich_node.series.read import read_series
from tests.support.heads import head_series
from tests.support.real import real, real_series
from tests.support.refusals import refusal

LOSSLESS = [
    "LittleEndianImplicit_1.2.840.10008.1.2.dcm",
    "BigEndianExplicit_1.2.840.10008.1.2.2.dcm",
    "RLELossless_1.2.840.10008.1.2.5.dcm",
    "JPEGProcess14_1.2.840.10008.1.2.4.57.dcm",
    "JPEGProcess14SV1_1.2.840.10008.1.2.4.70.dcm",
    "JPEGLSLossless_1.2.840.10008.1.2.4.80.dcm",
    "JPEG2000LosslessOnly_1.2.840.10008.1.2.4.90.dcm",
]


def chest_slice_as_head(name: str) -> Dataset:
    """The chest of the syntax samples, without the words that say so."""
    dataset = pydicom.dcmread(real("syntaxes", name))
    for keyword in (
        "BodyPartExamined",
        "StudyDescription",
        "SeriesDescription",
        "ProtocolName",
        "ConvolutionKernel",
    ):
        if keyword in dataset:
            delattr(dataset, keyword)
    return dataset


@pytest.mark.parametrize("name", LOSSLESS)
def test_every_lossless_syntax_decodes_exactly(name):
    expected = read_series(
        [chest_slice_as_head("LittleEndianExplicit_1.2.840.10008.1.2.1.dcm")], single_slice=True
    )
    assert np.array_equal(
        read_series([chest_slice_as_head(name)], single_slice=True).slices[0].hu_YX,
        expected.slices[0].hu_YX,
    )


@pytest.mark.parametrize(
    ("name", "error_hu"),
    [
        ("JPEGLSLossy_1.2.840.10008.1.2.4.81.dcm", 40),
        ("JPEG2000_1.2.840.10008.1.2.4.91.dcm", 40),
        ("JPEGProcess2_4_1.2.840.10008.1.2.4.51.dcm", 40),
        ("JPEGProcess1_1.2.840.10008.1.2.4.50.dcm", 40),
    ],
)
def test_every_lossy_syntax_decodes_nearly(name, error_hu):
    """Median error; the 8-bit baseline sample keeps 16 HU steps."""
    expected = (
        read_series(
            [chest_slice_as_head("LittleEndianExplicit_1.2.840.10008.1.2.1.dcm")], single_slice=True
        )
        .slices[0]
        .hu_YX
    )
    found = read_series([chest_slice_as_head(name)], single_slice=True).slices[0].hu_YX
    assert np.median(np.abs(found.astype(float) - expected)) <= error_hu


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("DeflatedExplicitVRLittleEndian_1.2.840.10008.1.2.1.99.dcm", "Deflated"),
        ("JPEGProcess6_8_1.2.840.10008.1.2.4.53.dcm", "Spectral Selection"),
        ("JPEGProcess10_12_1.2.840.10008.1.2.4.55.dcm", "Full Progression"),
    ],
)
def test_deflated_and_retired_syntaxes_are_refused_by_name(name, words):
    """Deflated is not even inflated: a small file may hold any amount of zeros."""
    series, _ = find_series([real("syntaxes", name)])
    found = refusal(series[0].datasets())
    assert isinstance(found, errors.TransferSyntaxRefused)
    assert words in found.detail


def test_signedness_that_contradicts_the_header_decodes_to_the_codestream():
    """The J2K codestream is signed differently from its header: air must still be -1000."""
    slice_ = read_series(
        [pydicom.dcmread(real("odd", "J2K_pixelrep_mismatch.dcm"))], single_slice=True
    ).slices[0]
    assert slice_.hu_YX.min() == -2000
    assert slice_.padding_YX.mean() == pytest.approx(0.2146, abs=1e-3)


def test_unsigned_padding_in_a_signed_image():
    slice_ = read_series(
        [pydicom.dcmread(real("odd", "cq500-0-padding-63536.dcm"))], single_slice=True
    ).slices[0]
    assert slice_.hu_YX.min() == -3024
    assert slice_.padding_YX.mean() > 0.2


@pytest.mark.parametrize(
    ("name", "error"),
    [("eCT_Supplemental.dcm", errors.DerivedResult), ("bad_sequence.dcm", errors.TooFewSlices)],
)
def test_odd_real_files_are_refused_by_name(name, error):
    assert type(refusal([pydicom.dcmread(real("odd", name))])) is error


@pytest.mark.parametrize(
    ("folder", "slices", "tilt_deg"),
    [
        ("positive/cq500-ivh-80", 30, 21.0),
        ("positive/cq500-sdh-412", 30, 12.0),
        ("positive/rsna-edh-cce87b8761", 22, 25.5),
        ("positive/rsna-iph-66a50aa62a", 26, 0.0),
        ("negative/cq500-47", 30, 0.0),
        ("negative/rsna-515961ad20", 26, 0.0),
        ("thin/cq500-0", 239, 8.5),
    ],
)
def test_real_head_ct_is_read(folder, slices, tilt_deg):
    """Illegal UIDs, missing tags, JPEG Lossless, JPEG 2000, tilt. The thin one shows contrast
    agent: where no word says so, it is read with a warning.
    """
    series = read_series(real_series(folder))
    kinds = [warning.kind for warning in series.warnings]
    assert ("contrast_suspected" in kinds) == (folder == "thin/cq500-0")
    assert len(series.slices) == slices
    assert series.left_out == ()
    assert series.tilt_deg == pytest.approx(tilt_deg, abs=0.1)


@pytest.mark.parametrize("name", ["CQ500-CT-1", "CQ500-CT-310"])
def test_an_original_is_read_and_its_damaged_lossy_copy_left_out(name):
    """The folder of one boxed slice also holds lossy copies under another UID, at the same
    position.
    """
    datasets = [pydicom.dcmread(path) for path in sorted(real("boxed", name).rglob("*.dcm"))]
    series = read_series(datasets, single_slice=True)
    assert len(series.slices) == 1
    assert int(series.slices[0].hu_YX.min()) == -3024
    assert {left.kind for left in series.left_out} <= {"copy"}


@pytest.fixture(scope="module")
def small_head() -> list[tuple[Dataset, bytes]]:
    """The smallest head that is read, each slice with its file."""
    head = []
    for dataset in head_series(9, rows=64, columns=64):
        meta = dataset.file_meta
        meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        head.append((dataset, buffer.getvalue()))
    assert len(read_series([dataset for dataset, _ in head]).slices) == 9
    return head


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_header_is_a_refusal_never_another_error(tmp_path_factory, small_head, data):
    """Any bytes of one object overwritten: the series is read, or refused with a sentence."""
    victim, file = small_head[data.draw(st.integers(0, len(small_head) - 1))]
    datasets = [dataset for dataset, _ in small_head]
    damaged = bytearray(file)
    header = len(damaged) - len(victim.PixelData)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(400, header + 50))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.dcm"
    path.write_bytes(damaged)
    found, _ = find_series([path])
    for files in found:
        with suppress(errors.Refusal):
            read_series(
                [*files.datasets(), *(dataset for dataset in datasets if dataset is not victim)]
            )
