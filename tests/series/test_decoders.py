"""Every decoder gives what pydicom's plugins give, and refuses what is damaged."""

import hashlib

import imagecodecs
import jpeg_ls
import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    JPEG2000,
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from ich_node.errors import NoHounsfieldUnits, Undecodable
from ich_node.series import decoders
from ich_node.series.codestream import size_of
from ich_node.series.decoders import decode
from ich_node.series.hounsfield import to_hounsfield
from tests.support.heads import head_hu, head_slice
from tests.support.real import real

COMPRESSED = [
    JPEGLosslessSV1,
    JPEGLossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
    RLELossless,
]
LOSSY = {JPEGLSNearLossless: {"jls_error": 3}, JPEG2000: {"j2k_cr": [8]}}


def compressed(syntax: UID, bits: int, signed: bool) -> Dataset:
    """A head of that precision as an encoder for that syntax writes it."""
    stored_YX = head_hu() + (0 if signed else 1024)
    ds = head_slice(
        0,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=int(signed),
        RescaleIntercept="0" if signed else "-1024",
    )
    ds.PixelData = stored_YX.astype("<i2").tobytes()
    if syntax in (JPEGLossless, JPEGLosslessSV1):
        plain_YX = stored_YX.astype(np.int16).view(np.uint16) & np.uint16((1 << bits) - 1)
        frame = imagecodecs.jpeg8_encode(
            plain_YX,
            lossless=True,
            bitspersample=bits,
            predictor=1 if syntax == JPEGLosslessSV1 else 4,
        )
        ds.file_meta.TransferSyntaxUID = syntax
        ds.PixelData = encapsulate([frame])
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
    else:
        ds.compress(syntax, generate_instance_uid=False, **LOSSY.get(syntax, {}))
    return ds


@pytest.mark.parametrize(
    ("syntax", "signed"),
    # pydicom writes no signed JPEG-LS with loss
    [
        (syntax, signed)
        for syntax in COMPRESSED
        for signed in (False, True)
        if not (syntax == JPEGLSNearLossless and signed)
    ],
)
@pytest.mark.parametrize("bits", [12, 13, 16])
def test_what_is_decoded_is_what_pydicom_decodes(syntax, bits, signed):
    """Every pixel, and the type of numbers."""
    ds = compressed(syntax, bits, signed)
    expected_YX = pixel_array(ds)
    frame = get_frame(ds.PixelData, 0, number_of_frames=1)
    found_YX = decode(ds, frame, size_of(frame))
    assert found_YX.dtype == expected_YX.dtype
    assert np.array_equal(found_YX, expected_YX)
    if syntax not in LOSSY:
        assert np.array_equal(to_hounsfield(ds)[1], head_hu())


JPEG = {
    JPEGLosslessSV1: {"lossless": True, "predictor": 1},
    JPEGLossless: {"lossless": True, "predictor": 4},
    JPEGBaseline8Bit: {"level": 95},
    JPEGExtended12Bit: {"level": 95},
}


def frame_of(syntax: UID, precision: int, signed: bool) -> bytes:
    """A head in `precision` bits of a codestream; where they are few, of so many HU a step."""
    stored_YX = head_hu() + (0 if signed else 1024)
    stored_YX = (stored_YX >> max(0, 12 - precision)).astype(np.int16).view(np.uint16)
    stored_YX = (stored_YX & np.uint16((1 << precision) - 1)).astype(
        np.uint8 if precision <= 8 else np.uint16
    )
    match syntax:
        case _ if syntax in JPEG:
            return bytes(
                imagecodecs.jpeg8_encode(stored_YX, bitspersample=precision, **JPEG[syntax])
            )
        case _ if syntax == JPEGLSLossless:
            return bytes(jpeg_ls.encode_array(stored_YX))
    return bytes(imagecodecs.jpeg2k_encode(stored_YX, codecformat="j2k", bitspersample=precision))


