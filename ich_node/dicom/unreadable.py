"""What pydicom raises over bytes that are no DICOM file or no data set, or a value that is not what
its VR says.

It converts a value when it is asked for; a sequence whose items are none ends as if a file had
ended.
"""

import struct

from pydicom.errors import BytesLengthException, InvalidDicomError

DAMAGED = (
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
