"""What the lists of series and studies are asked for: the fields of their forms, which stand in the
address of the page.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from ich_node.answer import Answer
from ich_node.errors import ConfigError
from ich_node.ledger import FoundJobs, JobSearch, JobState
from ich_node.ledger.searching import JobPlace
from ich_node.near import check_known
from ich_node.times import moment
from ich_node.web.numbers import number_of
from ich_node.web.site import Site

PLACE = "%Y%m%dT%H%M%S.%f"
STATES = {state.value.lower(): state for state in JobState}
OUTCOMES: dict[str, Answer | JobState] = {
    "present": Answer.PRESENT,
    "absent": Answer.ABSENT,
    "undetermined": Answer.UNDETERMINED,
    "refused": JobState.REFUSED,
}


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """The fields as the visitor has filled them in. older, newer: a place in the list."""

    since: str = ""
    until: str = ""
    source: str = ""
    study: str = ""
    states: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    owed: bool = False
    older: str = ""
    newer: str = ""

    @property
    def asks_something(self) -> bool:
        return bool(self._fields())

    def search(self, site: Site, *, now: datetime) -> JobSearch:
        """Raises ConfigError, which names the field and what was meant."""
        for name, given, known in (
            ("state", self.states, STATES),
            ("outcome", self.outcomes, OUTCOMES),
            ("source", (self.source,) if self.source else (), sources(site)),
        ):
            for each in given:
                check_known(each, list(known), what=name)
        since = moment(self.since, now=now, option="since") if self.since else None
        until = moment(self.until, now=now, option="until") if self.until else None
        if since and until and until <= since:
            raise ConfigError(f"until {self.until} is not after since {self.since}")
        return JobSearch(
            study_instance_uid=self.study or None,
            since=since,
            until=until,
            source=self.source or None,
            states=tuple(STATES[name] for name in self.states),
            outcomes=tuple(OUTCOMES[name] for name in self.outcomes),
            is_owed=self.owed,
            older_than=place_of(self.older) if self.older else None,
            newer_than=place_of(self.newer) if self.newer else None,
        )

    def query(self, **place: JobPlace) -> str:
        """What stands behind the ? of the page that begins at this place (older, newer)."""
        return urlencode([*self._fields(), *((name, place_text(at)) for name, at in place.items())])

    def _fields(self) -> list[tuple[str, str]]:
        texts = (
            ("since", self.since),
            ("until", self.until),
            ("source", self.source),
            ("study", self.study),
        )
        return [
            *((name, text) for name, text in texts if text),
            *(("state", name) for name in self.states),
            *(("outcome", name) for name in self.outcomes),
            *([("owed", "1")] if self.owed else []),
        ]


def filter_of(query: QueryParams) -> JobFilter:
    """Several states or outcomes are fields of their own, or one with commas."""

    def text(name: str) -> str:
        return query.get(name, "").strip()

    def texts(name: str) -> tuple[str, ...]:
        words = ",".join(query.getlist(name)).lower().replace(" ", "_").split(",")
        return tuple(dict.fromkeys(word for word in words if word))

    return JobFilter(
        since=text("since"),
        until=text("until"),
        source=text("source"),
        study=text("study"),
        states=texts("state"),
        outcomes=texts("outcome"),
        owed=text("owed") not in ("", "0"),
        older=text("older"),
        newer=text("newer"),
    )


def sources(site: Site) -> list[str]:
    """The names of all that have sent something, and of those that may."""
    configured = [each.name for each in site.config().sources]
    return sorted({*site.ledger.searching.sources(), *configured}, key=str.casefold)


def place_text(place: JobPlace) -> str:
    return f"{place.at.astimezone(UTC):{PLACE}}Z-{place.job_id}"


def place_of(text: str) -> JobPlace:
    """Raises ConfigError."""
    at, _, word = text.partition("Z-")
    number = number_of(word)
    try:
        if number is not None:
            return JobPlace(datetime.strptime(at, PLACE).replace(tzinfo=UTC), number)
    except ValueError:
        pass
    raise ConfigError(f"'{text}' is not a place in the list")


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The queries of the pages with older and newer jobs; empty if there are none."""

    older: str = ""
    newer: str = ""


def pages_beside(site: Site, asked: JobFilter, search: JobSearch, found: FoundJobs) -> Pages:
    if not found.jobs:
        return Pages()
    first, last = (
        JobPlace(job.first_received_at, job.id) for job in (found.jobs[0], found.jobs[-1])
    )
    is_first = search.older_than is None and search.newer_than is None
    before = replace(search, older_than=None, newer_than=first)
    has_newer = not is_first and site.ledger.searching.has_any(before)
    return Pages(
        older=asked.query(older=last) if found.left_out else "",
        newer=asked.query(newer=first) if has_newer else "",
    )
