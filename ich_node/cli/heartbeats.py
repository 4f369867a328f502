"""What each service says of itself in its heartbeat."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from ich_node.analyse.loop import Analyser
    from ich_node.config.config import Config
    from ich_node.health.heartbeat import Condition, Loop
    from ich_node.ledger import Ledger
    from ich_node.ledger.counts import Counts
    from ich_node.receive import Listener


def heartbeat(
    ledger: "Ledger",
    service: str,
    counts: "Counts",
    loops: "Sequence[Loop]",
    condition: "Callable[[], Condition]",
    *,
    clock: "Callable[[], datetime]",
) -> AbstractContextManager[None]:
    """The service lives for as long as the block lasts and its loops turn."""
    from ich_node.health.heartbeat import HeartbeatThread

    thread = HeartbeatThread(
        ledger=ledger,
        service=service,
        counts=counts,
        loops=loops,
        condition=condition,
        clock=clock,
    )
    return thread.beating()


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
