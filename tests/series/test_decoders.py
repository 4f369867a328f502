"""Every decoder gives what pydicom's gives, and hands over what is not for it."""

import time

import imagecodecs
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    JPEG2000,
    UID,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from ich_node.errors import NoHounsfieldUnits, Undecodable
from ich_node.series.codestream import size_of
from ich_node.series.decoders import decode
from ich_node.series.hounsfield import to_hounsfield
from tests.support.heads import head_hu, head_slice

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


@pytest.mark.parametrize("syntax", COMPRESSED, ids=lambda syntax: str(syntax.name))
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.99])
def test_a_frame_that_ends_early_is_undecodable(syntax, share):
    """A decoder that would fill the rest with grey is not asked."""
    ds = compressed(syntax, 16, signed=True)
    frame = get_frame(ds.PixelData, 0, number_of_frames=1)
    ds.PixelData = encapsulate([frame[: int(share * len(frame))]])
    began = time.process_time()
    with pytest.raises(Undecodable):
        to_hounsfield(ds)
    assert time.process_time() - began < 2, "CharLS looks for more for 4 s"


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
