"""Whether messages arrive: a test message to each, and a request to [heartbeat]."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex

from ich_node.alerts.channels import open_channel
from ich_node.alerts.heartbeat import ask
from ich_node.alerts.message import Origin, trial_message
from ich_node.config.alerts import Alert, HeartbeatSettings
from ich_node.errors import IchNodeError


@dataclass(frozen=True, kw_only=True)
class TriedOut:
    """ok: it was taken. words: what was answered, in a sentence."""

    ok: bool
    words: str


def try_alerts(alerts: Sequence[Alert], origin: Origin, *, now: datetime) -> Iterator[TriedOut]:
    """One that fails does not keep the others from being told."""
    for alert in alerts:
        message = trial_message(origin, now=now, key=token_hex(16))
        try:
            words = open_channel(alert).tell(message)
        except IchNodeError as error:
            yield TriedOut(ok=False, words=f"{alert.name} ({alert.kind}): {error.detail}")
        else:
            yield TriedOut(ok=True, words=f"{alert.name} ({alert.kind}): {words}")


def try_heartbeat(settings: HeartbeatSettings) -> TriedOut:
    try:
        return TriedOut(ok=True, words=f"heartbeat: {ask(settings)}")
    except IchNodeError as error:
        return TriedOut(ok=False, words=f"heartbeat: {error.detail}")
