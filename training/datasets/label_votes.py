"""What the rows about one series say together: several readers, about the whole and about slices.

Of each thing the majority of the readers counts who know. A reader whose word about the series was
overruled does not count for its slices, since of a head without bleeding he calls every slice
negative.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from training.datasets.label_places import Place
from training.datasets.label_table import LabelLine
from training.datasets.labelled import Box, Skip

TIE = "readers who disagree"
SELF_CONTRADICTION = "rows that contradict each other"

Image = tuple[str, int | None]  # SOPInstanceUID and frame


@dataclass(frozen=True, kw_only=True)
class Said:
    """Of one slice, or of a series."""

    label: bool | None
    kinds: frozenset[str] = frozenset()
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SeriesLabels:
    """whole: of the series. slices: of those that have rows. disputed: the slices about which the
    rows contradict each other. is_usable False: they do about the series.
    """

    whole: Said
    slices: dict[Image, Said]
    disputed: frozenset[Image] = frozenset()
    skipped: tuple[Skip, ...]
    is_usable: bool

    def of_slice(self, sop_instance_uid: str, frame: int | None) -> Said:
        """Of a head without bleeding every slice is negative, unless its rows say otherwise."""
        said = self.slices.get((sop_instance_uid, frame), Said(label=None))
        is_open = said.label is None and (sop_instance_uid, frame) not in self.disputed
        return Said(label=False) if is_open and self.whole.label is False else said


@dataclass(frozen=True, kw_only=True)
class _Vote:
    said: bool | None
    losers: frozenset[str] = frozenset()
    reason: str = ""
    detail: str = ""


def labels_of(rows: Sequence[tuple[LabelLine, Place]]) -> SeriesLabels:
    """rows: all that fit one series."""
    about_series = [line for line, place in rows if place.image is None]
    about_slices: dict[Image, list[LabelLine]] = defaultdict(list)
    for line, place in rows:
        if place.image is not None:
            about_slices[place.image.sop_instance_uid, place.frame].append(line)
    vote = _vote(about_series)
    if vote.reason:
        return _unusable(_skip(about_series[0], vote.reason, vote.detail))
    slices: dict[Image, Said] = {}
    skipped: list[Skip] = []
    disputed: set[Image] = set()
    for image, lines in about_slices.items():
        heard = [line for line in lines if line.who not in vote.losers]
        of_slice = _vote(heard)
        if of_slice.reason:
            disputed.add(image)
            skipped.append(_skip(heard[0], of_slice.reason, of_slice.detail))
        slices[image] = _said(of_slice, heard)
    bleeding = next((image for image, said in slices.items() if said.label), None)
    if vote.said is False and bleeding:
        line = next(line for line in about_slices[bleeding] if line.bleeding)
        words = f"line {about_series[0].line} says that the series does not bleed"
        return _unusable(*skipped, _skip(line, SELF_CONTRADICTION, words))
    heard = [line for line in about_series if line.who not in vote.losers]
    whole = _said(vote, heard)
    kinds = whole.kinds.union(*(said.kinds for said in slices.values()))
    return SeriesLabels(
        whole=Said(label=whole.label, kinds=kinds),
        slices=slices,
        disputed=frozenset(disputed),
        skipped=tuple(skipped),
        is_usable=True,
    )


def _unusable(*skipped: Skip) -> SeriesLabels:
    return SeriesLabels(whole=Said(label=None), slices={}, skipped=skipped, is_usable=False)


def _vote(lines: Sequence[LabelLine]) -> _Vote:
    said: dict[str, dict[bool, int]] = defaultdict(dict)  # who -> what -> line
    for line in lines:
        if line.bleeding is not None:
            said[line.who].setdefault(line.bleeding, line.line)
    for who, answers in said.items():
        if len(answers) > 1:
            of_whom = f" of {who}" if who else ""
            words = f"line {answers[True]}{of_whom} says yes, line {answers[False]} no"
            return _Vote(said=None, reason=SELF_CONTRADICTION, detail=words)
    yes = {who: answers[True] for who, answers in said.items() if True in answers}
    no = {who: answers[False] for who, answers in said.items() if False in answers}
    if yes and len(yes) == len(no):
        words = f"yes: {_named(yes)}; no: {_named(no)}"
        return _Vote(said=None, reason=TIE, detail=words)
    if not said:
        return _Vote(said=None)
    if len(yes) > len(no):
        return _Vote(said=True, losers=frozenset(no))
    return _Vote(said=False, losers=frozenset(yes))


def _said(vote: _Vote, lines: Sequence[LabelLine]) -> Said:
    """The boxes are those of one reader: two readers draw one bleed twice."""
    if not vote.said:
        return Said(label=vote.said)
    positive = [line for line in lines if line.bleeding]
    boxed = [line for line in positive if line.box]
    boxes = dict.fromkeys(line.box for line in boxed if line.box and line.who == boxed[0].who)
    return Said(
        label=True,
        kinds=frozenset().union(*(line.kinds for line in positive)),
        boxes=tuple(boxes),
    )


def _skip(line: LabelLine, reason: str, detail: str) -> Skip:
    return Skip(what=line.what, reason=reason, detail=detail, line=line.line)


def _named(readers: dict[str, int]) -> str:
    return ", ".join(f"{who or 'no name'} (line {line})" for who, line in readers.items())
