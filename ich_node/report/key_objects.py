"""The positive slices as key images: Key Object Selection (TID 2010)."""

from pydicom.uid import KeyObjectSelectionDocumentStorage

from ich_node.dicom.identity import DEMONSTRATION_MODEL, RESEARCH_USE
from ich_node.report import codes
from ich_node.report.comments import slice_ranges
from ich_node.report.context import Context
from ich_node.report.document import to_document
from ich_node.report.observer import device_observer
from ich_node.report.result import ResultObject
from ich_node.report.tree import container, image, text

SERIES_NUMBER = 9006


def write_key_objects(context: Context) -> ResultObject:
    """For a positive reading; a selection must have at least one image."""
    headers = [read.header for read in context.positive_slices]
    algorithm = context.result_header.algorithm
    demonstration = f"{DEMONSTRATION_MODEL}. " if algorithm.demonstration else ""
    description = (
        f"Slices on which intracranial hemorrhage was detected: {len(headers)} of "
        f"{len(context.slices)} ({slice_ranges(context.positive_slices)}). "
        f"{demonstration}{RESEARCH_USE}"
    )
    root = container(
        codes.OF_INTEREST,
        *device_observer(context.result_header),
        text(codes.KEY_OBJECT_DESCRIPTION, description, "CONTAINS"),
        # Without a concept name, which highdicom adds and TID 2010 forbids.
        *(image(None, header, "CONTAINS") for header in headers),
        template="2010",
        relationship=None,
    )
    document = to_document(
        root,
        result_header=context.result_header,
        evidence=headers,
        sop_class_uid=KeyObjectSelectionDocumentStorage,
        modality="KO",
        kind="key objects",
        series_number=SERIES_NUMBER,
        series_description=context.result_header.source.of_results("key slices"),
    )
    return ResultObject(kind="key_objects", dataset=document)
