"""How often one peer may ask: a token bucket for each source, and one for each address that is no
source's.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)
# The bucket that was asked for longest ago goes; it is full again by then, or one of a flood of
# invented peers.
MOST_PEERS = 1_024


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """tokens are left at that time."""

    tokens: float
    at: datetime


class Rates:
    """Remembers who asked, and how often. Not for several threads at once."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def allow(self, peer: str, *, per_minute: int, now: datetime) -> bool:
        """Whether the peer may ask once more. After a quiet minute it may ask per_minute times at
        once.
        """
        before = self._buckets.pop(peer, Bucket(tokens=per_minute, at=now))
        # a clock that was set back adds nothing
        regained = max(0.0, (now - before.at) / MINUTE) * per_minute
        tokens = min(float(per_minute), before.tokens + regained)
        is_allowed = tokens >= 1
        self._buckets[peer] = Bucket(tokens=tokens - 1 if is_allowed else tokens, at=now)
        if len(self._buckets) > MOST_PEERS:
            self._buckets.popitem(last=False)
        return is_allowed
