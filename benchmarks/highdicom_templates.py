"""The content of the SR by highdicom's templates alone: TID 1501, 1410, 300 and 4019, and the image
library of TID 1600.

A peer for `benchmarks.report`. The node does not use it; `ich_node/report/tree.py` says why.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from highdicom import sr as templates
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID

from ich_node.percent import percent as percent_of
from ich_node.report import codes
from ich_node.report.context import Context, ReadSlice
from ich_node.report.measurement_groups import (
    column_row,
    series_tracking,
)
from ich_node.report.slice_name import slice_name
from ich_node.report.uids import uid_from


def image_library_of(headers: Sequence[Dataset]) -> Dataset:
    """TID 1600. Raises AttributeError for a header without SliceThickness."""
    for header in headers:
        header.Modality = "CT"
    library: Dataset = templates.ImageLibrary(headers)[0]
    return library


def measurement_groups_of(context: Context) -> list[Dataset]:
    """The groups of a positive reading, with the content of `measurement_groups` but for what
    highdicom has no place for: the comments, and the Finding Site as a modifier of the Finding.
    """
    likeliest = max(context.positive_slices, key=lambda read: read.reading.probability)
    of_series = _group(
        context,
        series_tracking(context.reading.series_instance_uid),
        probability=context.reading.series_probability,
        inferred_from=likeliest,
        sources=context.positive_slices,
    )
    of_slices = [
        _group(
            context,
            (slice_name(read.slice, read.number), uid_from("slice", str(read.slice.image))),
            probability=read.reading.probability,
            inferred_from=read,
            sources=[read],
        )
        for read in context.positive_slices
    ]
    return [of_series, *of_slices, *_lesion_groups(context)]


def _lesion_groups(context: Context) -> list[Dataset]:
    groups = []
    for lesion in context.lesions:
        tracking = (f"lesion {lesion.number}", context.tracking_uid(lesion))
        peak = templates.CoordinatesForMeasurement(
            graphic_type="POINT",
            graphic_data=np.array([column_row(lesion.peak)]),
            source_image=_source_of_region(context.slice_of(lesion.peak)),
        )
        percent = percent_of(lesion.certainty)
        measurements = [
            _measurement(codes.CERTAINTY_OF_FINDING, percent, codes.PERCENT, peak),
            _measurement(codes.HEIGHT, round(lesion.extent_mm, 1), codes.MILLIMETRE),
        ]
        groups.append(
            templates.MeasurementsAndQualitativeEvaluations(
                **_common(context, tracking),
                measurements=measurements,
                qualitative_evaluations=[_present()],
            )[0]
        )
        for index, mark in enumerate(lesion.marks):
            region = templates.ImageRegion(
                graphic_type="POINT",
                graphic_data=np.array([column_row(mark)]),
                source_image=_source_of_region(context.slice_of(mark)),
            )
            of_mark = (f"{tracking[0]}, {index}", uid_from("mark", str(tracking[1]), str(index)))
            is_peak = mark is lesion.peak
            group = templates.PlanarROIMeasurementsAndQualitativeEvaluations(
                **_common(context, of_mark),
                measurements=[] if is_peak else [_certainty(mark.finding.probability)],
                qualitative_evaluations=[_present()],
                referenced_region=region,
            )
            groups.append(group[0])
    return groups


def _present() -> templates.QualitativeEvaluation:
    return templates.QualitativeEvaluation(codes.INTRACRANIAL_HEMORRHAGE, codes.PRESENT)


def _group(
    context: Context,
    tracking: tuple[str, UID],
    *,
    probability: float,
    inferred_from: ReadSlice,
    sources: Sequence[ReadSlice],
) -> Dataset:
    group: Dataset = templates.MeasurementsAndQualitativeEvaluations(
        **_common(context, tracking),
        measurements=[_certainty(probability, inferred_from)],
        qualitative_evaluations=[_present()],
        source_images=[
            templates.SourceImageForMeasurementGroup(
                read.header.SOPClassUID, read.header.SOPInstanceUID
            )
            for read in sources
        ],
    )[0]
    return group


def _common(context: Context, tracking: tuple[str, UID]) -> dict[str, Any]:
    algorithm = context.result_header.algorithm
    return {
        "tracking_identifier": templates.TrackingIdentifier(
            uid=tracking[1], identifier=tracking[0]
        ),
        "finding_type": codes.INTRACRANIAL_HEMORRHAGE,
        "finding_sites": [templates.FindingSite(codes.INTRACRANIAL)],
        "algorithm_id": templates.AlgorithmIdentification(
            name=algorithm.name,
            version=algorithm.version,
            parameters=[
                algorithm.details,
                f"bundle {algorithm.bundle_name}",
                f"bundle sha256 {algorithm.bundle_sha256}",
            ],
            family=codes.ARTIFICIAL_INTELLIGENCE,
        ),
    }


def _certainty(probability: float, inferred_from: ReadSlice | None = None) -> templates.Measurement:
    percent = percent_of(probability)
    if inferred_from is None:
        return _measurement(codes.CERTAINTY_OF_FINDING, percent, codes.PERCENT)
    line = np.array([[0, 0], [inferred_from.header.Columns // 8, 0]])
    coordinates = templates.CoordinatesForMeasurement(
        graphic_type="POLYLINE",
        graphic_data=line,
        source_image=_source_of_region(inferred_from),
    )
    return _measurement(codes.CERTAINTY_OF_FINDING, percent, codes.PERCENT, coordinates)


def _measurement(
    name: Code, value: float, unit: Code, *coordinates: templates.CoordinatesForMeasurement
) -> templates.Measurement:
    return templates.Measurement(
        name=name, value=value, unit=unit, referenced_coordinates=list(coordinates) or None
    )


def _source_of_region(read: ReadSlice) -> templates.SourceImageForRegion:
    return templates.SourceImageForRegion(read.header.SOPClassUID, read.header.SOPInstanceUID)
