"""The state machine of an association (PS3.8 §9.2), which survives what a peer should not have
sent.
"""

import queue
from contextlib import suppress

import structlog
from pynetdicom.fsm import TRANSITION_TABLE, StateMachine
from typing_extensions import override

# PS3.8 table 9-1
IDLE, ESTABLISHED, AWAITING_CLOSE = "Sta1", "Sta6", "Sta13"
CONNECTION_CLOSED, ARTIM_EXPIRED, INVALID_PDU = "Evt17", "Evt18", "Evt19"  # PS3.8 table 9-10
# The primitives of our side: A-ASSOCIATE accept and reject, P-DATA, A-RELEASE request and response,
# A-ABORT.
LOCAL_PRIMITIVES = ("Evt7", "Evt8", "Evt9", "Evt11", "Evt14", "Evt15")

log = structlog.get_logger(__name__)


class TolerantStateMachine(StateMachine):
    """Ends the association where upstream raises an exception.

    Upstream's exception ends the network thread: its traceback goes to the log, and its socket
    stays open.
    """

    @override
    def do_action(self, event: str) -> None:
        """Called by the association's network thread."""
        if (event, self.current_state) not in TRANSITION_TABLE:
            # Both sides end the association at the same time: the connection is being closed
            # (Sta13), or closed already (Sta1).
            if event in LOCAL_PRIMITIVES:
                # Upstream puts the event of a primitive into its queue again and again until the
                # primitive is taken.
                with suppress(queue.Empty):
                    self.dul.to_provider_queue.get(block=False)
            if self.current_state not in (IDLE, AWAITING_CLOSE):
                self._end(f"{event} in {self.current_state}")
            return
        try:
            super().do_action(event)
        except Exception as error:  # noqa: BLE001 - pynetdicom on a peer's bytes: only this association ends
            self._end(type(error).__name__)

    def _end(self, reason: str) -> None:
        association = self.dul.assoc
        log.warning("association_broken", reason=reason, calling_ae=association.requestor.ae_title)
        if self.dul.socket is not None:
            self.dul.socket.close()
        association.is_aborted = True
        association.is_established = False
        association._kill = True  # kill() would wait for this thread
        self.dul.kill_dul()
