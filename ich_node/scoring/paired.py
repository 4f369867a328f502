"""Two models on the same series."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ich_node.scoring.counts import share
from ich_node.scoring.operating_point import Share


@dataclass(frozen=True, kw_only=True)
class PairedTable:
    """How many series both call positive, only the one, only the other, neither."""

    both: int
    only_a: int
    only_b: int
    neither: int

    @property
    def total(self) -> int:
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def agreement(self) -> Share:
        return Share(right=self.both + self.neither, total=self.total)

    @property
    def kappa(self) -> float:
        """Cohen's: 1 if they always agree, 0 if they agree as often as by chance; nan if both
        always say the same one thing.
        """
        positive_a, positive_b = self.both + self.only_a, self.both + self.only_b
        by_chance = positive_a * positive_b + (self.total - positive_a) * (self.total - positive_b)
        expected = share(by_chance, self.total**2)
        if not self.total or expected == 1:
            return float("nan")
        return (self.agreement.value - expected) / (1 - expected)

    @property
    def mcnemar_p(self) -> float:
        """The exact test of McNemar: how probable a difference in how often they are positive is
        that is at least this large, if there is none.
        """
        differ, fewer = self.only_a + self.only_b, min(self.only_a, self.only_b)
        ways = sum(math.comb(differ, count) for count in range(fewer + 1))
        return min(1.0, ways / 2 ** (differ - 1)) if differ else 1.0


def paired_table(positive: Iterable[tuple[bool, bool]]) -> PairedTable:
    """Of each series: whether a, and whether b, calls it positive."""
    pairs = list(positive)
    return PairedTable(
        both=pairs.count((True, True)),
        only_a=pairs.count((True, False)),
        only_b=pairs.count((False, True)),
        neither=pairs.count((False, False)),
    )
