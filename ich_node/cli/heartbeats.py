"""What each service says of itself in its heartbeat."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ich_node.cli.who import who

if TYPE_CHECKING:
    from datetime import datetime

    from ich_node.analyse.loop import Analyser
    from ich_node.config.config import Config
    from ich_node.health.heartbeat import Condition, Loop
    from ich_node.ledger import Ledger
    from ich_node.ledger.counts import Tally
    from ich_node.receive import Listener


@contextmanager
def heartbeat(
    ledger: "Ledger",
    service: str,
    counts: "Tally",
    loops: "Sequence[Loop]",
    condition: "Callable[[], Condition]",
    *,
    clock: "Callable[[], datetime]",
) -> Iterator[None]:
    """The service lives for as long as the block lasts and its loops turn. Its start and its end
    are events of the journal; a process that is killed has no end there.
    """
    from ich_node.health.heartbeat import HeartbeatThread
    from ich_node.ledger.audit import START, STOP
    from ich_node.processes.beat_file import BeatFolder

    thread = HeartbeatThread(
        ledger=ledger,
        service=service,
        counts=counts,
        loops=loops,
        condition=condition,
        clock=clock,
        beats=BeatFolder.of_environment(),
    )
    with thread.beating():
        _note(ledger, START, service, clock())
        try:
            yield
        finally:
            _note(ledger, STOP, service, clock())


def _note(ledger: "Ledger", action: str, service: str, at: "datetime") -> None:
    """A journal that cannot be written stops no service."""
    import structlog

    from ich_node.errors import Unavailable

    try:
        ledger.audit.record(
            at=at, who=who(), address=socket.gethostname(), action=action, target=service
        )
    except Unavailable as error:
        log = structlog.get_logger(__name__)
        log.warning("journal_not_written", action=action, detail=error.detail)


def of_listener(listening: "Sequence[Listener]") -> "Condition":
    """Ready as long as modalities may send. listening: one, or none before it does."""
    from ich_node.health.heartbeat import Condition

    if not listening:
        return Condition(is_ready=False)
    (listener,) = listening
    facts = {
        **listener.ports,
        "is_accepting": listener.is_accepting,
        "open_associations": listener.open_associations,
    }
    return Condition(is_ready=listener.is_accepting, facts=facts)


def of_analyser(at_work: "Sequence[Analyser]") -> "Condition":
    """Ready when a bundle is loaded. at_work: one, or none before it is."""
    import torch

    from ich_node.health.heartbeat import Condition

    has_gpu = torch.cuda.is_available()
    facts: dict[str, Any] = {"gpu": torch.cuda.get_device_name() if has_gpu else None}
    loaded = at_work[0].detectors.loaded if at_work else None
    if loaded is None:
        return Condition(is_ready=False, facts=facts)
    facts |= {
        "bundle": loaded.bundle.name,
        "bundle_sha256": loaded.bundle.sha256,
        "demonstration": loaded.bundle.demonstration,
        "engine": loaded.engine_name,
        "device": facts["gpu"] if "cuda" in loaded.engine_name else "CPU",
        "threads": torch.get_num_threads(),
    }
    return Condition(is_ready=True, facts=facts)


def of_sender(config: "Config") -> "Condition":
    from ich_node.health.heartbeat import Condition

    return Condition(is_ready=True, facts={"destinations": len(config.destinations)})


def of_site(config: "Config", *, is_ready: bool) -> "Condition":
    from ich_node.health.heartbeat import Condition

    return Condition(is_ready=is_ready, facts={"port": config.web.port})
