"""How often an address may try to sign in: after some wrong tokens it waits, longer each time."""

import ipaddress
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

FREE = 5  # wrong tokens before the first wait
FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=5)
FORGOTTEN_AFTER = timedelta(minutes=30)
# The least recently seen is dropped: who has many addresses gains FREE tries with each, of 2^256.
MOST_ADDRESSES = 10_000


@dataclass(frozen=True, kw_only=True)
class Failures:
    """at: of the last one."""

    count: int
    at: datetime

    @property
    def wait(self) -> timedelta:
        if self.count < FREE:
            return timedelta(0)
        factor = 1 << min(self.count - FREE, 20)
        return min(LONGEST_WAIT, FIRST_WAIT * factor)


class Attempts:
    """Wrong tokens by address; of an IPv6 address, by the network that one customer gets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, Failures] = OrderedDict()

    def wait(self, address: str, *, now: datetime) -> timedelta:
        """Until the next try is looked at; 0: now."""
        with self._lock:
            failures = self._failures.get(_network(address))
        if failures is None:
            return timedelta(0)
        # a clock that was set back lets nobody wait longer
        return max(timedelta(0), failures.wait - max(timedelta(0), now - failures.at))

    def failed(self, address: str, *, now: datetime) -> None:
        network = _network(address)
        with self._lock:
            before = self._failures.pop(network, None)
            is_fresh = before is not None and now - before.at < FORGOTTEN_AFTER
            count = before.count if before is not None and is_fresh else 0
            self._failures[network] = Failures(count=count + 1, at=now)
            if len(self._failures) > MOST_ADDRESSES:
                self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        with self._lock:
            self._failures.pop(_network(address), None)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
