"""The ledger: the database of received objects, jobs, results and deliveries that all processes
share.

`receive` adds Instances, and each series becomes a Job; `analyse` claims Jobs and finishes them
with Results; each Result has a Delivery for each destination, which `send` claims. states.py draws
the states and the transitions between them.
"""

from ich_node.ledger.activations import ActivationLedger
from ich_node.ledger.commitments import CommitmentLedger
from ich_node.ledger.comparing import (
    Comparison,
    ComparisonLedger,
    GivenAnswer,
    KnownBundle,
    PairedAnswers,
)
from ich_node.ledger.database import require_driver
from ich_node.ledger.delivery import SenderLedger
from ich_node.ledger.ledger import (
    Ledger,
    look_at_schema,
    migrate_ledger,
    open_existing_ledger,
    open_ledger,
    open_ledger_of_this_version,
)
from ich_node.ledger.maintenance import MaintenanceLedger
from ich_node.ledger.map_files import MapLedger
from ich_node.ledger.operator import OperatorLedger
from ich_node.ledger.operator_deliveries import OperatorDeliveries, Owed
from ich_node.ledger.pauses import Pause, PauseLedger
from ich_node.ledger.previews import PreviewLedger
from ich_node.ledger.pulled import PullLedger, SeriesHere
from ich_node.ledger.reading import AnalyserLedger
from ich_node.ledger.receiving import ReceiverLedger
from ich_node.ledger.rereading import NewReader, NotReread, RereadLedger, RereadPlan, Wanted
from ich_node.ledger.rows import (
    Activation,
    Delivery,
    Instance,
    Job,
    JobEvent,
    LeaseLost,
    MapFile,
    NetworkAnswer,
    Result,
    SearchTerms,
    SecondReading,
    Shadow,
)
from ich_node.ledger.scans import Scan
from ich_node.ledger.search_key import SearchKey, SearchKeyLedger
from ich_node.ledger.searching import FoundJobs, JobSearch, SearchLedger
from ich_node.ledger.second_readings import SecondReadingLedger
from ich_node.ledger.shadows import ShadowLedger
from ich_node.ledger.states import Added, DeliveryState, JobState, Lane, ReadingState
from ich_node.ledger.telling import TellerLedger
from ich_node.ledger.verdicts import (
    SELECTION,
    SITE,
    TABLE,
    WEBHOOK,
    Recorded,
    Verdict,
    VerdictLedger,
)
from ich_node.ledger.withdrawals import Reached, WithdrawalLedger

__all__ = [
    "SELECTION",
    "SITE",
    "TABLE",
    "WEBHOOK",
    "Activation",
    "ActivationLedger",
    "Added",
    "AnalyserLedger",
    "CommitmentLedger",
    "Comparison",
    "ComparisonLedger",
    "Delivery",
    "DeliveryState",
    "FoundJobs",
    "GivenAnswer",
    "Instance",
    "Job",
    "JobEvent",
    "JobSearch",
    "JobState",
    "KnownBundle",
    "Lane",
    "LeaseLost",
    "Ledger",
    "MaintenanceLedger",
    "MapFile",
    "MapLedger",
    "NetworkAnswer",
    "NewReader",
    "NotReread",
    "OperatorDeliveries",
    "OperatorLedger",
    "Owed",
    "PairedAnswers",
    "Pause",
    "PauseLedger",
    "PreviewLedger",
    "PullLedger",
    "Reached",
    "ReadingState",
    "ReceiverLedger",
    "Recorded",
    "RereadLedger",
    "RereadPlan",
    "Result",
    "Scan",
    "SearchKey",
    "SearchKeyLedger",
    "SearchLedger",
    "SearchTerms",
    "SecondReading",
    "SecondReadingLedger",
    "SenderLedger",
    "SeriesHere",
    "Shadow",
    "ShadowLedger",
    "TellerLedger",
    "Verdict",
    "VerdictLedger",
    "Wanted",
    "WithdrawalLedger",
    "look_at_schema",
    "migrate_ledger",
    "open_existing_ledger",
    "open_ledger",
    "open_ledger_of_this_version",
    "require_driver",
]
