"""The story of a job in few lines: what is one thing for people is many rows in the ledger."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ich_node.ledger.journal import counted_objects
from ich_node.ledger.rows import Delivery, JobEvent
from ich_node.ledger.states import DeliveryState

DELIVERED = re.compile(r"(?P<objects>\d+) objects?, (?P<where>.*)", re.DOTALL)


def joined(events: Iterable[JobEvent]) -> list[JobEvent]:
    """What a destination took one after the other is one event, with the time of the last."""
    told: list[JobEvent] = []
    taken: dict[str, tuple[int, int]] = {}  # index in `told`, objects
    for event in events:
        counted = DELIVERED.fullmatch(event.detail) if event.event == "delivered" else None
        if counted is None:
            taken.clear()
            told.append(event)
            continue
        at, objects = taken.get(counted["where"], (len(told), 0))
        objects += int(counted["objects"])
        taken[counted["where"]] = at, objects
        detail = f"{counted_objects(objects)}, {counted['where']}"
        told[at : at + 1] = [JobEvent(at=event.at, event=event.event, detail=detail)]
    return told


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What the same happened to: the results of a job that one destination is owed, or got. kinds:
    "sr", "overlay", ...; next_at: of the first one's next try; sent_at: when the last one arrived.
    """

    destination: str
    state: DeliveryState
    attempts: int
    detail: str | None
    kinds: tuple[str, ...]
    next_at: datetime
    sent_at: datetime | None


def fates(deliveries: Sequence[Delivery]) -> list[Fate]:
    """In the order of the deliveries."""
    alike: dict[tuple[str, DeliveryState, int, str | None], list[Delivery]] = {}
    for each in deliveries:
        key = each.destination, each.state, each.attempts, each.detail
        alike.setdefault(key, []).append(each)
    return [
        Fate(
            destination=destination,
            state=state,
            attempts=attempts,
            detail=detail,
            kinds=tuple(each.kind for each in some),
            next_at=min(each.next_at for each in some),
            sent_at=max((each.sent_at for each in some if each.sent_at), default=None),
        )
        for (destination, state, attempts, detail), some in alike.items()
    ]
