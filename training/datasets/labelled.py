"""The result of every reader: labelled slices of labelled series, and what was skipped, with the
reason. No pixels.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ich_node.phantom import BLEED_KINDS

Source = Literal["rsna", "cq500", "bhx", "ct-ich", "ct-ich-8bit", "tissue", "labels", "phantom"]
CHRONIC = "chronic"  # a class of BHX; RSNA does not have it
KIND_OF = {  # as the data sets' columns spell the kinds, lower case
    "intraparenchymal": "IPH",
    "intraventricular": "IVH",
    "subarachnoid": "SAH",
    "subdural": "SDH",
    "epidural": "EDH",
    "chronic": CHRONIC,
}
KINDS = (*BLEED_KINDS, CHRONIC)
ANY_KIND = "ICH"  # of a box whose kind is not known


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """One bleed in one slice: edges in original pixels, half-open (row0 <= row < row1)."""

    kind: str
    row0: float
    column0: float
    row1: float
    column1: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledSlice:
    """One image. label: bleeding in this slice; None if the data set does not say. kinds: of
    bleeding in this slice, as far as they are known.

    patient_id: the data set's pseudonym. It is used to split by patient and for nothing else.
    """

    sop_instance_uid: str
    patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    path: Path
    label: bool | None
    kinds: frozenset[str] = frozenset()
    boxes: tuple[Box, ...] = ()

    @property
    def is_located(self) -> bool:
        """Whether its places are known: it does not bleed, or it has boxes."""
        return self.label is False or bool(self.boxes)


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledSeries:
    """The slices of one series, in no particular order: `load` orders them. label: bleeding in the
    study.
    """

    source: Source
    patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    slices: tuple[LabelledSlice, ...]
    label: bool | None
    kinds: frozenset[str] = frozenset()
    chosen_because: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Skip:
    """Something that is not used: a path, UID or patient pseudonym. Skips are counted by reason;
    detail has what is particular to this one. line: of the table, if a row is not used.
    """

    what: str
    reason: str
    detail: str = ""
    line: int | None = None

    @property
    def words(self) -> str:
        """For people, without the reason."""
        line = "" if self.line is None else f"line {self.line}: "
        return f"{line}{self.what}" + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a reader found in a folder. notes: sentences about the whole."""

    source: Source
    folder: Path
    series: tuple[LabelledSeries, ...]
    skipped: tuple[Skip, ...] = ()
    notes: tuple[str, ...] = ()

    def slices(self) -> Iterator[LabelledSlice]:
        for series in self.series:
            yield from series.slices

    def patients(self) -> frozenset[str]:
        return frozenset(series.patient_id for series in self.series)

    def counts(self) -> dict[str, int]:
        """The number of everything; a slice without a label counts in `slices` alone."""
        labels = Counter(slice_.label for slice_ in self.slices())
        return {
            "patients": len(self.patients()),
            "series": len(self.series),
            "positive_series": sum(series.label is True for series in self.series),
            "slices": labels.total(),
            "labelled_slices": labels[True] + labels[False],
            "positive_slices": labels[True],
            "boxes": sum(len(slice_.boxes) for slice_ in self.slices()),
            "skipped": len(self.skipped),
        }

    def kinds(self) -> dict[str, int]:
        """The number of slices of each kind, or of series if the data set labels no slices."""
        in_slices = Counter(kind for slice_ in self.slices() for kind in slice_.kinds)
        counts = in_slices or Counter(kind for series in self.series for kind in series.kinds)
        return {kind: counts[kind] for kind in KINDS if counts[kind]}

    def reasons(self, first: int = 5) -> dict[str, tuple[int, list[Skip]]]:
        """The number and the first few skips of each reason, the most frequent reason first."""
        counts = Counter(skip.reason for skip in self.skipped)
        examples: dict[str, list[Skip]] = {reason: [] for reason in counts}
        for skip in self.skipped:
            if len(examples[skip.reason]) < first:
                examples[skip.reason].append(skip)
        return {reason: (count, examples[reason]) for reason, count in counts.most_common()}


def series_label(labels: Iterable[bool | None]) -> bool | None:
    """Positive if any slice is; negative only if every slice is known to be negative."""
    known = set(labels)
    if True in known:
        return True
    return False if known == {False} else None
