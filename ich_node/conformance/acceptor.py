"""The node as acceptor of associations: presentation contexts, statuses and rejections."""

from ich_node.config.settings import ScpSettings
from ich_node.conformance.markdown import bullets, table, uid
from ich_node.dicom.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from ich_node.network.storage_commitment import PUSH_MODEL
from ich_node.receive.admission import Rejection
from ich_node.receive.negotiation import acceptor
from ich_node.receive.status import Status

# Meaning, and what the sender should do (PS3.4 B.2.3, PS3.7 C).
MEANINGS: dict[Status, tuple[str, str]] = {
    Status.SUCCESS: ("on disk and in the ledger", "nothing"),
    Status.PROCESSING_FAILURE: ("a defect of this node", "send again, tell the administrator"),
    Status.SOP_CLASS_NOT_SUPPORTED: (
        "the SOP class is not that of its presentation context",
        "nothing helps",
    ),
    Status.OUT_OF_RESOURCES: (
        "no room on disk, or the ledger cannot be written",
        "send again later",
    ),
    Status.OBJECT_TOO_LARGE: (
        "larger than `[scp] max_object_bytes`",
        "raise the limit, or do not send it",
    ),
    Status.DOES_NOT_MATCH_COMMAND: ("the data set is not what the command says", "nothing helps"),
    Status.HEADER_NOT_UNDERSTOOD: ("the data set cannot be parsed", "nothing helps"),
    Status.UID_MISSING: ("a UID that names the object is missing", "repair the object"),
    Status.UID_ILLEGAL: ("a UID is not one", "repair the object"),
}
RESULTS = {1: "permanent", 2: "transient"}
SOURCES = {1: "service user", 2: "service provider (ACSE)", 3: "service provider (presentation)"}


def acceptor_lines() -> list[str]:
    return [
        "## 2 Associations that are accepted",
        "",
        *_policies(),
        "### 2.1 Presentation contexts",
        "",
        "Of the transfer syntaxes that a sender proposes in one context, its first that is listed"
        " here is taken. There is no"
        " extended negotiation.",
        "",
        *table(("abstract syntax", "transfer syntaxes", "role"), _contexts()),
        "### 2.2 C-STORE",
        "",
        *bullets(
            "The data set is kept byte for byte as it came; nothing is coerced.",
            "The same bytes under a known SOP Instance UID change nothing. Other bytes are kept"
            " beside the first, and the newest"
            " are read.",
            "Success is said when the object is on disk and in the ledger. An association that is"
            " aborted costs nothing that was"
            " acknowledged.",
            "Priority (0000,0700) HIGH makes the series urgent: it is read before others. MEDIUM"
            " and LOW are alike.",
            "Enhanced CT Image Storage is stored, and refused by name in the analysis.",
            "A failure carries a sentence in Error Comment (0000,0902). There are no warnings."
            " [c-store-status.md](c-store-status.md) names the test of each answer.",
        ),
        *table(
            ("status", "meaning", "what the sender should do"),
            ((f"0x{status:04X}", *MEANINGS[status]) for status in Status),
        ),
        "### 2.3 Associations that are rejected",
        "",
        *table(("result", "source", "reason", "when"), (_rejection(each) for each in Rejection)),
        "### 2.4 Storage commitment as provider",
        "",
        "For sources with `storage_commitment = true`. An N-ACTION is answered with 0x0000, and by"
        " N-EVENT-REPORT to"
        " `commitment_port`, if there is one, else on the same association: event type 1,"
        " or 2 with Failure Reason 0x0112 (no such object, or it is cut short)"
        " or 0x0119 (class and instance conflict). Committed means for `[spool] retention_days`"
        " after the series was read and"
        " delivered: this node is no archive.",
        "",
    ]


def _policies() -> list[str]:
    entity = acceptor(ScpSettings())
    return bullets(
        f"Application entity: `{entity.ae_title}` (`[scp] ae_title`), port {ScpSettings().port};"
        " over TLS a port of its own.",
        f"Implementation Class UID `{IMPLEMENTATION_CLASS_UID}`, Implementation Version Name"
        f" `{IMPLEMENTATION_VERSION_NAME}`.",
        "Application context `1.2.840.10008.3.1.1.1`.",
        f"Largest PDU received: {entity.maximum_pdu_size} bytes. Asynchronous operations: none.",
        f"At most {ScpSettings().max_associations} associations at the same time, by default.",
        "Only sources that are named in `[[sources]]`, by calling AE title, by address and, over"
        " TLS, by certificate.",
        f"Time limits, by default: {entity.acse_timeout:g} s for the association request,"
        f" {entity.dimse_timeout:g} s for the rest"
        f" of a message that has begun, {entity.network_timeout:g} s without any message.",
    )


def _contexts() -> list[tuple[str, str, str]]:
    return [
        (
            uid(context.abstract_syntax or ""),
            "<br>".join(uid(syntax) for syntax in context.transfer_syntax),
            "SCP, SCU" if context.abstract_syntax == PUSH_MODEL else "SCP",
        )
        for context in acceptor(ScpSettings()).supported_contexts
    ]


def _rejection(rejection: Rejection) -> tuple[str, str, int, str]:
    result, source, reason = rejection.answer
    return RESULTS[result], SOURCES[source], reason, rejection.rule
