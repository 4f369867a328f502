"""One line a series for a registry of AI results, such as ACR Assess-AI: facts of the study and the
AI's result, no identifier and no text that a person wrote.
"""

import csv
from collections.abc import Iterable, Mapping
from typing import IO

from ich_node.ledger.statistics import CountedSeries

COLUMNS = (
    "received_on",
    "modality",
    "manufacturer",
    "scanner",
    "body_part",
    "kernel",
    "slice_thickness_mm",
    "kvp",
    "slices",
    "age_years",
    "sex",
    "model",
    "model_sha256",
    "answer",
    "probability",
    "not_analysed_reason",
    "seconds_to_result",
    "verdict",
)


def write_table(
    series: Iterable[CountedSeries], file: IO[str], *, model_names: Mapping[str, str]
) -> int:
    """How many lines. model_names: by the hash of the bundle."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    lines = 0
    for each in series:
        writer.writerow(_row(each, model_names))
        lines += 1
    return lines


def _row(facts: CountedSeries, model_names: Mapping[str, str]) -> list[object]:
    verdict = {True: "bleeding", False: "no bleeding", None: ""}[facts.verdict]
    sha256 = facts.bundle_sha256 or ""
    score = facts.series_probability
    return [
        f"{facts.first_received_at.astimezone():%Y-%m-%d}",
        facts.modality or "CT",
        facts.manufacturer or "",
        facts.scanner or "",
        facts.body_part or "",
        facts.kernel or "",
        facts.slice_thickness_mm if facts.slice_thickness_mm is not None else "",
        facts.kvp if facts.kvp is not None else "",
        facts.slices if facts.slices is not None else "",
        facts.age_years if facts.age_years is not None else "",
        facts.sex or "",
        model_names.get(sha256, ""),
        sha256,
        facts.answer or "",
        f"{score:.4f}" if score is not None else "",
        facts.reason or "",
        f"{facts.seconds:.0f}" if facts.seconds is not None else "",
        verdict,
    ]
