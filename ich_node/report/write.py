"""A Reading -> its DICOM objects."""

from collections.abc import Callable, Iterator
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    UID,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
)

from ich_node.detection.reading import LikelihoodMap, Reading
from ich_node.report.capture import write_overlay, write_summary
from ich_node.report.context import Context, ReadSlice, ReportOptions, SourceSeries, to_context
from ich_node.report.imprint import Algorithm
from ich_node.report.key_objects import write_key_objects
from ich_node.report.parametric_map import write_parametric_map
from ich_node.report.presentation_state import write_presentation_states
from ich_node.report.result import ResultObject
from ich_node.report.sr import SR_CLASSES, write_sr
from ich_node.report.summary import Tile, choose_tiles
from ich_node.series.series import Slice

# Every SOP class of which there are results, whatever the options.
RESULT_SOP_CLASSES: tuple[UID, ...] = (
    *SR_CLASSES.values(),
    SecondaryCaptureImageStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    ParametricMapStorage,
)

OnSlice = Callable[[LikelihoodMap, Slice], NDArray[np.float32]]
MapOf = Callable[[ReadSlice], NDArray[np.float32]]


def write_report(
    source: SourceSeries,
    reading: Reading,
    overlay_likelihood: OnSlice,
    *,
    algorithm: Algorithm,
    options: ReportOptions,
    at: datetime,
) -> Iterator[ResultObject]:
    """The SR; for a positive reading also what `options` ask for, in the order in which they are
    sent.

    Each is built when it is asked for: only one picture is in memory at a time. overlay_likelihood
    gives the map in the pixels of its slice, 0..1 (`Detector.likelihood_on_slice`). The same
    arguments give the same bytes. Raises ReportError, before anything is built, if the source has
    UIDs that DICOM cannot refer to.
    """
    context = to_context(source, reading, algorithm, options, at)
    return _objects(context, _once_a_slice(context, overlay_likelihood))


def _objects(context: Context, on_slice: MapOf) -> Iterator[ResultObject]:
    yield write_sr(context)
    if not context.positive_slices:
        return
    yield from _captures(context, on_slice)
    if context.options.gsps:
        yield from write_presentation_states(context)
    if context.options.key_objects:
        yield write_key_objects(context)
    if context.options.parametric_map:
        parametric_map = write_parametric_map(context, on_slice)
        if parametric_map:
            yield parametric_map


def _once_a_slice(context: Context, overlay_likelihood: OnSlice) -> MapOf:
    """The map in the pixels of its slice, made when it is first asked for."""
    maps = {read.number: likelihood_map for read, likelihood_map in context.mapped_slices}
    made: dict[int, NDArray[np.float32]] = {}

    def on_slice(read: ReadSlice) -> NDArray[np.float32]:
        if read.number not in made:
            made[read.number] = overlay_likelihood(maps[read.number], read.slice)
        return made[read.number]

    return on_slice


def _captures(context: Context, on_slice: MapOf) -> Iterator[ResultObject]:
    if context.options.summary:
        yield write_summary(
            context,
            [Tile(read=read, likelihood_YX=on_slice(read)) for read in choose_tiles(context)],
        )
    for read in _slices_to_show(context):
        yield write_overlay(context, read, on_slice(read))


def _slices_to_show(context: Context) -> list[ReadSlice]:
    """The most probable ones up to the limit, in the order of the series."""
    ranked = sorted(context.shown_slices, key=lambda read: (-read.reading.probability, read.number))
    return sorted(ranked[: context.options.max_overlays], key=lambda read: read.number)
