"""The likelihood itself as data: Parametric Map, 16 bits, with the mapping to 0..1."""

from collections.abc import Callable, Sequence

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from ich_node.report import codes
from ich_node.report.context import Context, ReadSlice
from ich_node.report.frame_sources import as_classic, refer_to_frames
from ich_node.report.result import ResultObject
from ich_node.report.result_header import without_person

SERIES_NUMBER = 9005
TRANSFER_SYNTAXES = {"rle": RLELossless, "none": ExplicitVRLittleEndian}
STEPS = 10_000  # stored value of 100 %


def write_parametric_maps(
    context: Context, likelihood_of: Callable[[ReadSlice], NDArray[np.float32]]
) -> list[ResultObject]:
    """The map of every slice that was read: an object for each stack, since an object has each
    position once. No object for a stack for which the IOD cannot be written: without a frame of
    reference, without slice thickness, or with several matrices.

    likelihood_of: the likelihood, 0 to 1, in the pixels of a slice.
    """
    stacks: dict[int, list[ReadSlice]] = {}
    for read, _ in context.mapped_slices:
        stacks.setdefault(read.slice.stack, []).append(read)
    maps = [
        _write(context, reads, likelihood_of, number)
        for number, reads in enumerate(stacks.values(), start=1)
    ]
    return [written for written in maps if written]


def _write(
    context: Context,
    reads: Sequence[ReadSlice],
    likelihood_of: Callable[[ReadSlice], NDArray[np.float32]],
    number: int,
) -> ResultObject | None:
    headers = [without_person(read.header) for read in reads]
    if not _can_be_mapped(headers):
        return None
    stored_NYX = np.stack(
        [
            np.rint(np.clip(likelihood_of(read), 0, 1) * np.float32(STEPS)).astype(np.uint16)
            for read in reads
        ]
    )
    result_header = context.result_header
    parametric_map = hd.pm.ParametricMap(
        source_images=as_classic(headers),
        pixel_array=stored_NYX,
        series_instance_uid=result_header.uids.make("parametric map series"),
        series_number=SERIES_NUMBER,
        series_description=result_header.source.of_results("map"),
        sop_instance_uid=result_header.uids.make("parametric map", index=number - 1),
        instance_number=number,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[_mapping()],
        voi_lut_transformations=[
            hd.VOILUTTransformation(window_center=STEPS / 2, window_width=STEPS)
        ],
        transfer_syntax_uid=TRANSFER_SYNTAXES[context.options.compression],
        content_description="Likelihood of intracranial hemorrhage",
        content_label="ICH_LIKELIHOOD",
        derived_pixel_contrast="NONE",
        **result_header.equipment(),
    )
    refer_to_frames(parametric_map, headers)
    parametric_map.BodyPartExamined = "HEAD"
    dimensions = result_header.uids.make("parametric map dimensions", index=number - 1)
    _name_dimensions(parametric_map, str(dimensions))
    result_header.finish(parametric_map)
    return ResultObject(kind="parametric_map", dataset=parametric_map)


def _can_be_mapped(headers: list[Dataset]) -> bool:
    whole = all(
        "FrameOfReferenceUID" in header and "SliceThickness" in header for header in headers
    )
    return (
        whole
        and len(
            {(header.Rows, header.Columns, header.get("FrameOfReferenceUID")) for header in headers}
        )
        == 1
    )


def _mapping() -> hd.pm.RealWorldValueMapping:
    return hd.pm.RealWorldValueMapping(
        lut_label="LIKELIHOOD",
        lut_explanation="likelihood, 0 to 1",
        unit=codes.NO_UNITS,
        value_range=(0, STEPS),
        slope=1 / STEPS,
        intercept=0.0,
        quantity_definition=codes.CLASS_ACTIVATION,
    )


def _name_dimensions(parametric_map: Dataset, uid: str) -> None:
    """Replace highdicom's random UID, so that a second build gives the same bytes."""
    for item in (
        *parametric_map.DimensionOrganizationSequence,
        *parametric_map.DimensionIndexSequence,
    ):
        item.DimensionOrganizationUID = uid
