"""The transfer syntaxes that this node negotiates: everything that a head CT comes in and that its
decoders read.

Not Deflated: it inflates without bound before a header can be looked at. Not HTJ2K and not the
retired JPEG processes: they have no decoder.
"""

from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    ParametricMapStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)

# What a sender proposes first wins; the order here is only that of the conformance statement.
ACCEPTED_TRANSFER_SYNTAXES: tuple[UID, ...] = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    RLELossless,
    JPEGLosslessSV1,
    JPEGLossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
)

# What results are sent in.
SENT_TRANSFER_SYNTAXES: tuple[UID, ...] = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
# Pictures are compressed at rest, and on the wire to peers that take it; others get them
# decompressed, pixel for pixel.
SENT_COMPRESSED: tuple[UID, ...] = (SecondaryCaptureImageStorage, ParametricMapStorage)
