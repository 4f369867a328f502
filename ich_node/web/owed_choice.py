"""Which deliveries a visitor of the page Owed means: by a filter, or line by line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from ich_node.errors import ConfigError
from ich_node.ledger import DeliveryState
from ich_node.ledger.operator_deliveries import UNSETTLED, DeliveryChoice
from ich_node.times import moment
from ich_node.web.numbers import number_of

FAILED, PENDING = "failed", "pending"


@dataclass(frozen=True, kw_only=True)
class OwedFilter:
    """What the fields of the page say: "" asks nothing. older: owed for longer than, e.g. 2h."""

    destination: str = ""
    state: str = ""
    older: str = ""

    @property
    def query(self) -> str:
        given = {"destination": self.destination, "state": self.state, "older": self.older}
        return urlencode({name: value for name, value in given.items() if value})

    def choice(
        self, now: datetime, states: tuple[DeliveryState, ...] = UNSETTLED
    ) -> DeliveryChoice:
        """Of these states those that the filter asks for. Raises ConfigError."""
        if self.state:
            is_failed = self.state == FAILED
            states = tuple(each for each in states if (each is DeliveryState.FAILED) == is_failed)
        return DeliveryChoice(
            destination=self.destination or None,
            states=states,
            older_than=moment(self.older, now=now, option="older") if self.older else None,
        )


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one destination is owed of one job, in one state; `key` is the value of its box."""

    job_id: int
    state: DeliveryState
    destination: str

    @property
    def key(self) -> str:
        return f"{self.job_id} {self.state.value} {self.destination}"


def filter_of(fields: Mapping[str, Any]) -> OwedFilter:
    """Of an address or a form."""
    state = str(fields.get("state", ""))
    return OwedFilter(
        destination=str(fields.get("destination", "")).replace("\0", ""),
        state=state if state in (FAILED, PENDING) else "",
        older=str(fields.get("older", "")).strip(),
    )


def line_of(key: str) -> Line | None:
    """None if it is not the key of a line."""
    word, _, rest = key.partition(" ")
    state, _, destination = rest.partition(" ")
    number = number_of(word)
    if number is None or state not in DeliveryState.__members__ or not destination:
        return None
    return Line(job_id=number, state=DeliveryState(state), destination=destination)


def choices_of(keys: list[str], states: tuple[DeliveryState, ...]) -> Iterator[DeliveryChoice]:
    """The chosen lines: one choice for each destination and state, of these states."""
    jobs: dict[tuple[str, DeliveryState], list[int]] = {}
    for line in filter(None, map(line_of, keys)):
        if line.state in states:
            jobs.setdefault((line.destination, line.state), []).append(line.job_id)
    for (destination, state), job_ids in jobs.items():
        yield DeliveryChoice(job_ids=job_ids, destination=destination, states=(state,))


def job_number(word: str) -> int:
    """Raises ConfigError."""
    number = number_of(word.strip())
    if number is None:
        raise ConfigError(f"'{word.strip()}' is not the number of a job")
    return number
