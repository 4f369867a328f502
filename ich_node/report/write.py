"""A Reading -> its DICOM objects."""

from collections.abc import Callable
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

from ich_node.detection.detector import LikelihoodMap, Reading
from ich_node.detection.series import Slice
from ich_node.report.capture import write_overlay, write_summary
from ich_node.report.context import Context, ReadSlice, ReportOptions, Source, to_context
from ich_node.report.imprint import Algorithm
from ich_node.report.key_objects import write_key_objects
from ich_node.report.parametric_map import write_parametric_map
from ich_node.report.presentation_state import write_presentation_states
from ich_node.report.result import ResultObject
from ich_node.report.sr import SR_CLASSES, write_sr
from ich_node.report.summary import Tile, choose_tiles

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
    source: Source,
    reading: Reading,
    overlay_likelihood: OnSlice,
    *,
    algorithm: Algorithm,
    options: ReportOptions,
    at: datetime,
) -> list[ResultObject]:
    """The SR; for a positive reading also what `options` ask for, in the order in which they are sent.

    overlay_likelihood gives the map in the pixels of its slice, 0..1 (`Detector.likelihood_on_slice`). The same arguments give
    the same bytes. Raises ReportError, before anything is built, if the source has UIDs that DICOM cannot refer to.
    """
    context = to_context(source, reading, algorithm, options, at)
    results = [write_sr(context)]
    if context.positive_slices:
        results += _pictures_and_marks(context, _once_a_slice(context, overlay_likelihood))
    return results


def _pictures_and_marks(context: Context, on_slice: MapOf) -> list[ResultObject]:
    results = _captures(context, on_slice)
    if context.options.gsps:
        results += write_presentation_states(context)
    if context.options.key_objects:
        results.append(write_key_objects(context))
    if context.options.parametric_map:
        parametric_map = write_parametric_map(context, on_slice)
        results += [parametric_map] if parametric_map else []
    return results


def _once_a_slice(context: Context, overlay_likelihood: OnSlice) -> MapOf:
    """The map in the pixels of its slice, made when it is first asked for."""
    maps = {read.number: likelihood_map for read, likelihood_map in context.mapped_slices}
    made: dict[int, NDArray[np.float32]] = {}

    def on_slice(read: ReadSlice) -> NDArray[np.float32]:
        if read.number not in made:
            made[read.number] = overlay_likelihood(maps[read.number], read.slice)
        return made[read.number]

    return on_slice


def _captures(context: Context, on_slice: MapOf) -> list[ResultObject]:
    captures = []
    if context.options.summary:
        captures.append(write_summary(context, [Tile(read=read, likelihood_YX=on_slice(read)) for read in choose_tiles(context)]))
    return captures + [write_overlay(context, read, on_slice(read)) for read in _slices_to_show(context)]


def _slices_to_show(context: Context) -> list[ReadSlice]:
    """The most probable ones up to the limit, in the order of the series."""
    ranked = sorted(context.shown_slices, key=lambda read: (-read.reading.probability, read.number))
    return sorted(ranked[: context.options.max_overlays], key=lambda read: read.number)
