"""The answers for probes: whether the node lives, and whether it does its work. Parts by name, each
with a few words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ich_node.config.config import Config
from ich_node.errors import Unavailable
from ich_node.health.amounts import size, span
from ich_node.health.disks import disks
from ich_node.health.services import SERVICES, ServiceHealth, is_alive, services
from ich_node.ledger import Ledger
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.ledger.pauses import TO


@dataclass(frozen=True, kw_only=True)
class Check:
    part: str
    is_ok: bool
    words: str


def is_healthy(ledger: Ledger, config: Config, now: datetime) -> list[Check]:
    """The ledger answers, the processes live, objects have room."""
    try:
        found = services(ledger, now)
    except Unavailable as error:
        return [Check(part="ledger", is_ok=False, words=error.detail), *_room(config)]
    return [
        Check(part="ledger", is_ok=True, words="answers"),
        *(_alive(each, now) for each in found if each.service in SERVICES),
        *_room(config),
    ]


def is_ready(ledger: Ledger, config: Config, now: datetime) -> list[Check]:
    """Modalities may send, a model is loaded, the destinations answer."""
    try:
        return list(_ready(ledger, config, now))
    except Unavailable as error:
        return [Check(part="ledger", is_ok=False, words=error.detail)]


def ready_process(
    ledger: Ledger, service: str, host: str, now: datetime
) -> tuple[bool, Heartbeat | None]:
    """Whether a process of the service on this host does its work, and the one that says so, or
    else the newest. Raises Unavailable.
    """
    here = [
        each for each in ledger.heartbeats.all() if (each.service, each.host) == (service, host)
    ]
    ready = [each for each in here if each.is_ready and is_alive(each, now)]
    newest = sorted(here, key=lambda each: each.beat_at, reverse=True)
    return bool(ready), next(iter([*ready, *newest]), None)


def _ready(ledger: Ledger, config: Config, now: datetime) -> Iterator[Check]:
    by_name = {each.service: each for each in services(ledger, now)}
    facts = {name: _facts(by_name[name], now) for name in ("receive", "analyse")}
    receive, analyse = by_name["receive"], by_name["analyse"]
    yield Check(
        part="receive",
        is_ok=receive.is_ready,
        words="accepts associations"
        if receive.is_ready
        else "takes nothing new: the node is drained"
        if receive.is_up and facts["receive"].get("is_accepting") is False
        else "does not listen",
    )
    yield Check(
        part="analyse",
        is_ok=analyse.is_ready,
        words=f"model {facts['analyse']['bundle']}, {facts['analyse']['engine']}"
        if analyse.is_ready
        else "no model is loaded",
    )
    send = by_name["send"]
    yield Check(part="send", is_ok=send.is_ready, words="delivers" if send.is_ready else "is down")
    paused = {pause.target.removeprefix(TO) for pause in ledger.pauses.in_force(now)}
    states = {each.destination: each for each in ledger.destination_states.all()}
    for destination in config.destinations:
        part = f"destination {destination.name}"
        state = states.get(destination.name)
        if destination.name in paused:
            yield Check(part=part, is_ok=True, words="is paused")
        elif state is None:
            yield Check(part=part, is_ok=False, words="was not asked yet")
        else:
            yield Check(part=part, is_ok=state.is_up, words=state.detail)


def _facts(service: ServiceHealth, now: datetime) -> dict[str, Any]:
    """Of a process that is ready, or else of one that lives."""
    living: Sequence[Heartbeat] = sorted(
        (each for each in service.processes if is_alive(each, now)),
        key=lambda each: not each.is_ready,
    )
    return dict(living[0].facts) if living else {}


def _alive(service: ServiceHealth, now: datetime) -> Check:
    if service.last_seen is None:
        words = "was never seen"
    else:
        ago = span(max(0.0, (now - service.last_seen).total_seconds()))
        words = f"heartbeat {ago} ago" if service.is_up else f"no heartbeat for {ago}"
    return Check(part=service.service, is_ok=service.is_up, words=words)


def _room(config: Config) -> Iterator[Check]:
    for disk in disks(config):
        yield Check(
            part=f"disk of the {disk.holds}",
            is_ok=not disk.refuses,
            words=f"{size(disk.free_bytes)} free, {disk.used_percent:.0f} % used",
        )