def holding(syntax: UID, frame: bytes, allocated: int, stored: int, signed: bool) -> Dataset:
    """A dataset around that frame, whose header may say something else than the frame."""
    ds = head_slice(
        0,
        BitsAllocated=allocated,
        BitsStored=stored,
        HighBit=stored - 1,
        PixelRepresentation=int(signed),
    )
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("precision", "allocated", "stored"),
    [(16, 16, 12), (12, 16, 16), (13, 16, 12), (12, 16, 10), (8, 8, 8), (8, 16, 8), (8, 16, 12)],
)
@pytest.mark.parametrize(
    "syntax",
    [JPEGLosslessSV1, JPEGLossless, JPEGLSLossless, JPEG2000Lossless],
    ids=lambda syntax: syntax.keyword,
)
def test_a_header_that_differs_from_the_frame_is_read_as_gdcm_reads_it(
    syntax, precision, allocated, stored, signed
):
    """Scanners write a precision of 16 for 12 bits, and other mixtures: the same pixels, and the
    same type of numbers.
    """
    ds = holding(syntax, frame_of(syntax, precision, signed), allocated, stored, signed)
    expected_YX = pixel_array(ds, decoding_plugin="gdcm")
    found_YX = to_hounsfield(ds)[0]
    assert found_YX.dtype == expected_YX.dtype
    assert np.array_equal(found_YX, expected_YX)


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit])
def test_lossy_jpeg_of_8_bits_is_read_as_gdcm_reads_it(syntax):
    ds = holding(syntax, frame_of(syntax, 8, signed=False), 8, 8, signed=False)
    assert np.array_equal(to_hounsfield(ds)[0], pixel_array(ds, decoding_plugin="gdcm"))


@pytest.mark.parametrize("stored", [12, 16])
def test_lossy_jpeg_of_12_bits_is_read(stored):
    """No plugin of pydicom reads it. The median error of this quality is below 4."""
    ds = holding(JPEGExtended12Bit, frame_of(JPEGExtended12Bit, 12, False), 16, stored, False)
    error_YX = to_hounsfield(ds)[0].astype(int) - (head_hu() + 1024)
    assert np.median(np.abs(error_YX)) < 4


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        ("syntaxes/JPEGProcess2_4_1.2.840.10008.1.2.4.51.dcm", "85e3b617e00dc755"),
        ("syntaxes/CT0012.fragmented_no_bot_jpeg_baseline.51.dcm", "ca02438fa06a9950"),
        ("syntaxes/JPEGProcess1_1.2.840.10008.1.2.4.50.dcm", "61a9117dd2cb9f8a"),
        ("syntaxes/CT1_J2KR", "1add6ede29758c6f"),  # bytes follow its last marker
        ("odd/bad_sequence.dcm", "ef7120ddfc77c166"),  # precision 16, BitsStored 12
    ],
)
def test_real_files_that_gdcm_read_have_the_same_pixels(name, sha256):
    """The hashes are of GDCM's pixels (python-gdcm 3.2.6)."""
    ds = pydicom.dcmread(real(name))
    ds.RescaleIntercept, ds.RescaleSlope = "0", "1"
    stored_YX = to_hounsfield(ds)[0]
    assert hashlib.sha256(stored_YX.tobytes()).hexdigest().startswith(sha256)


@pytest.mark.parametrize("syntax", COMPRESSED, ids=lambda syntax: str(syntax.name))
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.99])
def test_a_frame_that_ends_early_is_undecodable(syntax, share):
    """Also by a decoder that fills the rest with grey."""
    ds = compressed(syntax, 16, signed=True)
    frame = get_frame(ds.PixelData, 0, number_of_frames=1)
    ds.PixelData = encapsulate([frame[: int(share * len(frame))]])
    with pytest.raises(Undecodable):
        to_hounsfield(ds)


