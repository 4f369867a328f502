"""What was received, what became of it, and what is still owed: the ledger that the processes meet
in.

`receive` adds Instances, which make a Job a series; `analyse` claims Jobs and finishes them with
Results; each Result is a Delivery per destination, which `send` claims. The states and the ways
between them are drawn in states.py.
"""

from ich_node.ledger.activations import ActivationLedger
from ich_node.ledger.commitments import CommitmentLedger
from ich_node.ledger.delivery import SenderLedger
from ich_node.ledger.ledger import Ledger, open_ledger
from ich_node.ledger.maintenance import MaintenanceLedger
from ich_node.ledger.operator import OperatorLedger
from ich_node.ledger.previews import PreviewLedger
from ich_node.ledger.reading import AnalyserLedger
from ich_node.ledger.receiving import ReceiverLedger
from ich_node.ledger.rows import (
    Activation,
    Delivery,
    Instance,
    Job,
    JobEvent,
    LeaseLost,
    NetworkAnswer,
    Result,
)
from ich_node.ledger.states import Added, DeliveryState, JobState, Lane

__all__ = [
    "Activation",
    "ActivationLedger",
    "Added",
    "AnalyserLedger",
    "CommitmentLedger",
    "Delivery",
    "DeliveryState",
    "Instance",
    "Job",
    "JobEvent",
    "JobState",
    "Lane",
    "LeaseLost",
    "Ledger",
    "MaintenanceLedger",
    "NetworkAnswer",
    "OperatorLedger",
    "PreviewLedger",
    "ReceiverLedger",
    "Result",
    "SenderLedger",
    "open_ledger",
]
