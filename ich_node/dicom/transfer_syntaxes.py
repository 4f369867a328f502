"""The transfer syntaxes that this node negotiates: all that head CT is sent in and its decoders
read.

Not Deflated, which inflates without limit before the header can be read. Not HTJ2K and the retired
JPEG processes, for which there is no decoder.
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

# The sender's first choice is accepted; this order is only that of the conformance statement.
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

# The syntaxes of results that are sent.
SENT_TRANSFER_SYNTAXES: tuple[UID, ...] = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
# These are compressed in the spool, and sent compressed to peers that accept it. Other peers get
# them decompressed, with the same pixels.
SENT_COMPRESSED: tuple[UID, ...] = (SecondaryCaptureImageStorage, ParametricMapStorage)
