"""The same bleeds read by the bundle before and after: how many of them each finds."""

from collections.abc import Sequence
from dataclasses import dataclass

from ich_node.scoring.operating_point import Share
from ich_node.scoring.paired import PairedTable, paired_table

MOST_FALL = 2  # percentage points
SHOWN_BY_CHANCE = 0.05  # McNemar's exact test: less is no chance


@dataclass(frozen=True, kw_only=True)
class Found:
    """Of one bleed: what it is and whether each of both bundles finds it."""

    groups: tuple[str, ...]  # its kind and its size, or what else it is counted by
    before: bool
    after: bool


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """One set of bleeds, e.g. those drawn into left-out studies."""

    name: str
    bleeds: tuple[Found, ...]

    @property
    def before(self) -> Share:
        return Share(right=sum(bleed.before for bleed in self.bleeds), total=len(self.bleeds))

    @property
    def after(self) -> Share:
        return Share(right=sum(bleed.after for bleed in self.bleeds), total=len(self.bleeds))

    @property
    def table(self) -> PairedTable:
        """a: before, b: after."""
        return paired_table((bleed.before, bleed.after) for bleed in self.bleeds)

    @property
    def falls_too_far(self) -> bool:
        """By more than MOST_FALL points. The numbers are compared as they are: whoever wants to
        write a bundle has to show that it finds as much.
        """
        lost = self.before.right - self.after.right
        return 100 * lost > MOST_FALL * len(self.bleeds)

    @property
    def is_worse(self) -> bool:
        """Falls by more than MOST_FALL points, and not by chance: of a group, which is small, the
        fall alone says little.
        """
        table = self.table
        return (
            self.falls_too_far and table.only_a > table.only_b and table.mcnemar_p < SHOWN_BY_CHANCE
        )

    def groups(self) -> list["Sensitivity"]:
        """By kind and by size, in the order in which they first appear, sorted by name."""
        names = sorted({group for bleed in self.bleeds for group in bleed.groups})
        return [
            Sensitivity(
                name=f"{self.name}, {name}",
                bleeds=tuple(bleed for bleed in self.bleeds if name in bleed.groups),
            )
            for name in names
        ]


def falls(sets: Sequence[Sensitivity]) -> list[str]:
    """A sentence for each fall that keeps a bundle from being written; none if there is none.

    Of a whole set (drawn bleeds, phantoms, positives of the site) a fall of more than MOST_FALL
    points is one. Of a group within it (a kind, a size), whose number is small, it must be beyond
    chance, too.
    """
    sentences = []
    for whole in sets:
        if whole.falls_too_far:
            sentences.append(_sentence(whole))
        else:
            sentences += [_sentence(group) for group in whole.groups() if group.is_worse]
    return sentences


def _sentence(fallen: Sensitivity) -> str:
    before, after = fallen.before, fallen.after
    return (
        f"{fallen.name}: {after.right} of {after.total} are found instead of {before.right},"
        f" a fall of {100 * (before.value - after.value):.1f} points"
    )
