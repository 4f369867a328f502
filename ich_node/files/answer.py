"""The answer about one series from files: as a JSON document and as a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ich_node.answer import Answer
from ich_node.detection.reading import Reading
from ich_node.dicom.identity import DEMONSTRATION_MODEL, RESEARCH_USE
from ich_node.dicom.image_id import ImageId
from ich_node.errors import Refusal
from ich_node.model.demonstration import demonstration_warning
from ich_node.percent import counted, percent_text, rounded_beside
from ich_node.report import ResultObject
from ich_node.series.series import LeftOut, Missing, SeriesWarning

SENTENCES = {
    Answer.PRESENT: "POSITIVE",
    Answer.ABSENT: "negative",
    Answer.UNDETERMINED: "UNDETERMINED",
}
SAID_FIRST = "demonstration_model"


@dataclass(frozen=True, kw_only=True)
class SeriesAnswer:
    """A Reading or a Refusal. detail: what a person should know about it. bundle: its name and
    sha256; demonstration: whether it is a demonstration model. results: the DICOM objects, if they
    were asked for.
    """

    study_instance_uid: str
    series_instance_uid: str
    bundle: dict[str, str]
    demonstration: bool = False
    reading: Reading | None = None
    refusal: Refusal | None = None
    detail: str = ""
    results: tuple[ResultObject, ...] = ()

    @property
    def answer(self) -> Answer:
        return self.reading.answer if self.reading else Answer.NOT_ANALYSED

    @property
    def warnings(self) -> tuple[SeriesWarning, ...]:
        """Those of the reading; of a refused series that of its model."""
        if self.reading:
            return self.reading.warnings
        return (demonstration_warning(self.bundle["name"]),) if self.demonstration else ()

    def document(self) -> dict[str, Any]:
        """The answer as `read --json` prints it."""
        reading = self.reading
        return {
            "study_instance_uid": self.study_instance_uid,
            "series_instance_uid": self.series_instance_uid,
            "outcome": "read" if reading else "refused",
            "reason": self.refusal.reason if self.refusal else None,
            "detail": self.detail,
            "bundle": self.bundle,
            "series_probability": _digits(reading.series_probability) if reading else None,
            "positive": reading.positive if reading else None,
            "slices": [
                {
                    **name_of(slice_.image),
                    "position_mm": round(slice_.position_mm, 4),
                    "probability": _digits(slice_.probability),
                    "findings": [
                        {
                            "row": round(finding.row, 2),
                            "column": round(finding.column, 2),
                            "likelihood": round(finding.likelihood, 6),
                        }
                        for finding in slice_.findings
                    ],
                }
                for slice_ in (reading.slices if reading else ())
            ],
            "left_out": left_out_document(reading.left_out if reading else ()),
            "answer": self.answer.value,
            "missing": missing_document(reading.missing if reading else ()),
            "warnings": warnings_document(self.warnings),
        }

    def sentence(self) -> str:
        """One line for a terminal."""
        name = f"series {self.series_instance_uid or '(no SeriesInstanceUID)'}"
        if self.demonstration:
            name = f"{DEMONSTRATION_MODEL}: {name}"
        if self.reading is None:
            reason = self.refusal.reason if self.refusal else None
            return f"{name}: refused, {reason}: {self.detail}"
        marks = sum(len(slice_.findings) for slice_ in self.reading.slices)
        answer = SENTENCES[self.reading.answer]
        limit = self.reading.threshold
        score = rounded_beside(self.reading.series_probability, limit)
        missing = [missing.detail for missing in self.reading.missing]
        doubts = [warning.detail for warning in self.warnings if warning.kind != SAID_FIRST]
        said = [*doubts, self.detail] if self.detail else doubts
        tail = "".join(f"; {words}" for words in (*missing, *said))
        return (
            f"{name}: {answer}, highest slice score {percent_text(score)}, "
            f"threshold {percent_text(limit)}, "
            f"{counted(marks, 'mark')} in {counted(len(self.reading.slices), 'slice')}, "
            f"{len(self.reading.left_out)} left out{tail} ({RESEARCH_USE})"
        )


def left_out_document(left_out: Sequence[LeftOut]) -> list[dict[str, Any]]:
    """Which objects were not read, and why."""
    return [{**name_of(left.image), "kind": left.kind, "reason": left.reason} for left in left_out]


def missing_document(missing: Sequence[Missing]) -> list[dict[str, Any]]:
    """What of the head was not read."""
    return [
        {
            "part": each.part,
            "from_mm": each.from_mm,
            "to_mm": each.to_mm,
            "slices": each.slices,
            "instance_numbers": list(each.instance_numbers),
            "detail": each.detail,
        }
        for each in missing
    ]


def warnings_document(warnings: Sequence[SeriesWarning]) -> list[dict[str, str]]:
    return [{"kind": warning.kind, "detail": warning.detail} for warning in warnings]


def _digits(probability: float) -> float:
    """Six digits, as scripts compare them; never 0 or 1 (percent.py)."""
    return min(max(round(probability, 6), 1e-6), 1 - 1e-6)


def name_of(image: ImageId) -> dict[str, Any]:
    """The keys that name an image; frame_number only for a frame of a multi-frame object."""
    frame = {} if image.frame_number is None else {"frame_number": image.frame_number}
    return {"sop_instance_uid": image.sop_instance_uid, **frame}
