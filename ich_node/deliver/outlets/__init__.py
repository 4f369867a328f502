"""The ways out: a file for each kind of destination, one protocol for all (outlet.py). The sender
knows no other difference.

::

    dicom.py      objects by C-STORE; commitment_user.py asks for storage commitment
    stow.py       objects by STOW-RS      ─┐ web.py: HTTPS, and what a failure means
    webhook.py    notifications as JSON   ─┘
    hl7.py        notifications as ORU^R01: oru.py writes the message with hl7_patient.py and
                  hl7_text.py, mllp.py transports it
"""

from ich_node.deliver.outlets.open_outlet import open_outlet
from ich_node.deliver.outlets.outlet import (
    AwaitsCommitment,
    Connection,
    NotSent,
    Outcome,
    Outlet,
    Sent,
)

__all__ = [
    "AwaitsCommitment",
    "Connection",
    "NotSent",
    "Outcome",
    "Outlet",
    "Sent",
    "open_outlet",
]
