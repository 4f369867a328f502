"""The states of a Job and of a Delivery, and every way from one to the next.

::

    Job                                                  Delivery

         add                                                 finish
          │                                                    │
          ▼        cancel                                      ▼    claim_deliveries
       WAITING ─────────────► CANCELLED                     PENDING ◄───────────────► SENDING ─┐ lease expired,
        │   ▲                     │                            ▲         postpone      │  │ ▲   │ claimed again
        │   │ release,            │                            │                       │  │ └───┘
  claim │   │ fail with tries     │                            │ retry                 │  │ delivered
        │   │ left                │ retry                      │                       │  ▼
        ▼   │                     │ (→ WAITING)                └──────── FAILED ◄──────┘ SENT
       READING ─┐ lease expired,  │                                             give_up
        │   ▲   │ claimed again   │
        │   └───┘                 │
        ├── finish ──► DONE       │
        ├── refuse ──► REFUSED ───┤
        └── fail, or the lease    │
            of the last try ran   │
            out ─────► FAILED ────┘

Where storage commitment is asked for, SENT comes later::

    SENDING ── stored ──► STORED ── commitment_answered: committed ──► SENT
       ▲                    │
       └ claim_uncommitted ─┘  answered: not committed, or no answer in time; then postpone or give_up

A notification that is due when a newer one of its series is owed to the same destination is not sent any more::

    PENDING ── claim_deliveries ──► SUPERSEDED

Each arrow is one UPDATE whose WHERE names the state it starts from (and, out of READING and
SENDING, who holds the lease), so a process that was overtaken changes nothing and is told so.
"""

from enum import Enum, IntEnum, StrEnum, auto


class JobState(StrEnum):
    """Where a series is on its way."""

    WAITING = "WAITING"
    READING = "READING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class DeliveryState(StrEnum):
    """Where a result is on its way to one destination."""

    PENDING = "PENDING"
    SENDING = "SENDING"
    STORED = "STORED"
    """The destination took it; that it keeps it, which we asked for, is not yet confirmed."""
    SENT = "SENT"
    FAILED = "FAILED"
    SUPERSEDED = "SUPERSEDED"
    """A newer answer about the same series goes to the destination instead: the old one must not
    arrive after it.
    """


class Lane(IntEnum):
    """In which queue a ready series waits: the lower number is read first."""

    URGENT = 0
    """Its sender says so."""
    SUSPECTED = 1
    """What was read of it while it arrived is positive, and it is not large."""
    ORDINARY = 2
    LARGE = 3
    """So many objects that an ordinary one would wait for it: it waits itself, but not for ever."""


SETTLED = (DeliveryState.SENT, DeliveryState.SUPERSEDED)
"""Nothing is owed any more."""


class Added(Enum):
    """What an arriving object was to the ledger."""

    NEW = auto()
    DUPLICATE = auto()
    """The same bytes are recorded already; nothing changed."""
    NEW_VERSION = auto()
    """Other bytes under a SOP Instance UID that is known; both are kept, the newer one is read."""
