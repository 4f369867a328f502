"""The ways out: one file for each kind of destination, one protocol for all (outlet.py). The sender
knows no other difference.

::

    dicom.py      objects by C-STORE; commitments.py asks whether they are kept
    stow.py       objects by STOW-RS      ─┐ web.py: HTTPS, and what a failure means
    webhook.py    notifications as JSON   ─┘
    hl7.py        notifications as ORU^R01: oru.py writes it, mllp.py carries it
"""

from ich_node.deliver.outlets.open_outlet import open_outlet
from ich_node.deliver.outlets.outlet import Line, NotSent, Outlet, Taken

__all__ = ["Line", "NotSent", "Outlet", "Taken", "open_outlet"]
