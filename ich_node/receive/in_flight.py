"""[scp] max_bytes_in_flight: the bytes of all objects that are being received at the same time.

Half of them is divided evenly among the associations, so that an object of ordinary size never
waits for another. The other half is slots for larger objects, of max_object_bytes each: an object
that has a slot can be completed.
"""

import threading
import time
from collections.abc import Callable

from ich_node.config.settings import ScpSettings
from ich_node.receive.status import NotStored, Status

WAIT_STEP_SECONDS = 0.1


class BytesInFlight:
    """The limits that all associations share."""

    def __init__(self, scp: ScpSettings, *, wait_seconds: float) -> None:
        """wait_seconds: how long a large object waits for a slot before it is answered with 0xA700.
        Its sender's socket is not read meanwhile.
        """
        half_bytes = scp.max_bytes_in_flight // 2
        self.share_bytes = half_bytes // scp.max_associations
        self._slots = threading.BoundedSemaphore(half_bytes // scp.max_object_bytes)
        self._wait_seconds = wait_seconds

    def take_slot(self, is_wanted: Callable[[], bool]) -> None:
        """Wait for the slot of a large object. Raises NotStored if none is released in time, or if
        nobody waits for the object any more.
        """
        deadline = time.monotonic() + self._wait_seconds
        while not self._slots.acquire(timeout=WAIT_STEP_SECONDS):
            if time.monotonic() > deadline or not is_wanted():
                raise NotStored(
                    Status.OUT_OF_RESOURCES, "too many large objects at the same time; send again"
                )

    def release_slot(self) -> None:
        self._slots.release()
