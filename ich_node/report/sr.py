"""The structured report: Comprehensive 3D SR, TID 1500 Measurement Report.

::

    Imaging Measurement Report
    ├── observer (Device), Procedure reported, Image Library
    ├── Imaging Measurements
    │   ├── the series          Present | Absent, certainty        TID 1501
    │   ├── each positive slice Present, certainty                 TID 1501
    │   └── each finding        POINT on its slice, certainty      TID 1410
    └── Qualitative Evaluations: comments for people
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from highdicom import sr
from highdicom.enum import ContentQualificationValues
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sr.coding import Code

from ich_node.detection.detector import Finding
from ich_node.report import codes
from ich_node.report.context import PRODUCT, RESEARCH_USE, Context, ReadSlice, without_person
from ich_node.report.result import ResultObject

SERIES_NUMBER = 9001
SERIES_DESCRIPTION = "ICH AI result - SR (research use only)"
MAX_FINDINGS_PER_SLICE = 5  # 2 kB and 16 ms each
UNKNOWN_THICKNESS_MM = 0.0  # for highdicom alone, which insists on a number; the item is taken out again


def write_sr(context: Context) -> ResultObject:
    """The answer for the series as a document, positive or negative."""
    evidence = [_library_header(read.header) for read in context.slices]
    content = _content(context, evidence)
    document = sr.Comprehensive3DSR(
        evidence=evidence,
        content=content[0],
        series_instance_uid=context.uids.make("sr series"),
        series_number=SERIES_NUMBER,
        series_description=SERIES_DESCRIPTION,
        sop_instance_uid=context.uids.make("sr"),
        instance_number=1,
        is_complete=True,
        is_final=False,
        is_verified=False,
        content_qualification=ContentQualificationValues.RESEARCH,
        **context.equipment(),
    )
    context.finish(document, context.slices[0].header)
    return ResultObject(kind="sr", dataset=document)


def _content(context: Context, evidence: Sequence[Dataset]) -> sr.MeasurementReport:
    positive_uids = {read.slice.sop_instance_uid for read in context.positive_slices}
    library = [header for header in evidence if not positive_uids or header.SOPInstanceUID in positive_uids]
    report = sr.MeasurementReport(
        observation_context=_observer(context),
        procedure_reported=codes.CT_PROCEDURE,
        imaging_measurements=[_series_group(context), *_slice_groups(context), *_finding_groups(context)],
        referenced_images=library,
    )
    unmeasured = {read.slice.sop_instance_uid for read in context.slices if "SliceThickness" not in read.header}
    _remove_unknown_thickness(report[0], unmeasured)
    report[0].ContentSequence.append(_comments(context))
    return report


def _library_header(header: Dataset) -> Dataset:
    kept = without_person(header)
    if "SliceThickness" not in kept:
        kept.SliceThickness = UNKNOWN_THICKNESS_MM
    return kept


def _remove_unknown_thickness(root: Dataset, unmeasured: set[str]) -> None:
    """The image library must not state a thickness that the source does not."""
    for library in root.ContentSequence:
        for group in library.get("ContentSequence", []):
            for image in group.get("ContentSequence", []):
                if image.ValueType == "IMAGE" and image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID in unmeasured:
                    _remove_items(image, codes.SLICE_THICKNESS)


def _remove_items(parent: Dataset, name: Code) -> None:
    for index in reversed(range(len(parent.get("ContentSequence", [])))):
        if parent.ContentSequence[index].ConceptNameCodeSequence[0].CodeValue == name.value:
            del parent.ContentSequence[index]


def _observer(context: Context) -> sr.ObservationContext:
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=sr.CodedConcept.from_code(codes.DEVICE),
            observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
                uid=context.device_uid,
                name=context.options.ae_title,
                manufacturer_name=PRODUCT,
                model_name=PRODUCT,
                serial_number=context.options.ae_title,
            ),
        )
    )


def _series_group(context: Context) -> sr.MeasurementsAndQualitativeEvaluations:
    return _group(
        context,
        tracking=sr.TrackingIdentifier(uid=context.uids.make("series"), identifier="series"),
        probability=context.reading.series_probability,
        presence=codes.PRESENT if context.reading.positive else codes.ABSENT,
        sources=context.positive_slices or context.slices,
        point=_top_point(context),
    )


def _slice_groups(context: Context) -> list[sr.MeasurementsAndQualitativeEvaluations]:
    return [
        _group(
            context,
            tracking=sr.TrackingIdentifier(
                uid=context.uids.make("slice", read.slice.sop_instance_uid), identifier=f"slice {read.number}"
            ),
            probability=read.reading.probability,
            presence=codes.PRESENT,
            sources=[read],
            point=_top_point(context, read),
        )
        for read in context.positive_slices
    ]


def _group(
    context: Context,
    *,
    tracking: sr.TrackingIdentifier,
    probability: float,
    presence: Code,
    sources: Sequence[ReadSlice],
    point: sr.CoordinatesForMeasurement | None,
) -> sr.MeasurementsAndQualitativeEvaluations:
    """TID 1501: a statement about images as a whole."""
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking,
        finding_type=codes.INTRACRANIAL_HEMORRHAGE,
        algorithm_id=_algorithm(context),
        finding_sites=[sr.FindingSite(anatomic_location=codes.INTRACRANIAL)],
        measurements=[_certainty(probability, point)],
        qualitative_evaluations=[sr.QualitativeEvaluation(name=codes.INTRACRANIAL_HEMORRHAGE, value=presence)],
        source_images=[
            sr.SourceImageForMeasurementGroup(
                referenced_sop_class_uid=read.slice.sop_class_uid, referenced_sop_instance_uid=read.slice.sop_instance_uid
            )
            for read in sources
        ],
    )


def _finding_groups(context: Context) -> list[sr.PlanarROIMeasurementsAndQualitativeEvaluations]:
    """TID 1410: a mark."""
    return [
        sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(
                uid=context.uids.make("finding", read.slice.sop_instance_uid, index),
                identifier=f"slice {read.number} finding {index}",
            ),
            referenced_region=sr.ImageRegion(
                graphic_type=sr.GraphicTypeValues.POINT, graphic_data=_column_row(finding), source_image=_source_image(read)
            ),
            finding_type=codes.INTRACRANIAL_HEMORRHAGE,
            algorithm_id=_algorithm(context),
            finding_sites=[sr.FindingSite(anatomic_location=codes.INTRACRANIAL)],
            measurements=[_certainty(finding.probability)],
        )
        for read in context.positive_slices
        for index, finding in enumerate(listed_findings(read), start=1)
    ]


def listed_findings(read: ReadSlice) -> list[Finding]:
    """The highest findings of a slice, up to the limit."""
    return read.findings[:MAX_FINDINGS_PER_SLICE]


def _top_point(context: Context, read: ReadSlice | None = None) -> sr.CoordinatesForMeasurement | None:
    """The highest mark of the slice, of its nearest neighbour where it has none, or of the whole series.

    A widespread viewer fails on a measurement that has no coordinates. A thin slice shares its slab's mark in any case.
    """
    marked = [candidate for candidate in context.positive_slices if listed_findings(candidate)]
    if not marked:
        return None
    if read is None:
        best = max(marked, key=lambda candidate: listed_findings(candidate)[0].likelihood)
    else:
        here = read.slice.position_mm
        best = min(marked, key=lambda candidate: abs(candidate.slice.position_mm - here))
    return sr.CoordinatesForMeasurement(
        graphic_type=sr.GraphicTypeValues.POINT,
        graphic_data=_column_row(listed_findings(best)[0]),
        source_image=_source_image(best),
    )


def _column_row(finding: Finding) -> NDArray[np.float64]:
    """PS3.3 C.18.6: (column, row) with 0\\0 at the top-left corner of the first pixel, whose centre is 0.5\\0.5."""
    return np.array([[round(finding.column + 0.5, 2), round(finding.row + 0.5, 2)]])


def _source_image(read: ReadSlice) -> sr.SourceImageForRegion:
    return sr.SourceImageForRegion(
        referenced_sop_class_uid=read.slice.sop_class_uid, referenced_sop_instance_uid=read.slice.sop_instance_uid
    )


def _certainty(probability: float, point: sr.CoordinatesForMeasurement | None = None) -> sr.Measurement:
    return sr.Measurement(
        name=codes.CERTAINTY_OF_FINDING,
        value=round(float(probability) * 100, 1),
        unit=codes.PERCENT,
        referenced_coordinates=[point] if point is not None else None,
    )


def _algorithm(context: Context) -> sr.AlgorithmIdentification:
    algorithm = context.algorithm
    return sr.AlgorithmIdentification(
        name=algorithm.name,
        version=algorithm.version,
        family=codes.ARTIFICIAL_INTELLIGENCE,
        parameters=[algorithm.details, f"bundle {algorithm.bundle_name}", f"bundle sha256 {algorithm.bundle_sha256}"],
    )


def _comments(context: Context) -> sr.ContainerContentItem:
    container = sr.ContainerContentItem(
        name=codes.QUALITATIVE_EVALUATIONS, is_content_continuous=False, relationship_type=sr.RelationshipTypeValues.CONTAINS
    )
    container.ContentSequence = sr.ContentSequence(
        [
            sr.TextContentItem(name=codes.COMMENT, value=comment, relationship_type=sr.RelationshipTypeValues.CONTAINS)
            for comment in comments(context)
        ]
    )
    return container


def comments(context: Context) -> list[str]:
    """What a person should know beside the numbers. UIDs and patients are not in it."""
    reading = context.reading
    verdict = "present" if reading.positive else "absent"
    sentences = [
        RESEARCH_USE,
        f"Intracranial hemorrhage {verdict} at threshold {100 * reading.threshold:.1f} %: "
        f"{len(context.positive_slices)} of {len(context.slices)} slices positive.",
    ]
    reasons = Counter(left_out.reason for left_out in reading.left_out)
    if reasons:
        counts = "; ".join(f"{count} x {reason}" for reason, count in sorted(reasons.items()))
        sentences.append(f"Objects of the series that were not read: {counts}.")
    unlisted = sum(len(read.reading.findings) - len(listed_findings(read)) for read in context.positive_slices)
    if unlisted:
        sentences.append(
            f"{unlisted} findings are not listed: more than {MAX_FINDINGS_PER_SLICE} on a slice, or outside of the image."
        )
    return sentences
