"""The node as acceptor of associations: presentation contexts, statuses and rejections."""

from typing import Literal

from pydicom.uid import KeyObjectSelectionDocumentStorage

from ich_node.config.settings import ScpSettings, VerdictSettings
from ich_node.conformance.markdown import bullets, table, uid
from ich_node.dicom.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from ich_node.network.storage_commitment import PUSH_MODEL
from ich_node.receive.admission import Rejection
from ich_node.receive.discard import PRIVATE_STORAGE, STORAGE_ROOT
from ich_node.receive.negotiation import SELECTION_CONTEXTS, acceptor
from ich_node.receive.status import Status

# Meaning, and what the sender should do (PS3.4 B.2.3, PS3.7 C).
MEANINGS: dict[Status, tuple[str, str]] = {
    Status.SUCCESS: (
        "on disk and in the ledger; or discarded (`other_classes`, 2.1)",
        "nothing",
    ),
    Status.PROCESSING_FAILURE: ("a bug of this node", "send again, inform the administrator"),
    Status.SOP_CLASS_NOT_SUPPORTED: (
        "the SOP class is not that of its presentation context",
        "repair the sender",
    ),
    Status.OUT_OF_RESOURCES: (
        "no room on disk, or the ledger cannot be written",
        "send again later",
    ),
    Status.OBJECT_TOO_LARGE: (
        "larger than `[scp] max_object_bytes`",
        "raise the limit, or do not send it",
    ),
    Status.DOES_NOT_MATCH_COMMAND: (
        "the UIDs of the data set are not those of the command",
        "repair the sender",
    ),
    Status.HEADER_NOT_UNDERSTOOD: ("the data set cannot be parsed", "repair the object"),
    Status.UID_MISSING: (
        "the SOP class, SOP instance, study or series UID is missing",
        "repair the object",
    ),
    Status.UID_ILLEGAL: ("a UID is not legal", "repair the object"),
    Status.NO_VERDICT: (
        "the title of the selection (2.5) is in neither list of `[verdicts]`",
        "change the title or the configuration",
    ),
    Status.NOTHING_KNOWN: (
        "the selection refers to no object that the node received or made",
        "send it after the series was received",
    ),
    Status.MADE_HERE: (
        "the selection was made by this node, and is no verdict of a reader",
        "do not send it",
    ),
}
RESULTS = {1: "permanent", 2: "transient"}
SOURCES = {1: "service user", 2: "service provider (ACSE)", 3: "service provider (presentation)"}


def acceptor_lines(scp: ScpSettings) -> list[str]:
    return [
        "## 2 Accepted associations",
        "",
        *_policies(scp),
        "### 2.1 Presentation contexts",
        "",
        "In each presentation context the node accepts the first of the sender's transfer syntaxes"
        " that is listed here. There is no extended negotiation.",
        "",
        *table(("abstract syntax", "transfer syntaxes", "role"), _contexts()),
        'From sources with `other_classes = "discard"` the node also accepts the other storage SOP'
        f" classes of PS3.6 (all under `{STORAGE_ROOT}`, and the few elsewhere) and"
        f" {len(PRIVATE_STORAGE)} of manufacturers, as SCP with any transfer syntax. It answers"
        " Success to their objects and does not keep them. It is for senders that give up a whole"
        " study if one presentation context is rejected, and that keep their own copies. Such a"
        " source cannot have `storage_commitment`; its N-ACTION is answered with 0x0124.",
        "",
        "### 2.2 C-STORE",
        "",
        *bullets(
            "The data set is stored byte for byte as received; nothing is coerced.",
            "The same bytes with a known SOP Instance UID change nothing. Other bytes are stored"
            " in addition to the first, and the newest are analysed.",
            "The node answers Success when the object is on disk and in the ledger. If the"
            " association is aborted, objects that were acknowledged are kept.",
            "Priority (0000,0700) HIGH makes the series urgent: it is read before others. MEDIUM"
            " and LOW have the same effect.",
            "Enhanced and Legacy Converted Enhanced CT are read like the classic series: by the"
            " position, orientation and rescale of each frame. Dimension indices and stacks are"
            " ignored, and the parts of a concatenation are one series. Results refer to frames."
            " Such a series is complete `[series] quiet_seconds` after its association has ended.",
            "A failure status has a sentence in Error Comment (0000,0902). There are no warnings."
            " [c-store-status.md](c-store-status.md) names the test of each answer.",
        ),
        *table(
            ("status", "meaning", "what the sender should do"),
            ((f"0x{status:04X}", *MEANINGS[status]) for status in Status),
        ),
        "### 2.3 Rejected associations",
        "",
        *table(("result", "source", "reason", "when"), (_rejection(each) for each in Rejection)),
        "### 2.4 Storage commitment as provider",
        "",
        "Sources with `storage_commitment = true` may request storage commitment. The node answers"
        " an N-ACTION with 0x0000 and then sends an N-EVENT-REPORT to `commitment_port`, or on the"
        " same association if the source has no such port. The event type is 1, or 2 with Failure"
        " Reason 0x0112 (no such object, or it is truncated) or 0x0119 (class and instance"
        " conflict). The commitment is limited to `[spool] retention_days` after the series was"
        " read and delivered: this node is no archive.",
        "",
        "### 2.5 Verdicts of readers",
        "",
        "With `[verdicts] ae_title` the node has a second AE title on the same ports, for the same"
        " sources. It accepts Verification and, as SCP of Storage, Key Object Selection Document"
        f" Storage with {_syntaxes()}. The object is not stored: it becomes a verdict in the ledger"
        " about each series that its content refers to, directly or by a result of this node."
        f" Document titles, by code meaning or code value: {_titles('positive')} say that the"
        f" marked slices show bleeding, {_titles('quality')} that they are of bad quality"
        " (`[verdicts] positive`, `quality`). Success means that the verdict is in the ledger."
        " Selections that an ich-node made are refused, by the UIDs in the ledger, the"
        " Manufacturer, the device observer, the sentence in their description or the"
        " implementation class UID of the association.",
        "",
    ]


def _syntaxes() -> str:
    syntaxes = SELECTION_CONTEXTS[KeyObjectSelectionDocumentStorage]
    return " and ".join(uid(syntax) for syntax in syntaxes)


def _titles(setting: Literal["positive", "quality"]) -> str:
    return ", ".join(f"`{title}`" for title in getattr(VerdictSettings(), setting))


def _policies(scp: ScpSettings) -> list[str]:
    entity = acceptor(scp)
    by_default = ", by default" if scp == ScpSettings() else ""
    return bullets(
        f"Application entity: `{entity.ae_title}` (`[scp] ae_title`), port {scp.port};"
        " TLS has a port of its own.",
        f"Implementation Class UID `{IMPLEMENTATION_CLASS_UID}`, Implementation Version Name"
        f" `{IMPLEMENTATION_VERSION_NAME}`.",
        "Application context `1.2.840.10008.3.1.1.1`.",
        f"Largest PDU received: {entity.maximum_pdu_size} bytes. Asynchronous operations: none.",
        f"At most {scp.max_associations} associations at the same time{by_default}.",
        "Only sources that `[[sources]]` names are accepted. They are identified by the calling AE"
        " title, the address and, over TLS, the certificate.",
        f"Time limits{by_default}: {entity.acse_timeout:g} s for the association request,"
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
