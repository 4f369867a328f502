"""The exceptions that pydicom raises for bytes that are not a DICOM file or a data set, and for a
value that does not match its VR.

It converts a value when it is read, and raises EOFError for a sequence with malformed items.
"""

import struct

from pydicom.errors import BytesLengthException, InvalidDicomError

PARSING_ERRORS = (
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
