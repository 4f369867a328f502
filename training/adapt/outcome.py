"""What the adaptation changes: on left-out studies without bleeding, and on bleeds; and whether a
bundle may be written.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ich_node.scoring.operating_point import Share
from training.adapt.sensitivity import Sensitivity, falls


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a bundle says about a study. points: the marks that are shown."""

    probability: float
    positive: bool
    points: int


@dataclass(frozen=True, kw_only=True)
class ReadTwice:
    """A left-out study without bleeding, by the bundle before and after."""

    study_uid: str
    before: Shown
    after: Shown


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """sets: bleeds by where they are from, e.g. drawn into left-out studies. threshold: None if
    none keeps the sensitivity; why_threshold: how it was chosen, or why there is none.
    """

    negatives: tuple[ReadTwice, ...]
    sets: tuple[Sensitivity, ...]
    threshold_before: float
    threshold: float | None
    why_threshold: str

    @property
    def false_before(self) -> Share:
        """Studies without bleeding that are called positive."""
        return _false([each.before for each in self.negatives])

    @property
    def false_after(self) -> Share:
        return _false([each.after for each in self.negatives])

    @property
    def points_before(self) -> float:
        """False points a study."""
        return _points([each.before for each in self.negatives])

    @property
    def points_after(self) -> float:
        return _points([each.after for each in self.negatives])

    def objections(self) -> list[str]:
        """Sentences that say why no bundle may be written; none if it may.

        It may if the sensitivity does not fall too far (sensitivity.falls) and no more left-out
        studies without bleeding are called positive than before.
        """
        if self.threshold is None:
            return [self.why_threshold]
        sentences = falls(self.sets)
        before, after = self.false_before, self.false_after
        if after.right > before.right:
            sentences.append(
                f"left-out studies without bleeding: {after.right} of {after.total} are called"
                f" positive instead of {before.right}"
            )
        return sentences

    @property
    def gains(self) -> bool:
        """Whether the left-out studies show fewer false calls or points than before."""
        return (
            self.false_after.right < self.false_before.right
            or self.points_after < self.points_before
        )


def _false(shown: Sequence[Shown]) -> Share:
    return Share(right=sum(each.positive for each in shown), total=len(shown))


def _points(shown: Sequence[Shown]) -> float:
    return sum(each.points for each in shown) / max(1, len(shown))
