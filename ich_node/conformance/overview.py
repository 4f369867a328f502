"""The SOP classes that the node offers and uses."""

from pydicom.uid import UID, KeyObjectSelectionDocumentStorage

from ich_node.config.settings import ScpSettings
from ich_node.conformance.markdown import table, uid
from ich_node.dicom.identity import VERIFICATION
from ich_node.network.storage_commitment import PUSH_MODEL
from ich_node.pull.dicom_archive import FIND, MOVE
from ich_node.receive.negotiation import ACCEPTED_SOP_CLASSES, acceptor
from ich_node.report import RESULT_SOP_CLASSES


def overview_lines() -> list[str]:
    return [
        "## 1 Overview",
        "",
        "The node receives CT series of the head by C-STORE. It sends structured reports,"
        " pictures, presentation states, key object selections and, if enabled, likelihood maps"
        " to every destination by C-STORE. `ich-node pull` asks a source for series that the node"
        " missed, and retrieves them (C-FIND and C-MOVE, or QIDO-RS and WADO-RS). The node does not"
        " answer queries, use worklists, print or exchange media. A second AE"
        " title accepts key object selections of readers (2.5).",
        "",
        *table(("SOP class", "user (SCU)", "provider (SCP)"), _roles()),
    ]


def _roles() -> list[tuple[str, str, str]]:
    offered = [
        *(
            UID(context.abstract_syntax or "")
            for context in acceptor(ScpSettings()).supported_contexts
        ),
        KeyObjectSelectionDocumentStorage,
    ]
    used = [VERIFICATION, PUSH_MODEL, FIND, MOVE, *RESULT_SOP_CLASSES]
    in_order = sorted(
        {*offered, *used},
        key=lambda each: (each not in (VERIFICATION, *ACCEPTED_SOP_CLASSES), str(each)),
    )
    return [
        (uid(each), "yes" if each in used else "no", "yes" if each in offered else "no")
        for each in in_order
    ]
