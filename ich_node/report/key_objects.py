"""The positive slices as key images: Key Object Selection (TID 2010)."""

from pydicom.uid import KeyObjectSelectionDocumentStorage

from ich_node.dicom.identity import RESEARCH_USE, series_description
from ich_node.report import codes
from ich_node.report.context import Context
from ich_node.report.document import to_document
from ich_node.report.result import ResultObject
from ich_node.report.sr import device_observer
from ich_node.report.tree import container, image, text

SERIES_NUMBER = 9006
SERIES_DESCRIPTION = series_description("key slices")


def write_key_objects(context: Context) -> ResultObject:
    """Of a positive reading: an empty selection is no document."""
    headers = [read.header for read in context.positive_slices]
    words = f"Slices on which intracranial hemorrhage was detected: {len(headers)} of {len(context.slices)}. {RESEARCH_USE}"
    root = container(
        codes.OF_INTEREST,
        *device_observer(context.imprint),
        text(codes.KEY_OBJECT_DESCRIPTION, words, "CONTAINS"),
        *(image(None, header, "CONTAINS") for header in headers),
        template="2010",
        relationship=None,
    )
    document = to_document(
        root,
        context.imprint,
        headers,
        sop_class_uid=KeyObjectSelectionDocumentStorage,
        modality="KO",
        kind="key objects",
        series_number=SERIES_NUMBER,
        series_description=SERIES_DESCRIPTION,
    )
    return ResultObject(kind="key_objects", dataset=document)
