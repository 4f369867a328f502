"""The structured report: TID 1500 Measurement Report.

::

    Imaging Measurement Report
    ├── observer (Device), Procedure reported, Image Library
    ├── Imaging Measurements
    │   ├── the series          Present | Absent | Undetermined, certainty,     TID 1501
    │   │                       inferred from the whole picture of its likeliest slice
    │   ├── each positive slice Present, certainty, inferred from its whole     TID 1501
    │   │                       picture
    │   └── each lesion         a group for each of its marks, the peak first;  TID 1410
    │                           POINT on its slice, certainty; of the peak also the height
    └── Qualitative Evaluations: comments for people

The groups of one lesion share its tracking UID. OHIF takes groups that do so for one measurement
and shows the first of them, which is the peak.
"""

from collections import Counter
from collections.abc import Sequence

from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, Comprehensive3DSRStorage, ComprehensiveSRStorage, EnhancedSRStorage

from ich_node.detection.lesions import Lesion, Mark
from ich_node.dicom.identity import PRODUCT, RESEARCH_USE, series_description
from ich_node.report import codes
from ich_node.report.context import MAX_FINDINGS_PER_SLICE, Context, Predecessor, ReadSlice, SrClass
from ich_node.report.document import to_document
from ich_node.report.imprint import Algorithm, ResultHeader
from ich_node.report.library import image_library
from ich_node.report.result import ResultObject
from ich_node.report.tree import (
    coded,
    container,
    image,
    number,
    point,
    reference_to,
    text,
    uid_reference,
    whole_picture,
)
from ich_node.report.uids import uid_from

SERIES_NUMBER = 9001
SERIES_DESCRIPTION = series_description("result - SR")
LEAST_PERCENT = 0.1  # of certainty, and as far from 100
# All coordinates are SCOORD, so the same tree fits each of them.
SR_CLASSES: dict[SrClass, UID] = {
    "comprehensive3d": Comprehensive3DSRStorage,
    "comprehensive": ComprehensiveSRStorage,
    "enhanced": EnhancedSRStorage,
}


def write_sr(context: Context) -> ResultObject:
    """The answer for the series as a document, positive or negative."""
    groups = [_series_group(context), *_slice_groups(context), *_lesion_groups(context)]
    library = [read.header for read in context.positive_slices or context.slices]
    root = report_root(context.imprint, image_library(library), groups, comments(context))
    evidence = [read.header for read in context.slices]
    return sr_object(root, context.imprint, evidence, context.options.sr_class, context.predecessor)


def sr_object(
    root: Dataset,
    imprint: ResultHeader,
    evidence: Sequence[Dataset],
    sr_class: SrClass,
    predecessor: Predecessor | None,
) -> ResultObject:
    """A document that is complete, and preliminary, since no person has looked at it."""
    document = to_document(
        root,
        imprint,
        evidence,
        sop_class_uid=SR_CLASSES[sr_class],
        modality="SR",
        kind="sr",
        series_number=SERIES_NUMBER,
        series_description=SERIES_DESCRIPTION,
    )
    document.CompletionFlag, document.VerificationFlag, document.PreliminaryFlag = (
        "COMPLETE",
        "UNVERIFIED",
        "PRELIMINARY",
    )
    document.PerformedProcedureCodeSequence = []
    if predecessor is not None:
        document.PredecessorDocumentsSequence = [_predecessor(imprint, predecessor)]
    return ResultObject(kind="sr", dataset=document)


def report_root(
    imprint: ResultHeader, library: Dataset, groups: Sequence[Dataset], remarks: Sequence[str]
) -> Dataset:
    """The tree of TID 1500."""
    return container(
        codes.IMAGING_MEASUREMENT_REPORT,
        coded(codes.LANGUAGE, codes.ENGLISH, "HAS CONCEPT MOD"),
        *device_observer(imprint),
        coded(codes.PROCEDURE_REPORTED, codes.CT_PROCEDURE, "HAS CONCEPT MOD"),
        library,
        container(codes.IMAGING_MEASUREMENTS, *groups, continuous=True),
        container(
            codes.QUALITATIVE_EVALUATIONS,
            *(text(codes.COMMENT, remark, "CONTAINS") for remark in (RESEARCH_USE, *remarks)),
        ),
        template="1500",
        relationship=None,
        continuous=True,
    )


