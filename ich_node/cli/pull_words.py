"""What `ich-node pull` prints: a line a series, and in the end what became of all of them."""

import json
import textwrap
from collections import Counter
from typing import Any

import typer

from ich_node.pull.choice import Chosen, Decision
from ich_node.pull.fetch import Fetched, Outcome
from ich_node.pull.find import FoundAtSource

COLUMNS = 80
WHY_CHARACTERS = 24
DESCRIPTION_CHARACTERS = COLUMNS - 10 - 2 - 6 - 2 - WHY_CHARACTERS - 2
WORDS = {
    Outcome.PULLED: "pulled",
    Decision.HERE: "already here",
    Decision.LEFT_OUT: "left out",
    Outcome.FAILED: "failed",
    Outcome.LEFT: "still to pull",
}


class Account:
    """Prints while it goes, or one JSON document in the end."""

    def __init__(self, *, as_json: bool, is_dry_run: bool) -> None:
        self._as_json = as_json
        self._is_dry_run = is_dry_run
        self._has_heading = False
        self._chosen: list[Chosen] = []
        self._fetched: dict[str, Fetched] = {}

    def chosen(self, one: Chosen) -> None:
        self._chosen.append(one)
        if self._is_dry_run:
            self._line(one, one.why, one.images)

    def fetched(self, one: Fetched) -> None:
        self._fetched[one.chosen.series.uid] = one
        if one.outcome is Outcome.LEFT:
            return
        self._line(one.chosen, WORDS[one.outcome], one.objects)
        if one.detail:
            self._say(one.detail, indent="  ")

    def end(self, found: FoundAtSource) -> None:
        if self._as_json:
            typer.echo(json.dumps(self._document(found), ensure_ascii=False))
            return
        if not self._chosen and not found.nothing_for:
            self._say("the source has no CT series of what was asked")
        counts = self._counts()
        parts = [f"{words} {counts[kind]}" for kind, words in WORDS.items()]
        if self._is_dry_run:
            done = (Decision.HERE, Decision.LEFT_OUT)
            parts = [f"{WORDS[kind]} {counts[kind]}" for kind in done]
            parts.insert(0, f"to pull {counts[Decision.FETCH]}")
        elif not counts[Outcome.LEFT]:
            parts.pop()
        self._say(", ".join(parts))
        for sentence in self._remarks(found):
            self._say(sentence)

    def is_whole(self, found: FoundAtSource) -> bool:
        """Whether nothing failed, is left or is in doubt."""
        counts = self._counts()
        is_missing = counts[Outcome.FAILED] or counts[Outcome.LEFT]
        return not (is_missing or found.nothing_for or found.doubts)

    def _counts(self) -> Counter[str]:
        return Counter(
            [one.decision for one in self._chosen] + [one.outcome for one in self._fetched.values()]
        )

    def _remarks(self, found: FoundAtSource) -> list[str]:
        left_out = Counter(one.why for one in self._chosen if one.decision is Decision.LEFT_OUT)
        remarks = []
        if left_out:
            reasons = [f"{count} {why}" for why, count in sorted(left_out.items())]
            remarks.append(f"left out: {', '.join(reasons)}")
        remarks += sorted(
            {one.detail for one in self._fetched.values() if one.outcome is Outcome.LEFT}
        )
        if found.nothing_for:
            names = ", ".join(one.words for one in found.nothing_for)
            remarks.append(f"the source has no CT study for: {names}")
        remarks += [f"may not be all: {doubt}" for doubt in found.doubts]
        if found.strangers:
            remarks.append(
                f"{found.strangers} answers of the source did not fit the question and were ignored"
            )
        return remarks

    def _line(self, one: Chosen, what: str, images: int | None) -> None:
        if self._as_json:
            return
        if not self._has_heading:
            self._has_heading = True
            heading = "why" if self._is_dry_run else "result"
            typer.echo(f"{'date':10}  {'images':>6}  {heading:{WHY_CHARACTERS}}  series")
        day = one.series.study.date
        columns = (
            f"{day.isoformat() if day else '-':10}",
            f"{'-' if images is None else images:>6}",
            f"{_short(what, WHY_CHARACTERS):{WHY_CHARACTERS}}",
            _short(one.series.description, DESCRIPTION_CHARACTERS),
        )
        typer.echo("  ".join(columns).rstrip())

    def _say(self, sentence: str, indent: str = "") -> None:
        if self._as_json:
            return
        typer.echo(
            textwrap.fill(
                sentence,
                COLUMNS,
                initial_indent=indent,
                subsequent_indent=indent + "  ",
                break_on_hyphens=False,
            )
        )

    def _document(self, found: FoundAtSource) -> dict[str, Any]:
        counts = self._counts()
        names: dict[str, str] = {kind: kind.value for kind in WORDS}
        if self._is_dry_run:
            names[Decision.FETCH] = "to_pull"
        return {
            "series": [self._as_document(one) for one in self._chosen],
            "counts": {name: counts[kind] for kind, name in names.items()},
            "remarks": self._remarks(found),
        }

    def _as_document(self, one: Chosen) -> dict[str, Any]:
        day, fetched = one.series.study.date, self._fetched.get(one.series.uid)
        return {
            "study_instance_uid": one.series.study.uid,
            "series_instance_uid": one.series.uid,
            "study_date": day.isoformat() if day else None,
            "series_description": one.series.description,
            "images": one.images,
            "here": one.here.objects if one.here else 0,
            "job": one.here.job_id if one.here else None,
            "decision": one.decision,
            "why": one.why,
            "outcome": fetched.outcome if fetched else None,
            "detail": fetched.detail if fetched else "",
        }


def _short(text: str, characters: int) -> str:
    """In one line, without anything that a terminal would take for a command."""
    shown = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return shown if len(shown) <= characters else shown[: characters - 1] + "…"
