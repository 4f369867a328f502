"""How often one peer may do something: a token bucket for each peer."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)
# The least recently used bucket is dropped. By then it is full again, or it belongs to one of a
# flood of invented peers.
MOST_PEERS = 1_024


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """The tokens that were left at that time."""

    tokens: float
    at: datetime


class RateLimit:
    """Counts the requests of each peer. Not thread-safe."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def allow(self, peer: str, *, per_minute: int, now: datetime) -> bool:
        """Take a token for one more request; False if none is left.

        A bucket holds per_minute tokens and is refilled at that rate.
        """
        before = self._buckets.pop(peer, Bucket(tokens=per_minute, at=now))
        # a clock that was set back adds no tokens
        regained = max(0.0, (now - before.at) / MINUTE) * per_minute
        tokens = min(float(per_minute), before.tokens + regained)
        is_allowed = tokens >= 1
        self._buckets[peer] = Bucket(tokens=tokens - 1 if is_allowed else tokens, at=now)
        if len(self._buckets) > MOST_PEERS:
            self._buckets.popitem(last=False)
        return is_allowed
