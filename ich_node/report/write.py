"""A Reading -> its DICOM objects."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ich_node.detection.detector import LikelihoodMap, Reading
from ich_node.detection.series import Slice
from ich_node.report.capture import write_overlay
from ich_node.report.context import Algorithm, Context, ReadSlice, ReportOptions, Source, to_context
from ich_node.report.result import ResultObject
from ich_node.report.sr import write_sr


def write_report(
    source: Source,
    reading: Reading,
    overlay_likelihood: Callable[[LikelihoodMap, Slice], NDArray[np.float32]],
    *,
    algorithm: Algorithm,
    options: ReportOptions,
    at: datetime,
) -> list[ResultObject]:
    """One SR, and one overlay per positive slice up to `options.max_overlays`, the most probable first to be chosen.

    overlay_likelihood gives the map in the pixels of its slice, 0..1 (`Detector.likelihood_on_slice`). The same arguments give
    the same bytes. Raises ReportError, before anything is built, if the source has UIDs that DICOM cannot refer to.
    """
    context = to_context(source, reading, algorithm, options, at)
    maps = {likelihood_map.sop_instance_uid: likelihood_map for likelihood_map in reading.maps}
    results = [write_sr(context)]
    for read in _slices_to_show(context, set(maps)):
        likelihood_YX = overlay_likelihood(maps[read.slice.sop_instance_uid], read.slice)
        results.append(write_overlay(context, read, likelihood_YX))
    return results


def _slices_to_show(context: Context, with_map: set[str]) -> list[ReadSlice]:
    """A slab of thin slices is shown once, on the slice that has its map and its marks. In the order of the series."""
    candidates = [read for read in context.positive_slices if read.slice.sop_instance_uid in with_map]
    ranked = sorted(candidates, key=lambda read: (-read.reading.probability, read.number))
    return sorted(ranked[: context.options.max_overlays], key=lambda read: read.number)