@pytest.mark.parametrize("lost", range(2, 40))
@pytest.mark.parametrize(
    "syntax",
    [JPEGLosslessSV1, JPEGLossless, JPEGLSLossless],
    ids=lambda syntax: syntax.keyword,
)
def test_a_frame_without_its_last_marker_is_read_only_if_it_is_whole(syntax, lost):
    """Without the two bytes of the marker every pixel is there; without one more it is not."""
    whole = frame_of(syntax, 12, signed=True)
    ds = holding(syntax, whole[:-lost], 16, 12, signed=True)
    if lost == 2:
        assert np.array_equal(to_hounsfield(ds)[0], head_hu())
    else:
        with pytest.raises(Undecodable):
            to_hounsfield(ds)


def test_charls_always_gets_a_last_marker(monkeypatch):
    """It looks for a missing one for 4 s."""
    given = []
    monkeypatch.setattr(
        decoders.imagecodecs,
        "jpegls_decode",
        lambda frame, decode=imagecodecs.jpegls_decode: given.append(frame) or decode(frame),
    )
    for share in (0.05, 0.5, 0.99):
        frame = frame_of(JPEGLSLossless, 12, signed=True)
        with pytest.raises(Undecodable):
            to_hounsfield(
                holding(JPEGLSLossless, frame[: int(share * len(frame))], 16, 12, signed=True)
            )
    assert [frame.rstrip(b"\0")[-2:] for frame in given] == [b"\xff\xd9"] * 3


@pytest.mark.parametrize(
    "attributes",
    [
        {"BitsAllocated": 32},  # ended the process in GDCM
        {"BitsStored": 0},
        {"BitsStored": 20},
        {"BitsAllocated": 8, "BitsStored": 8},
        {"PixelRepresentation": 2},
        {"PhotometricInterpretation": ""},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "syntax", [JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless], ids=lambda syntax: syntax.keyword
)
def test_a_header_that_does_not_describe_a_ct_image_is_undecodable(syntax, attributes):
    ds = holding(syntax, frame_of(syntax, 12, signed=False), 16, 12, signed=False)
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    with pytest.raises(Undecodable):
        to_hounsfield(ds)


def test_compressed_data_that_does_not_say_its_size_is_undecodable():
    """No decoder is asked: it would allocate what the data announces."""
    ds = holding(JPEGLosslessSV1, b"\0" + frame_of(JPEGLosslessSV1, 12, False), 16, 12, False)
    with pytest.raises(Undecodable, match="does not say its size"):
        to_hounsfield(ds)


@pytest.mark.parametrize(("high_bit", "shift"), [(11, 0), (13, 2), (15, 4)])
def test_only_the_bits_from_highbit_down_are_the_value(high_bit, shift):
    """Twelve bits anywhere in sixteen, beside bits of something else."""
    ds = head_slice(0, BitsStored=12, HighBit=high_bit, RescaleIntercept="0")
    value_YX = (head_hu(level=0).view(np.uint16) & 0x0FFF) << shift
    ds.PixelData = (value_YX | np.uint16(0xFFFF ^ (0x0FFF << shift))).astype("<u2").tobytes()
    assert np.array_equal(to_hounsfield(ds)[1], head_hu(level=0))


@pytest.mark.parametrize("intercept", ["3000000000", "1e300", "-1e9"])
def test_an_intercept_beyond_all_bounds_is_refused(intercept):
    """It is a number, and it is damage."""
    with pytest.raises(NoHounsfieldUnits, match="do not lead to Hounsfield units"):
        to_hounsfield(head_slice(0, RescaleIntercept=intercept))


def test_hounsfield_units_that_need_more_than_16_bits_are_floating_point():
    """65535 stored, intercept 0: int16 would wrap."""
    ds = head_slice(0, PixelRepresentation=0, RescaleIntercept="0")
    ds.PixelData = np.full((128, 128), 65535, "<u2").tobytes()
    hu_YX = to_hounsfield(ds)[1]
    assert hu_YX.dtype == np.float32
    assert hu_YX.max() == 65535
