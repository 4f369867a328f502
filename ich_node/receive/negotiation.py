"""Which presentation contexts this node accepts: Verification, CT Image Storage in its classic and
its multi-frame forms, and storage commitment.
"""

from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    KeyObjectSelectionDocumentStorage,
    LegacyConvertedEnhancedCTImageStorage,
)
from pynetdicom import AE

from ich_node.config.settings import ScpSettings
from ich_node.dicom.identity import VERIFICATION
from ich_node.dicom.transfer_syntaxes import ACCEPTED_TRANSFER_SYNTAXES
from ich_node.network.entity import application_entity
from ich_node.network.storage_commitment import PUSH_MODEL

ACCEPTED_SOP_CLASSES = (
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
)
# What the AE title for the selections of readers accepts ([verdicts] ae_title)
SELECTION_CONTEXTS = {
    VERIFICATION: (ExplicitVRLittleEndian, ImplicitVRLittleEndian),
    KeyObjectSelectionDocumentStorage: (ExplicitVRLittleEndian, ImplicitVRLittleEndian),
}
# The waiting room and the admission hold the limits, and log which one was reached.
NO_LIMIT = 1_000_000


def acceptor(scp: ScpSettings) -> AE:
    """The application entity of our listening sockets."""
    entity = application_entity(scp.ae_title)
    entity.maximum_associations = NO_LIMIT
    entity.maximum_pdu_size = scp.max_pdu_bytes
    entity.acse_timeout = scp.acse_timeout_seconds
    entity.dimse_timeout = scp.dimse_timeout_seconds
    entity.network_timeout = scp.idle_timeout_seconds
    entity.add_supported_context(VERIFICATION)
    for sop_class in ACCEPTED_SOP_CLASSES:
        entity.add_supported_context(sop_class, list(ACCEPTED_TRANSFER_SYNTAXES))
    # The peer that commits is the SCP, though it opens the association.
    entity.add_supported_context(
        PUSH_MODEL, [ExplicitVRLittleEndian, ImplicitVRLittleEndian], scu_role=True, scp_role=True
    )
    return entity