def series_tracking_uid(series_instance_uid: str) -> UID:
    """What is said of the series as a whole, in every revision."""
    return uid_from("series", series_instance_uid)


def measurement_group(
    algorithm: Algorithm, template: str, tracking: tuple[str, UID], *statements: Dataset
) -> Dataset:
    """A statement about hemorrhage, and who makes it (TID 4019). template: 1501 of images as a
    whole, 1410 of a place.
    """
    identifier, uid = tracking
    return container(
        codes.MEASUREMENT_GROUP,
        text(codes.TRACKING_IDENTIFIER, identifier, "HAS OBS CONTEXT"),
        uid_reference(codes.TRACKING_UID, uid, "HAS OBS CONTEXT"),
        coded(codes.FINDING, codes.INTRACRANIAL_HEMORRHAGE, "CONTAINS"),
        coded(codes.FINDING_SITE, codes.INTRACRANIAL, "HAS CONCEPT MOD"),
        text(codes.ALGORITHM_NAME, algorithm.name, "HAS CONCEPT MOD"),
        text(codes.ALGORITHM_VERSION, algorithm.version, "HAS CONCEPT MOD"),
        text(codes.ALGORITHM_PARAMETERS, algorithm.details, "HAS CONCEPT MOD"),
        text(codes.ALGORITHM_PARAMETERS, f"bundle {algorithm.bundle_name}", "HAS CONCEPT MOD"),
        text(
            codes.ALGORITHM_PARAMETERS,
            f"bundle sha256 {algorithm.bundle_sha256}",
            "HAS CONCEPT MOD",
        ),
        coded(codes.ALGORITHM_FAMILY, codes.ARTIFICIAL_INTELLIGENCE, "HAS CONCEPT MOD"),
        *statements,
        template=template,
        continuous=True,
    )


def presence(value: Code) -> Dataset:
    """Present, Absent or Undetermined."""
    return coded(codes.INTRACRANIAL_HEMORRHAGE, value, "CONTAINS")


def _series_group(context: Context) -> Dataset:
    sources = context.positive_slices or context.slices
    return measurement_group(
        context.imprint.algorithm,
        "1501",
        ("series", series_tracking_uid(context.reading.series_instance_uid)),
        # Where no lesion is drawn, viewers that draw the picture's frame put these words beside it.
        *(
            []
            if context.reading.positive
            else [text(codes.COMMENT, "Hemorrhage absent", "CONTAINS")]
        ),
        _certainty(context.reading.series_probability, _inferred_from(_likeliest(context))),
        presence(codes.PRESENT if context.reading.positive else codes.ABSENT),
        *(image(codes.SOURCE_OF_MEASUREMENT, read.header, "CONTAINS") for read in sources),
    )


def _slice_groups(context: Context) -> list[Dataset]:
    return [
        measurement_group(
            context.imprint.algorithm,
            "1501",
            (f"slice {read.number}", uid_from("slice", read.slice.sop_instance_uid)),
            _certainty(read.reading.probability, _inferred_from(read)),
            presence(codes.PRESENT),
            image(codes.SOURCE_OF_MEASUREMENT, read.header, "CONTAINS"),
        )
        for read in context.positive_slices
    ]


def _lesion_groups(context: Context) -> list[Dataset]:
    return [
        measurement_group(
            context.imprint.algorithm,
            "1410",
            (f"lesion {lesion.number}", context.tracking_uid(lesion)),
            _certainty(mark.finding.probability),
            *([_height(lesion)] if mark is lesion.peak and lesion.extent_mm > 0 else []),
            _point(context, mark),
        )
        for lesion in context.lesions
        for mark in lesion.marks
    ]


def _likeliest(context: Context) -> ReadSlice:
    """The slice whose probability is that of the series; of several, the one with the peak of the
    most certain lesion.
    """
    peak_of_all = context.lesions[0].peak.slice.sop_instance_uid if context.lesions else ""
    return max(
        context.slices,
        key=lambda read: (read.reading.probability, read.slice.sop_instance_uid == peak_of_all),
    )


def _inferred_from(read: ReadSlice) -> Dataset:
    """What the probability of a slice was computed from: all of it.

    Some viewers open no document that has a measurement without coordinates, a negative one for
    example.
    """
    return whole_picture(codes.SOURCE, read.header, "INFERRED FROM")


def _point(context: Context, mark: Mark) -> Dataset:
    column, row = column_row(mark)
    return point(codes.IMAGE_REGION, column, row, context.where(mark).header, "CONTAINS")


