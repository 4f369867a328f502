"""The regions of the lesions as DICOM Segmentation: one binary segment for each lesion, in the
pixels of the source. They are where the likelihood map is high, and not the extent of the blood.
"""

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from ich_node.detection.lesions import Lesion
from ich_node.report import codes
from ich_node.report.context import Context, ReadSlice
from ich_node.report.frame_sources import as_classic, refer_to_frames
from ich_node.report.result import ResultObject
from ich_node.report.result_header import Algorithm, without_person

SERIES_NUMBER = 9007
# Of the segments in viewers: orange, blue, yellow, violet.
COLOURS = tuple(
    hd.color.CIELabColor(*lab)
    for lab in ((75.0, 25.0, 70.0), (70.0, -10.0, -40.0), (92.0, -5.0, 75.0), (60.0, 50.0, -45.0))
)


def write_segmentations(context: Context) -> list[ResultObject]:
    """An object for each stack with lesions, since an object has each position once. None for a
    stack for which the IOD cannot be written: without a frame of reference, without slice
    thickness, or with several matrices.
    """
    stacks: dict[int, list[Lesion]] = {}
    for lesion in context.lesions:
        if lesion.size_mm3 > 0:
            stacks.setdefault(lesion.peak.slice.stack, []).append(lesion)
    written = [
        _write(context, lesions, number) for number, lesions in enumerate(stacks.values(), start=1)
    ]
    return [each for each in written if each]


def _write(context: Context, lesions: Sequence[Lesion], number: int) -> ResultObject | None:
    images = {region.slice.image for lesion in lesions for region in lesion.regions}
    reads = [read for read in context.slices if read.slice.image in images]
    headers = [without_person(read.header) for read in reads]
    if not _can_be_segmented(headers):
        return None
    result_header = context.result_header
    segmentation = hd.seg.Segmentation(
        source_images=as_classic(headers),
        pixel_array=_masks(reads, lesions),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            hd.seg.SegmentDescription(
                segment_number=segment,
                segment_label=f"Lesion {lesion.number}",
                segmented_property_category=codes.ALTERED_STRUCTURE,
                segmented_property_type=codes.INTRACRANIAL_HEMORRHAGE,
                algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
                algorithm_identification=_algorithm(result_header.algorithm),
                tracking_uid=context.tracking_uid(lesion),
                tracking_id=f"Lesion {lesion.number}",
                display_color=COLOURS[(segment - 1) % len(COLOURS)],
            )
            for segment, lesion in enumerate(lesions, start=1)
        ],
        series_instance_uid=result_header.uids.make("segmentation series"),
        series_number=SERIES_NUMBER,
        series_description=result_header.source.of_results("regions"),
        sop_instance_uid=result_header.uids.make("segmentation", index=number - 1),
        instance_number=number,
        content_description="Where the likelihood is high, not the blood itself",
        content_label="ICH_REGIONS",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **result_header.equipment(),
    )
    refer_to_frames(segmentation, headers)
    segmentation.BodyPartExamined = "HEAD"
    _name_dimensions(
        segmentation, str(result_header.uids.make("segmentation dimensions", index=number - 1))
    )
    result_header.finish(segmentation)
    return ResultObject(kind="segmentation", dataset=segmentation)


def _can_be_segmented(headers: Sequence[Dataset]) -> bool:
    whole = all(
        "FrameOfReferenceUID" in header and "SliceThickness" in header for header in headers
    )
    return whole and len({(header.Rows, header.Columns) for header in headers}) == 1


def _masks(reads: Sequence[ReadSlice], lesions: Sequence[Lesion]) -> NDArray[np.uint8]:
    """Slices, rows, columns, segments."""
    place = {read.slice.image: index for index, read in enumerate(reads)}
    mask_SYXL = np.zeros((len(reads), *reads[0].slice.hu_YX.shape, len(lesions)), dtype=np.uint8)
    for segment, lesion in enumerate(lesions):
        for region in lesion.regions:
            mask_SYXL[place[region.slice.image], :, :, segment] |= region.mask_YX()
    return mask_SYXL


def _algorithm(algorithm: Algorithm) -> hd.AlgorithmIdentificationSequence:
    return hd.AlgorithmIdentificationSequence(
        name=algorithm.name,
        version=algorithm.version,
        family=codes.ARTIFICIAL_INTELLIGENCE,
        parameters={
            "details": algorithm.details,
            "bundle": algorithm.bundle_name,
            "bundle sha256": algorithm.bundle_sha256,
        },
    )


def _name_dimensions(segmentation: Dataset, uid: str) -> None:
    """Replace highdicom's random UID, so that a second build gives the same bytes."""
    for item in (
        *segmentation.DimensionOrganizationSequence,
        *segmentation.DimensionIndexSequence,
    ):
        item.DimensionOrganizationUID = uid
