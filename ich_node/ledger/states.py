"""The states of a Job and of a Delivery, and every transition between them.

::

    Job

         add
          │
          ▼        cancel
       WAITING ─────────────► CANCELLED
        │   ▲                     │
        │   │ release,            │
  claim │   │ fail with attempts  │
        │   │ left                │ retry
        ▼   │                     │ (→ WAITING)
       READING ─┐ lease expired,  │
        │   ▲   │ claimed again   │
        │   └───┘                 │
        ├── finish ──► DONE       │
        ├── refuse ──► REFUSED ───┤
        ├── fail, or the lease    │
        │   of the last attempt   │
        │   expired ─► FAILED ────┘
        ├── set_aside ─► SET_ASIDE
        │                  │ the job that is read instead ends without an
        │                  │ answer, as undetermined, or is cancelled
        │                  └─► WAITING
        └── hold ──────► HELD
                           ├── release ─► WAITING
                           └── its time is over ─► REFUSED

    Delivery

        finish
          │
          ▼    claim_deliveries
       PENDING ◄───────────────► SENDING ─┐ lease expired,
          ▲         postpone      │  │ ▲   │ claimed again
          │                       │  │ └───┘
          │ retry                 │  │ delivered
          │                       │  ▼
          └──────── FAILED ◄──────┘ SENT
                          give_up

Where storage commitment is requested, SENT comes later::

    SENDING ── stored ──► STORED ── commitment_answered: committed ──► SENT
       ▲                    │
       └ claim_uncommitted ─┘  answered: not committed, or no answer in time;
                               then postpone or give_up

A notification is not sent any more if the same destination gets a newer one about the study::

    PENDING ── claim_deliveries ──► SUPERSEDED

A reading by another bundle, beside the answer of a DONE job::

    Second reading

       WAITING ◄── release, fail with attempts left ── READING
          │  └────────────── claim ───────────────────►  │
          │                                              ├── finish ─► DONE
          └── the objects are removed ─► SWEPT ◄─────────┼── refuse ─► REFUSED
                                                         └── fail ───► FAILED
                                                               asked for again ─► WAITING

An operator cancels what is owed, and has sent again what was delivered::

    PENDING, STORED, FAILED ── cancel ──► CANCELLED
    SENT, SUPERSEDED, CANCELLED ── resend ──► PENDING

When the answer of a job is withdrawn, a delivery under way is cancelled, too::

    PENDING, SENDING, STORED, FAILED ── withdraw ──► CANCELLED

and so is a revision that was to be read again::

    WAITING, READING ── withdraw ──► CANCELLED

Each arrow is one UPDATE whose WHERE names the state it starts from (and, out of READING and
SENDING, the owner of the lease). So a process that lost its lease changes nothing, and gets
LeaseLost.
"""

from enum import Enum, IntEnum, StrEnum, auto


class JobState(StrEnum):
    """The state of a job."""

    WAITING = "WAITING"
    READING = "READING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SET_ASIDE = "SET_ASIDE"
    """Another reconstruction of the same acquisition is read instead."""
    HELD = "HELD"
    """A rule of the site holds it back until an operator releases it, or its time is over."""

    @property
    def words(self) -> str:
        """For people."""
        return self.lower().replace("_", " ")


class DeliveryState(StrEnum):
    """The state of one result for one destination."""

    PENDING = "PENDING"
    SENDING = "SENDING"
    STORED = "STORED"
    """The destination took it; storage commitment is requested and not yet answered."""
    SENT = "SENT"
    FAILED = "FAILED"
    SUPERSEDED = "SUPERSEDED"
    """A newer notification about the same study is sent instead; the old one must not arrive after
    it.
    """
    CANCELLED = "CANCELLED"
    """An operator does not want it to be sent any more."""


class Lane(IntEnum):
    """The queue in which a ready series waits: the lower number is read first."""

    URGENT = 0
    """Its source is configured as urgent, or an object was sent with C-STORE priority HIGH."""
    SUSPECTED = 1
    """A preview is positive, and the series is not large."""
    ORDINARY = 2
    LARGE = 3
    """It has so many objects that an ordinary series would wait too long for it: it lets ordinary
    ones pass, for a limited time.
    """
    AGAIN = 4
    """It has an answer, and an operator wants another one: it lets all others pass."""


class ReadingState(StrEnum):
    """The state of a reading by another bundle, beside the answer of a job."""

    WAITING = "WAITING"
    READING = "READING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    SWEPT = "SWEPT"
    """The objects of the series were removed before it was read."""


SETTLED = (DeliveryState.SENT, DeliveryState.SUPERSEDED, DeliveryState.CANCELLED)
"""States in which nothing is owed any more."""


class Added(Enum):
    """What an arriving object was for the ledger."""

    NEW = auto()
    DUPLICATE = auto()
    """The same bytes are recorded already; nothing changed."""
    NEW_VERSION = auto()
    """Other bytes under a SOP Instance UID that is known; both are kept, the newer one is read."""
