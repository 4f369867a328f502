"""What this node accepts of what is proposed: Verification, CT and Enhanced CT Image Storage,
storage commitment.

Enhanced CT is taken so that the analyser can refuse it by name; a modality that gets no context
would only say "failed".
"""

from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE

from ich_node.config.settings import ScpSettings
from ich_node.dicom.identity import VERIFICATION
from ich_node.dicom.transfer_syntaxes import ACCEPTED_TRANSFER_SYNTAXES
from ich_node.network.entity import application_entity
from ich_node.network.storage_commitment import PUSH_MODEL

ACCEPTED_SOP_CLASSES = (CTImageStorage, EnhancedCTImageStorage)
# The vestibule and the admission hold the limits, and say which one it was.
NO_LIMIT = 1_000_000


def acceptor(scp: ScpSettings) -> AE:
    """The AE that our listeners share."""
    entity = application_entity(scp.ae_title)
    entity.maximum_associations = NO_LIMIT
    entity.maximum_pdu_size = scp.max_pdu_bytes
    entity.acse_timeout = scp.acse_timeout_seconds
    entity.dimse_timeout = scp.dimse_timeout_seconds
    entity.network_timeout = scp.idle_timeout_seconds
    entity.add_supported_context(VERIFICATION)
    for sop_class in ACCEPTED_SOP_CLASSES:
        entity.add_supported_context(sop_class, list(ACCEPTED_TRANSFER_SYNTAXES))
    # The peer that commits is the SCP, though it calls us.
    entity.add_supported_context(
        PUSH_MODEL, [ExplicitVRLittleEndian, ImplicitVRLittleEndian], scu_role=True, scp_role=True
    )
    return entity


def prefer_as_proposed(association: Association, request: A_ASSOCIATE) -> None:
    """pynetdicom takes the acceptor's order; the sender's first choice is what it holds, so nothing
    is transcoded on the way.
    """
    for own in association.acceptor.supported_contexts:
        proposed = [
            str(syntax)
            for context in request.presentation_context_definition_list
            if context.abstract_syntax == own.abstract_syntax
            for syntax in context.transfer_syntax
        ]
        own.transfer_syntax = sorted(
            own.transfer_syntax,
            key=lambda syntax: proposed.index(syntax) if syntax in proposed else len(proposed),
        )
