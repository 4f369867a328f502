"""What two models say about the series that both have read."""

from collections.abc import Mapping, Sequence
from typing import Literal

from ich_node.answer import Answer
from ich_node.ledger import PairedAnswers
from ich_node.scoring.operating_point import Share
from ich_node.scoring.paired import PairedTable, paired_table

Kind = Literal["sensitivity", "specificity"]
KINDS: tuple[tuple[Kind, bool], ...] = (("sensitivity", True), ("specificity", False))


def table_of(pairs: Sequence[PairedAnswers]) -> PairedTable:
    return paired_table(positive(pair) for pair in pairs)


def positive(pair: PairedAnswers) -> tuple[bool, bool]:
    """Whether A and B call the series positive; undetermined is not positive."""
    return pair.a.answer is Answer.PRESENT, pair.b.answer is Answer.PRESENT


def only(pairs: Sequence[PairedAnswers], *, a: bool) -> list[PairedAnswers]:
    """Those that only the one calls positive."""
    return [pair for pair in pairs if positive(pair) == (a, not a)]


def undetermined(pairs: Sequence[PairedAnswers]) -> int:
    """By one of them."""
    return sum(Answer.UNDETERMINED in (pair.a.answer, pair.b.answer) for pair in pairs)


def labelled(pairs: Sequence[PairedAnswers]) -> list[PairedAnswers]:
    """Those about which a reader said whether they bleed."""
    return [pair for pair in pairs if pair.bleeding is not None]


def against_verdicts(pairs: Sequence[PairedAnswers]) -> Mapping[str, Mapping[Kind, Share]]:
    """Of "A" and "B" among the labelled ones."""
    found: dict[str, dict[Kind, Share]] = {}
    for number, name in enumerate("AB"):
        found[name] = {}
        for kind, bleeding in KINDS:
            said = [positive(pair)[number] for pair in pairs if pair.bleeding is bleeding]
            found[name][kind] = Share(right=said.count(bleeding), total=len(said))
    return found
