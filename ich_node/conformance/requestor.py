"""The node as requestor of associations: presentation contexts, and the meaning of answers."""

from pydicom.uid import RLELossless

from ich_node.conformance.markdown import bullets, table, uid
from ich_node.deliver.loop import MOST_IN_ONE_ASSOCIATION
from ich_node.deliver.outlets.stow import FAILURES, WARNINGS
from ich_node.deliver.retry import FIRST_RETRY, LONGEST_RETRY, RETRY_FOR
from ich_node.dicom.identity import VERIFICATION
from ich_node.dicom.transfer_syntaxes import SENT_COMPRESSED, SENT_TRANSFER_SYNTAXES
from ich_node.network.requestor import ACSE_SECONDS, CONNECT_SECONDS, DIMSE_SECONDS
from ich_node.network.storage_commitment import FAILURE_REASONS, PUSH_MODEL
from ich_node.report import RESULT_SOP_CLASSES


def requestor_lines() -> list[str]:
    return [
        "## 3 Associations that are requested",
        "",
        *bullets(
            "An association with a destination is opened when it is owed results, one at a time"
            " for each, with at most"
            f" {MOST_IN_ONE_ASSOCIATION} objects; and by `ich-node echo`, for one C-ECHO.",
            f"Time limits: {CONNECT_SECONDS:g} s to connect, {ACSE_SECONDS:g} s for the answer to"
            " the association request,"
            f" {DIMSE_SECONDS:g} s for the answer to a message.",
            f"What failed is tried again after {FIRST_RETRY.total_seconds():g} s, twice as long"
            " each time up to"
            f" {LONGEST_RETRY.total_seconds() / 60:g} minutes, for"
            f" {RETRY_FOR.total_seconds() / 3600:g} hours; then it is given"
            " up, and an operator may retry it.",
            "Only the SOP classes of the objects that are owed are proposed, each with the"
            " transfer syntaxes below.",
        ),
        "### 3.1 Presentation contexts",
        "",
        *table(("abstract syntax", "transfer syntaxes", "role"), _contexts()),
        "Pictures and maps are proposed a second time in RLE alone; a peer that does not take it"
        " gets them decompressed under"
        " the same UIDs, pixel for pixel.",
        "",
        "### 3.2 What the answers mean",
        "",
        *table(
            ("answer", "meaning"),
            (
                ("C-STORE 0x0000", "delivered; with `storage_commitment`: taken, to be confirmed"),
                ("C-STORE 0xBxxx", "the same, the warning is noted"),
                ("C-STORE any other status, or none", "not delivered: tried again as above"),
                ("N-ACTION 0x0000", "the confirmation is awaited for `commitment_timeout_seconds`"),
                ("N-ACTION any other status, or none", "not delivered: tried again as above"),
                (
                    "N-EVENT-REPORT",
                    "delivered for each object that is committed; the others are sent again",
                ),
                *(
                    (f"N-EVENT-REPORT, Failure Reason 0x{reason:04X}", f"{words}; sent again")
                    for reason, words in FAILURE_REASONS.items()
                ),
            ),
        ),
        "### 3.3 DICOMweb",
        "",
        "To destinations of kind `stow` objects go by Store Instances (STOW-RS, PS3.18 10.5), as"
        " user agent: one object a"
        " request, in a multipart of `application/dicom`. Taken means that the answer names the"
        " object in its Referenced SOP"
        " Sequence.",
        "",
        *table(
            ("reason in the answer", "meaning"),
            (
                *(
                    (f"Failure Reason 0x{reason:04X}", f"{words}; tried again")
                    for reason, words in FAILURES.items()
                ),
                *(
                    (f"Warning Reason 0x{reason:04X}", f"{words}; delivered, and noted")
                    for reason, words in WARNINGS.items()
                ),
            ),
        ),
    ]


def _contexts() -> list[tuple[str, str, str]]:
    plain = [uid(syntax) for syntax in SENT_TRANSFER_SYNTAXES]
    return [
        (uid(VERIFICATION), "<br>".join(plain), "SCU"),
        (uid(PUSH_MODEL), "<br>".join(plain), "SCU"),
        *(
            (
                uid(each),
                "<br>".join([*plain, *([uid(RLELossless)] if each in SENT_COMPRESSED else [])]),
                "SCU",
            )
            for each in RESULT_SOP_CLASSES
        ),
    ]
