"""Choosing the series of a study that is read: axial, soft kernel, without contrast, the thickness
nearest to 5 mm, the largest coverage; with the reasons.

The rules are those of the node (`series.selection`): a series that it would refuse is not chosen.
"""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ich_node.dicom.unreadable import PARSING_ERRORS
from ich_node.errors import Refusal
from ich_node.series.placed import Placed
from ich_node.series.selection import Selection, select
from training.datasets.images import Image, ImageSeries, headers
from training.datasets.labelled import Skip

NOMINAL_MM = 5.0  # the slice thickness that the network was trained for


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A series that the node would read. rank: smaller is better."""

    series: ImageSeries
    usable: tuple[Image, ...]
    boxed: int
    hint: str
    thickness_mm: float
    coverage_mm: float

    @property
    def rank(self) -> tuple[bool, bool, float, float, str]:
        """A boxed series comes first, since its boxes fit no other series. The UID breaks ties, so
        that the order of the files does not matter.
        """
        away_mm = abs(self.thickness_mm - NOMINAL_MM)
        return (
            self.boxed == 0,
            bool(self.hint),
            round(away_mm, 2),
            -round(self.coverage_mm),
            self.series.series_instance_uid,
        )

    def description(self) -> str:
        boxed = f"{self.boxed} boxed slices, " if self.boxed else ""
        hint = f", its description hints at contrast ({self.hint})" if self.hint else ""
        return (
            f"{boxed}{self.thickness_mm:g} mm thick, {len(self.usable)} slices over "
            f"{self.coverage_mm:.0f} mm{hint}"
        )


def choose_series(
    groups: Sequence[ImageSeries], boxed: Callable[[ImageSeries], int] = lambda _: 0
) -> tuple[list[Candidate], list[Skip]]:
    """The best series of each study, and why every other series is left out. boxed: the number of
    slices of a series that have boxes.
    """
    studies: dict[tuple[str, str], list[ImageSeries]] = defaultdict(list)
    for group in groups:
        studies[group.patient_id, group.study_instance_uid].append(group)
    chosen: list[Candidate] = []
    skipped: list[Skip] = []
    for of_study in studies.values():
        candidates: list[Candidate] = []
        for group in of_study:
            candidate = candidate_of(group, boxed(group))
            if isinstance(candidate, Skip):
                skipped.append(candidate)
            else:
                candidates.append(candidate)
        candidates.sort(key=lambda candidate: candidate.rank)
        chosen += candidates[:1]
        skipped += [_worse(candidate, candidates[0]) for candidate in candidates[1:]]
    return chosen, skipped


def left_out(candidates: Sequence[Candidate]) -> list[Skip]:
    """The images of chosen series that are not used: localizers, second images of a position."""
    skipped = []
    for candidate in candidates:
        usable = {image.sop_instance_uid for image in candidate.usable}
        skipped += [
            Skip(
                what=str(image.path),
                reason="left out of its series (localizer, or a second image of one position)",
            )
            for image in candidate.series.images
            if image.sop_instance_uid not in usable
        ]
    return skipped


def candidate_of(group: ImageSeries, boxed: int = 0) -> Candidate | Skip:
    """The series as the node would read it, or why it would not."""
    try:
        selection = select(headers(group.images), single_slice=True)
        thickness_mm = _thickness_mm(selection.stacks[0])
    except Refusal as refusal:
        return Skip(
            what=group.series_instance_uid,
            reason=f"a series not to be read: {refusal.reason}",
            detail=refusal.detail,
        )
    except PARSING_ERRORS as error:
        return Skip(
            what=group.series_instance_uid, reason="a series with a damaged file", detail=str(error)
        )
    kept = {item.sop_instance_uid for item in selection.stacks[0]}
    return Candidate(
        series=group,
        usable=tuple(image for image in group.images if image.sop_instance_uid in kept),
        boxed=boxed,
        hint=selection.words.contrast.text,
        thickness_mm=thickness_mm,
        coverage_mm=_coverage_mm(selection),
    )


def _coverage_mm(selection: Selection) -> float:
    stack = selection.stacks[0]
    return stack[-1].position_mm - stack[0].position_mm


def _thickness_mm(kept: Sequence[Placed]) -> float:
    """Median SliceThickness; where it is missing, the median distance of the slices
    (SpacingBetweenSlices is wrong in CQ500). 0: not known.
    """
    stated = [
        float(item.dataset.SliceThickness) for item in kept if item.dataset.get("SliceThickness")
    ]
    if stated:
        return statistics.median(stated)
    steps = [after.position_mm - before.position_mm for before, after in pairwise(kept)]
    return statistics.median(steps) if steps else 0.0


def _worse(candidate: Candidate, best: Candidate) -> Skip:
    return Skip(
        what=candidate.series.series_instance_uid,
        reason="another series of the study is better",
        detail=f"{candidate.description()}; "
        f"chosen: {best.series.series_instance_uid}, {best.description()}",
    )
