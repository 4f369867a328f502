"""The node as user of queries and retrievals: `ich-node pull`."""

from pydicom.tag import Tag

from ich_node.conformance.markdown import bullets, table
from ich_node.pull.archive import MOST_MATCHES
from ich_node.pull.dicom_archive import ANY_OTHER, MOVE_SECONDS, STATUSES
from ich_node.pull.find import IMAGE_KEYS, SERIES_KEYS, STUDY_KEYS
from ich_node.pull.web_archive import AS_STORED, DICOM_FILES, PAGE, RETRIEVE_SECONDS

VALUES = {
    ("STUDY", "StudyInstanceUID"): "`--study`, else returned",
    ("STUDY", "StudyDate"): "each day of `--since` to `--until`, else returned",
    ("STUDY", "AccessionNumber"): "each line of `--accessions`, else returned",
    ("STUDY", "ModalitiesInStudy"): "CT",
    ("SERIES", "StudyInstanceUID"): "a study that was found",
    ("SERIES", "Modality"): "CT",
    ("IMAGE", "StudyInstanceUID"): "a study that was found",
    ("IMAGE", "SeriesInstanceUID"): "a series that seems incomplete",
}


def query_lines() -> list[str]:
    return [
        "### 3.3 Query and retrieve",
        "",
        "The Study Root model, hierarchical, without relational queries, extended negotiation or"
        " C-GET. Attributes are matched by single values, never by wildcards or ranges; a time is"
        " asked day by day.",
        "",
        *table(("level", "attribute", "matched by"), _keys()),
        *bullets(
            "A match that does not fit the question, or has an illegal UID, is ignored and counted."
            f" At most {MOST_MATCHES} matches of a query are taken; then C-CANCEL is sent.",
            "C-MOVE is at the SERIES level. The move destination is `[scp] ae_title`: the objects"
            " come to the node's own listener (section 2). The node waits"
            f" {MOVE_SECONDS / 60:g} minutes for each response. A series counts as pulled if the"
            " ledger has all its images, whatever the response says.",
        ),
        *table(
            ("status", "meaning"),
            (
                *(
                    (f"C-FIND or C-MOVE 0x{status:04X}", words.format(ours="ICHNODE"))
                    for status, words in STATUSES.items()
                ),
                *(
                    (f"{what}, any other", words.format(ours="ICHNODE"))
                    for what, words in ANY_OTHER.items()
                ),
            ),
        ),
    ]


def web_query_lines() -> list[str]:
    return [
        "Sources with `[sources.query]` of kind `dicomweb` are asked by QIDO-RS for studies, series"
        f" and instances, with the attributes of section 3.3, in pages of {PAGE} (`limit`,"
        " `offset`). A series is retrieved by WADO-RS with"
        f" `accept: {AS_STORED}`; where that is refused, or gives a transfer syntax that the node"
        f" does not read, with `accept: {DICOM_FILES}`. It must come within"
        f" {RETRIEVE_SECONDS / 60:g} minutes. Each object is checked and stored like one that"
        " arrives by C-STORE.",
        "",
    ]


def _keys() -> list[tuple[str, str, str]]:
    return [
        (level, f"{keyword} {Tag(keyword)}", VALUES.get((level, keyword), "returned"))
        for level, keywords in (
            ("STUDY", STUDY_KEYS),
            ("SERIES", SERIES_KEYS),
            ("IMAGE", IMAGE_KEYS),
        )
        for keyword in keywords
    ]