def column_row(mark: Mark) -> tuple[float, float]:
    """PS3.3 C.18.6: (column, row) with 0\\0 at the top-left corner of the first pixel, whose centre
    is 0.5\\0.5.
    """
    return round(mark.finding.column + 0.5, 2), round(mark.finding.row + 0.5, 2)


def _certainty(probability: float, *children: Dataset) -> Dataset:
    return number(
        codes.CERTAINTY_OF_FINDING,
        certainty_percent(probability),
        codes.PERCENT,
        "CONTAINS",
        *children,
    )


def certainty_percent(probability: float) -> float:
    """One decimal; what is not certain is not called so by rounding."""
    rounded = round(100 * float(probability), 1)
    return min(max(rounded, LEAST_PERCENT), 100 - LEAST_PERCENT) if 0 < probability < 1 else rounded


def _height(lesion: Lesion) -> Dataset:
    return number(codes.HEIGHT, round(lesion.extent_mm, 1), codes.MILLIMETRE, "CONTAINS")


def device_observer(imprint: ResultHeader) -> list[Dataset]:
    """TID 1002 and 1004: a device."""
    return [
        coded(codes.OBSERVER_TYPE, codes.DEVICE, "HAS OBS CONTEXT"),
        uid_reference(codes.DEVICE_UID, imprint.device_uid, "HAS OBS CONTEXT"),
        text(codes.DEVICE_NAME, imprint.ae_title, "HAS OBS CONTEXT"),
        text(codes.DEVICE_MANUFACTURER, PRODUCT, "HAS OBS CONTEXT"),
        text(codes.DEVICE_MODEL, PRODUCT, "HAS OBS CONTEXT"),
        text(codes.DEVICE_SERIAL_NUMBER, imprint.ae_title, "HAS OBS CONTEXT"),
    ]


def _predecessor(imprint: ResultHeader, predecessor: Predecessor) -> Dataset:
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.SOPClassUID, instance.SOPInstanceUID = (
        predecessor.sop_class_uid,
        predecessor.sop_instance_uid,
    )
    series.SeriesInstanceUID = predecessor.series_instance_uid
    series.ReferencedSOPSequence = [reference_to(instance)]
    study.StudyInstanceUID = imprint.header.StudyInstanceUID
    study.ReferencedSeriesSequence = [series]
    return study


def comments(context: Context) -> list[str]:
    """What a person should know beside the numbers. UIDs and patients are not in it."""
    reading = context.reading
    verdict = "present" if reading.positive else "absent"
    sentences = [
        f"Intracranial hemorrhage {verdict} at threshold {100 * reading.threshold:.1f} %: "
        f"{len(context.positive_slices)} of {len(context.slices)} slices positive.",
        *(lesion_sentence(context, lesion) for lesion in context.lesions),
    ]
    reasons = Counter(left_out.reason for left_out in reading.left_out)
    if reasons:
        counts = "; ".join(f"{count} x {reason}" for reason, count in sorted(reasons.items()))
        sentences.append(f"Objects of the series that were not read: {counts}.")
    if reading.metal_slices:
        sentences.append(
            f"{reading.metal_slices} slices that show brain show metal too: its streaks may look like blood."
        )
    listed = sum(len(lesion.marks) for lesion in context.lesions)
    unlisted = sum(len(read.reading.findings) for read in context.positive_slices) - listed
    if unlisted:
        sentences.append(
            f"{unlisted} findings are not listed: more than {MAX_FINDINGS_PER_SLICE} on a slice, or outside of the image."
        )
    return sentences


def lesion_sentence(context: Context, lesion: Lesion) -> str:
    """One lesion in words: how sure, how far, and where its peak is."""
    numbers = [context.where(mark).number for mark in lesion.marks]
    first, last = min(numbers), max(numbers)
    slices = f"slice {first}" if first == last else f"slices {first} to {last}"
    column, row = column_row(lesion.peak)
    x, y, z = lesion.peak.patient_mm
    return (
        f"Lesion {lesion.number}: certainty {certainty_percent(lesion.certainty):.1f} %, {slices} of {len(context.slices)}, "
        f"{lesion.extent_mm:.1f} mm high; peak on slice {numbers[0]} at column {column:g}, row {row:g} "
        f"(x {x:.1f}, y {y:.1f}, z {z:.1f} mm)."
    )
