"""The ledger: what the processes share. All SQL is in this package."""

from collections.abc import Callable

import sqlalchemy as sa

from ich_node.ledger.activations import ActivationLedger
from ich_node.ledger.audit import AuditLedger
from ich_node.ledger.comparing import ComparisonLedger
from ich_node.ledger.counts import CountLedger
from ich_node.ledger.current import CurrentLedger
from ich_node.ledger.database import BUSY_SECONDS, Database, make_engine, make_looking_engine
from ich_node.ledger.delivery import SenderLedger
from ich_node.ledger.destination_states import DestinationStateLedger
from ich_node.ledger.heartbeats import HeartbeatLedger
from ich_node.ledger.holds import HoldLedger
from ich_node.ledger.incidents import IncidentLedger
from ich_node.ledger.maintenance import MaintenanceLedger
from ich_node.ledger.map_files import MapLedger
from ich_node.ledger.measurements import MeasurementLedger
from ich_node.ledger.migrate import Migrated, update_schema
from ich_node.ledger.not_analysed import NotAnalysedLedger
from ich_node.ledger.notices import NoticeLedger
from ich_node.ledger.operator import OperatorLedger
from ich_node.ledger.operator_deliveries import OperatorDeliveries
from ich_node.ledger.pauses import PauseLedger
from ich_node.ledger.pulled import PullLedger
from ich_node.ledger.reading import AnalyserLedger
from ich_node.ledger.receiving import ReceiverLedger
from ich_node.ledger.rereading import RereadLedger
from ich_node.ledger.schema import Schema, require_schema, schema_of
from ich_node.ledger.scores import ScoreLedger
from ich_node.ledger.search_key import SearchKeyLedger
from ich_node.ledger.searching import SearchLedger
from ich_node.ledger.shadows import ShadowLedger
from ich_node.ledger.statistics import StatisticsLedger
from ich_node.ledger.status import StatusLedger
from ich_node.ledger.study_search import StudySearchLedger
from ich_node.ledger.telling import TellerLedger
from ich_node.ledger.troubles import TroubleLedger
from ich_node.ledger.verdicts import VerdictLedger
from ich_node.ledger.withdrawals import WithdrawalLedger


class Ledger:
    """One database, with a part for each role; a process is given the part of its role only.

    Every method of a part is one transaction; time is an argument.
    """

    def __init__(self, *, database: Database) -> None:
        self.database = database
        self.receiving = ReceiverLedger(database=database)
        self.reading = AnalyserLedger(database=database)
        self.telling = TellerLedger(database=database)
        self.delivery = SenderLedger(database=database)
        self.maintenance = MaintenanceLedger(database=database)
        self.operator = OperatorLedger(database=database)
        self.statistics = StatisticsLedger(database=database)
        self.deliveries = OperatorDeliveries(database=database)
        self.pauses = PauseLedger(database=database)
        self.holds = HoldLedger(database=database)
        self.activations = ActivationLedger(database=database)
        self.verdicts = VerdictLedger(database=database)
        self.search_keys = SearchKeyLedger(database=database)
        self.searching = SearchLedger(database=database)
        self.studies = StudySearchLedger(database=database)
        self.withdrawals = WithdrawalLedger(database=database)
        self.scores = ScoreLedger(database=database)
        self.pull = PullLedger(database=database)
        self.rereading = RereadLedger(database=database)
        self.shadows = ShadowLedger(database=database)
        self.audit = AuditLedger(database=database)
        self.heartbeats = HeartbeatLedger(database=database)
        self.counts = CountLedger(database=database)
        self.destination_states = DestinationStateLedger(database=database)
        self.measurements = MeasurementLedger(database=database)
        self.status = StatusLedger(database=database)
        self.troubles = TroubleLedger(database=database)
        self.incidents = IncidentLedger(database=database)
        self.notices = NoticeLedger(database=database)
        self.current = CurrentLedger(database=database)
        self.not_analysed = NotAnalysedLedger(database=database)
        self.maps = MapLedger(database=database)
        self.comparing = ComparisonLedger(database=database)

    def dispose(self) -> None:
        """Close the connections."""
        self.database.dispose()


def open_ledger(url: str, *, busy_seconds: float = BUSY_SECONDS) -> Ledger:
    """The ledger behind a database URL, with its schema up to date; several processes may open it
    at once.

    Raises ConfigError if the URL cannot be used or only newer programs can use the ledger,
    Unavailable if the database does not answer (SQLite: if another process holds its write lock for
    longer than busy_seconds).
    """
    return _ledger(make_engine(url, busy_seconds=busy_seconds), update_schema)


def open_ledger_of_this_version(url: str, *, busy_seconds: float = BUSY_SECONDS) -> Ledger:
    """As open_ledger, but an older ledger is left as it is. Raises EarlierLedger for one, too."""
    return _ledger(make_engine(url, busy_seconds=busy_seconds), _make_or_require)


def open_existing_ledger(url: str, *, busy_seconds: float = BUSY_SECONDS) -> Ledger:
    """The ledger for whoever only looks: nothing in it can be changed through it, and neither the
    database nor its schema is made.

    Raises NoLedger if there is none, EarlierLedger if it must be migrated, ConfigError if the URL
    cannot be used or only newer programs can use the ledger, Unavailable if the database does not
    answer.
    """
    return _ledger(make_looking_engine(url, busy_seconds=busy_seconds), require_schema)


def look_at_schema(url: str, *, busy_seconds: float = BUSY_SECONDS) -> Schema:
    """Of any version. Raises NoLedger if an SQLite file is missing, ConfigError, Unavailable."""
    engine = make_looking_engine(url, busy_seconds=busy_seconds)
    try:
        return schema_of(engine)
    finally:
        engine.dispose()


def migrate_ledger(
    url: str, *, with_copy: bool = True, busy_seconds: float = BUSY_SECONDS
) -> Migrated:
    """As update_schema does it."""
    engine = make_engine(url, busy_seconds=busy_seconds)
    try:
        return update_schema(engine, with_copy=with_copy)
    finally:
        engine.dispose()


def _make_or_require(engine: sa.Engine) -> None:
    if schema_of(engine).version is None:
        update_schema(engine)
    else:
        require_schema(engine)


def _ledger(engine: sa.Engine, prepare: Callable[[sa.Engine], object]) -> Ledger:
    try:
        prepare(engine)
    except BaseException:
        engine.dispose()
        raise
    return Ledger(database=Database(engine=engine))
