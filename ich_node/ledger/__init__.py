"""What was received, what became of it, and what is still owed: the ledger that the processes meet in.

`receive` adds Instances, which make a Job a series; `analyse` claims Jobs and finishes them with Results; each Result is a
Delivery per destination, which `send` claims. The states and the ways between them are drawn in states.py.
"""

from ich_node.ledger.ledger import Jobs, open_ledger
from ich_node.ledger.rows import Activation, Answer, Delivery, Instance, Job, JobEvent, LeaseLost, Result
from ich_node.ledger.states import Added, DeliveryState, JobState, Lane

__all__ = [
    "Activation",
    "Added",
    "Answer",
    "Delivery",
    "DeliveryState",
    "Instance",
    "Job",
    "JobEvent",
    "JobState",
    "Jobs",
    "Lane",
    "LeaseLost",
    "Result",
    "open_ledger",
]
