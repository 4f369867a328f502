"""Read one series from files: the answer that the node would give, and a picture."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from ich_node import __version__
from ich_node.detection.reading import Reading
from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import Refusal, ReportError
from ich_node.files.answer import SeriesAnswer
from ich_node.files.find import SeriesFiles
from ich_node.model.demonstration import check_sources_are_phantoms
from ich_node.model.detector import Detector
from ich_node.report import (
    ReportOptions,
    ResultObject,
    SourceSeries,
    label_lines,
    lesions_of,
    render_overlay,
    write_report,
)
from ich_node.report.algorithm import algorithm_of
from ich_node.report.evidence import check_uids, clean
from ich_node.report.page import render_page
from ich_node.report.slice_name import slice_place
from ich_node.report.source_words import SourceWords, source_words
from ich_node.report.summary import refusal_page
from ich_node.report.uids import digest_of
from ich_node.series.read import read_series
from ich_node.series.rules import USUAL_RULES, SelectionRules
from ich_node.series.series import Series
from ich_node.series.site_rules import NO_SITE_RULES, SiteRules


def read_files(
    files: SeriesFiles,
    detector: Detector,
    *,
    options: ReportOptions,
    at: datetime,
    with_dicom: bool,
    demonstration_on_real_sources: Literal["refuse", "mark"] = "mark",
    rules: SelectionRules = USUAL_RULES,
    site_rules: SiteRules = NO_SITE_RULES,
) -> tuple[SeriesAnswer, NDArray[np.uint8]]:
    """The answer and the picture of `draw`; of a series that is refused, the page that says so. A
    lone slice is read, too, and so is a series that a rule of the site would hold. at: the time
    that the results state.
    """
    unread = SeriesAnswer(
        study_instance_uid=files.study_instance_uid,
        series_instance_uid=files.series_instance_uid,
        bundle={"name": detector.bundle.name, "sha256": detector.bundle.sha256},
        demonstration=detector.bundle.demonstration,
    )
    datasets = files.datasets()
    try:
        decision = site_rules.decide(datasets, source=None, released=True)
        decision.check_refused()
        rules = replace(rules, ignored=decision.ignored)
        series = read_series(datasets, single_slice=True, rules=rules)
        if detector.bundle.demonstration and demonstration_on_real_sources == "refuse":
            check_sources_are_phantoms(datasets, bundle_name=detector.bundle.name)
    except Refusal as refusal:
        page = refusal_page(
            refusal.reason,
            source=_words_of(datasets[0], at),
            algorithm=algorithm_of(detector.bundle),
            objects=len(datasets),
        )
        return replace(unread, refusal=refusal, detail=refusal.detail), render_page(page)
    reading = detector.read(series)
    results: tuple[ResultObject, ...] = ()
    details = []
    try:
        if with_dicom:
            source = _source(files, series, datasets)
            results = tuple(
                write_report(
                    source,
                    reading=reading,
                    likelihood_on_slice=detector.likelihood_on_slice,
                    algorithm=algorithm_of(detector.bundle),
                    options=options,
                    at=at,
                )
            )
        else:
            check_uids(series)
    except ReportError as error:
        details.append(f"read, but it cannot be reported as DICOM: {error.detail}")
    answer = replace(unread, reading=reading, detail="; ".join(details), results=results)
    return answer, draw(series, reading, detector)


def draw(series: Series, reading: Reading, detector: Detector) -> NDArray[np.uint8]:
    """The slice with the highest probability, windowed for people, with the answer, RGB (Y, X, 3).
    Only a positive series has marks.
    """
    readings = {slice_.image: slice_ for slice_ in reading.slices}
    best = max(reading.maps, key=lambda map_: readings[map_.image].probability)
    index = next(index for index, slice_ in enumerate(series.slices) if slice_.image == best.image)
    slice_ = series.slices[index]
    return render_overlay(
        slice_,
        detector.likelihood_on_slice(best, slice_),
        lesions_of(series, reading),
        contour=best.contour,
        top=label_lines(
            slice_place(slice_, index + 1),
            readings[best.image].probability,
            demonstration=detector.bundle.demonstration,
            answer=reading.answer,
        ),
        version=__version__,
    )


def _words_of(dataset: Dataset, at: datetime) -> SourceWords:
    """No words of a damaged header."""
    try:
        return source_words(clean(dataset), revision=1, predecessor=None, at=at)
    except PARSING_ERRORS:
        return SourceWords()


def _source(files: SeriesFiles, series: Series, datasets: Sequence[Dataset]) -> SourceSeries:
    hashes = (hashlib.sha256(path.read_bytes()).hexdigest() for path in files.paths)
    return SourceSeries(series=series, datasets=datasets, digest=digest_of(hashes), revision=1)
