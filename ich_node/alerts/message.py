"""What somebody is told: the incidents of some news as a title and a text. All words stand in the
templates, and in health/words.toml.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any

import jinja2

from ich_node.alerts.channels import AlertMessage
from ich_node.health import TroubleKind
from ich_node.health.in_words import InWords, in_words
from ich_node.ledger.incidents import Incident
from ich_node.ledger.notices import News

MOST_LISTED = 5  # of a kind; the others are counted
MOST_IN_TITLE = 90  # characters of a sentence
MANY = "more"  # the fact of a trouble that stands for so many series that are not listed
ORDER = {str(kind): number for number, kind in enumerate(TroubleKind)}
TROUBLES, TEST = "alert.troubles", "alert.test"  # the type of a message, for machines


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Of a message. site: the address of the site; "": it does not run."""

    host: str
    site: str


@dataclass(frozen=True, kw_only=True)
class Alike:
    """Incidents of one kind: those that are listed, and how many are not."""

    listed: Sequence[InWords]
    left: int


def message_of(news: News, origin: Origin, *, now: datetime) -> AlertMessage:
    """The most urgent first."""
    groups = {
        name: [in_words(each) for each in sorted(getattr(news, name), key=_urgency)]
        for name in ("begun", "ended", "passed", "still")
    }
    ids = {name: sorted(each.incident.id for each in told) for name, told in groups.items()}
    heard = f"{origin.host} {ids['begun']} {ids['ended']} {ids['passed']}"
    return AlertMessage(
        key=f"msg_alert_{hashlib.sha256(heard.encode()).hexdigest()[:32]}",
        kind=TROUBLES,
        at=now,
        title=_rendered("title.jinja", origin=origin, **groups).strip(),
        text=_rendered(
            "text.jinja",
            origin=origin,
            **{name: list(_alike(told)) for name, told in groups.items()},
        ),
        facts={
            "host": origin.host,
            "site": origin.site,
            **{name: [each.facts for each in told] for name, told in groups.items()},
        },
    )


def trial_message(origin: Origin, *, now: datetime, key: str) -> AlertMessage:
    """Says that it is one. key: another one for each, since each is to arrive."""
    return AlertMessage(
        key=f"msg_alert_test_{key}",
        kind=TEST,
        at=now,
        title=_rendered("trial_title.jinja", origin=origin).strip(),
        text=_rendered("trial_text.jinja", origin=origin),
        facts={"host": origin.host, "site": origin.site},
    )


def _urgency(incident: Incident) -> tuple[int, bool, datetime]:
    """One that stands for many others comes after those."""
    return ORDER.get(incident.kind, len(ORDER)), MANY in incident.facts, incident.began_at


def _alike(told: Sequence[InWords]) -> Iterator[Alike]:
    def kind(each: InWords) -> tuple[str, bool]:
        return each.incident.kind, MANY in each.incident.facts

    for _, group in groupby(told, key=kind):
        alike = list(group)
        yield Alike(listed=alike[:MOST_LISTED], left=max(0, len(alike) - MOST_LISTED))


def _count(told: Sequence[InWords]) -> int:
    """Of what they stand for."""
    return sum(each.incident.facts.get(MANY, 1) for each in told)


def _rendered(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    """For plain text: nothing is escaped. Undefined names are errors."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("ich_node.alerts", ""),
        autoescape=False,  # noqa: S701  # no HTML
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_null_translations(newstyle=True)  # type: ignore[attr-defined]  # of the extension
    made.filters.update(local=_local, headline=_headline, total=_count)
    return made


def _local(at: datetime) -> str:
    """In the time zone of this host, which it names."""
    return f"{at.astimezone():%Y-%m-%d %H:%M %Z}"


def _headline(sentence: str) -> str:
    """On one line, short, without its full stop."""
    text = " ".join(sentence.split()).rstrip(".")
    return text if len(text) <= MOST_IN_TITLE else f"{text[: MOST_IN_TITLE - 1].rstrip()}…"
