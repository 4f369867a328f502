"""The node as requestor of associations: presentation contexts, and the meaning of answers."""

from pydicom.uid import RLELossless

from ich_node.conformance.markdown import bullets, table, uid
from ich_node.conformance.query import query_lines, web_query_lines
from ich_node.deliver.loop import MOST_IN_ONE_ASSOCIATION
from ich_node.deliver.outlets.dicom import DUPLICATE
from ich_node.deliver.outlets.stow import DUPLICATES, FAILURES, WARNINGS
from ich_node.deliver.retry import FIRST_RETRY, LONGEST_RETRY, RETRY_FOR
from ich_node.dicom.identity import VERIFICATION
from ich_node.dicom.transfer_syntaxes import SENT_COMPRESSED, SENT_TRANSFER_SYNTAXES
from ich_node.network.requestor import ACSE_SECONDS, CONNECT_SECONDS, DIMSE_SECONDS
from ich_node.network.storage_commitment import FAILURE_REASONS, PUSH_MODEL
from ich_node.pull.dicom_archive import FIND, MOVE
from ich_node.report import RESULT_SOP_CLASSES


def requestor_lines() -> list[str]:
    return [
        "## 3 Requested associations",
        "",
        *bullets(
            "The node opens an association with a destination when it has results for it: one"
            f" association at a time for each destination, with at most {MOST_IN_ONE_ASSOCIATION}"
            " objects. `ich-node echo` opens one for one C-ECHO.",
            f"Time limits: {CONNECT_SECONDS:g} s to connect, {ACSE_SECONDS:g} s for the answer to"
            " the association request,"
            f" {DIMSE_SECONDS:g} s for the answer to a message.",
            f"The node retries a failed delivery after {FIRST_RETRY.total_seconds():g} s. The"
            " interval is doubled each time, up to"
            f" {LONGEST_RETRY.total_seconds() / 60:g} minutes. After"
            f" {RETRY_FOR.total_seconds() / 3600:g} hours the delivery becomes FAILED; an operator"
            " may retry it.",
            "`ich-node pull` opens one association for all queries and one for each C-MOVE, one"
            " after the other, with a source that has `[sources.query]`.",
            "The node proposes only the SOP classes of the objects that it will send, each with"
            " the transfer syntaxes below.",
        ),
        "### 3.1 Presentation contexts",
        "",
        *table(("abstract syntax", "transfer syntaxes", "role"), _contexts()),
        "The node proposes pictures and maps in a second context with RLE alone. A peer that does"
        " not accept RLE gets them uncompressed, with the same UIDs and the same pixels.",
        "",
        "### 3.2 Answers of the peer",
        "",
        *table(
            ("answer", "meaning"),
            (
                (
                    "C-STORE 0x0000",
                    "delivered; with `storage_commitment`: accepted, not yet committed",
                ),
                ("C-STORE 0xBxxx", "the same; the warning is recorded"),
                (
                    f"C-STORE 0x{DUPLICATE:04X}",
                    "the same: the peer has this object already, as UIDs are made from the content",
                ),
                ("C-STORE any other status, or none", "not delivered; retried as above"),
                (
                    "N-ACTION 0x0000",
                    "the node waits for the commitment for `commitment_timeout_seconds`",
                ),
                ("N-ACTION any other status, or none", "not delivered; retried as above"),
                ("N-EVENT-REPORT", "committed objects are delivered; the others are sent again"),
                *(
                    (f"N-EVENT-REPORT, Failure Reason 0x{reason:04X}", f"{words}; sent again")
                    for reason, words in FAILURE_REASONS.items()
                ),
            ),
        ),
        *query_lines(),
        "### 3.4 DICOMweb",
        "",
        "The node sends objects to destinations of kind `stow` with Store Instances (STOW-RS,"
        " PS3.18 10.5), as user agent: one object in each request, in a multipart of"
        " `application/dicom`. An object is delivered if the answer names it in its Referenced SOP"
        " Sequence, or as already there; also if a status 409 names its UID as a duplicate.",
        "",
        *table(
            ("reason in the answer", "meaning"),
            (
                *(
                    (f"Failure Reason 0x{reason:04X}", f"{words}; retried")
                    for reason, words in FAILURES.items()
                ),
                *(
                    (f"Failure or Warning Reason 0x{reason:04X}", "already there; delivered")
                    for reason in sorted(DUPLICATES)
                ),
                *(
                    (f"Warning Reason 0x{reason:04X}", f"{words}; delivered, and recorded")
                    for reason, words in WARNINGS.items()
                ),
            ),
        ),
        *web_query_lines(),
    ]


def _contexts() -> list[tuple[str, str, str]]:
    plain = [uid(syntax) for syntax in SENT_TRANSFER_SYNTAXES]
    return [
        (uid(VERIFICATION), "<br>".join(plain), "SCU"),
        (uid(PUSH_MODEL), "<br>".join(plain), "SCU"),
        *((uid(each), "<br>".join(plain), "SCU") for each in (FIND, MOVE)),
        *(
            (
                uid(each),
                "<br>".join([*plain, *([uid(RLELossless)] if each in SENT_COMPRESSED else [])]),
                "SCU",
            )
            for each in RESULT_SOP_CLASSES
        ),
    ]
