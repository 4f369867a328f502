"""JPEG Extended (Process 2 and 4) of 12 bits: GDCM decodes it, but pydicom's plugin does not ask it
to.

The reason given there (wrong colours of some multi-sample data) does not concern CT, which has one
sample a pixel.
"""

from typing import Any

import gdcm
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import get_frame


def decode(dataset: Dataset) -> NDArray[Any]:
    """stored_YX, uint16 or int16. Raises ValueError if GDCM cannot decode the codestream."""
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(get_frame(dataset.PixelData, 0, number_of_frames=1))
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((dataset.Columns, dataset.Rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(
        gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    )
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    signed = int(dataset.PixelRepresentation)
    image.SetPixelFormat(
        gdcm.PixelFormat(1, 16, dataset.BitsStored, dataset.BitsStored - 1, signed)
    )
    # GDCM hands out char* as str
    pixels = image.GetBuffer().encode("utf-8", "surrogateescape")
    return np.frombuffer(pixels, "<i2" if signed else "<u2").reshape(dataset.Rows, dataset.Columns)
