"""A Reading -> its DICOM objects."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    UID,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from ich_node.detection.lesions import Lesion
from ich_node.detection.reading import LikelihoodMap, Reading
from ich_node.report.context import Context, ReadSlice, ReportOptions, SourceSeries, to_context
from ich_node.report.key_objects import write_key_objects
from ich_node.report.parametric_map import write_parametric_maps
from ich_node.report.presentation_state import write_presentation_states
from ich_node.report.result import ResultObject
from ich_node.report.result_header import Algorithm
from ich_node.report.secondary_capture import write_overlay, write_page
from ich_node.report.segmentation import write_segmentations
from ich_node.report.sr import SR_CLASSES, write_sr
from ich_node.report.summary import summary_page
from ich_node.series.series import Slice

# The SOP classes of all results, with any options.
RESULT_SOP_CLASSES: tuple[UID, ...] = (
    *SR_CLASSES.values(),
    SecondaryCaptureImageStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    ParametricMapStorage,
    SegmentationStorage,
)

LikelihoodOnSlice = Callable[[LikelihoodMap, Slice], NDArray[np.float32]]
LikelihoodOf = Callable[[ReadSlice], NDArray[np.float32]]


def write_report(
    source: SourceSeries,
    *,
    reading: Reading,
    likelihood_on_slice: LikelihoodOnSlice,
    algorithm: Algorithm,
    options: ReportOptions,
    at: datetime,
    lesions: Sequence[Lesion] | None = None,
) -> Iterator[ResultObject]:
    """The SR; for a positive reading also the objects of `options`, in the order in which they are
    sent.

    Each object is built when it is asked for, so that one picture at a time is in memory.
    likelihood_on_slice resamples a map to the pixels of its slice, 0 to 1
    (`Detector.likelihood_on_slice`). lesions: as in `to_context`. The same arguments give the same
    bytes.

    Raises ReportError, before anything is built, if the source has UIDs that DICOM cannot refer to.
    """
    context = to_context(
        source, reading=reading, algorithm=algorithm, options=options, at=at, lesions=lesions
    )
    return _objects(context, _resampled_once(context, likelihood_on_slice))


def _objects(context: Context, likelihood_of: LikelihoodOf) -> Iterator[ResultObject]:
    yield write_sr(context)
    if context.reading.answer.value in context.options.summary:
        page = summary_page(context, likelihood_of)
        headers = [read.header for read in context.positive_slices or context.slices]
        yield write_page(context.result_header, context.options, page, headers)
    if not context.positive_slices:
        return
    contours = {read.number: each.contour for read, each in context.mapped_slices}
    for read in _slices_of_overlays(context):
        yield write_overlay(context, read, likelihood_of(read), contours[read.number])
    if context.options.gsps:
        yield from write_presentation_states(context)
    if context.options.key_objects:
        yield write_key_objects(context)
    if context.options.parametric_map:
        yield from write_parametric_maps(context, likelihood_of)
    if context.options.segmentation:
        yield from write_segmentations(context)


def _resampled_once(context: Context, likelihood_on_slice: LikelihoodOnSlice) -> LikelihoodOf:
    """Each map is resampled when it is first needed, and kept for the other objects."""
    maps = {read.number: likelihood_map for read, likelihood_map in context.mapped_slices}
    resampled: dict[int, NDArray[np.float32]] = {}

    def likelihood_of(read: ReadSlice) -> NDArray[np.float32]:
        if read.number not in resampled:
            resampled[read.number] = likelihood_on_slice(maps[read.number], read.slice)
        return resampled[read.number]

    return likelihood_of


def _slices_of_overlays(context: Context) -> list[ReadSlice]:
    """The most probable slices up to the limit, in the order of the series."""
    ranked = sorted(context.shown_slices, key=lambda read: (-read.reading.probability, read.number))
    return sorted(ranked[: context.options.max_overlays], key=lambda read: read.number)
