"""The ledger: everything that the processes know in common. All SQL is in this package."""

from ich_node.ledger.activations import Activating
from ich_node.ledger.clock_repair import Mending
from ich_node.ledger.database import BUSY_SECONDS, open_engine
from ich_node.ledger.delivery import Delivering
from ich_node.ledger.operator import Operating
from ich_node.ledger.previews import Looking
from ich_node.ledger.reading import Claiming
from ich_node.ledger.receiving import Receiving
from ich_node.ledger.retention import Sweeping


class Ledger(Receiving, Looking, Claiming, Delivering, Operating, Activating, Sweeping, Mending):
    """One ledger, seen from the seats of those who use it. Every method is one transaction; time is
    an argument.
    """


def open_ledger(url: str, *, busy_seconds: float = BUSY_SECONDS) -> Ledger:
    """The ledger behind a database URL, its schema brought up to date; several processes may do
    this at once.

    Raises ConfigError if the URL cannot be used or a newer program made the schema, Unavailable if
    the database does not answer (SQLite: if another process holds its write lock for longer than
    busy_seconds).
    """
    return Ledger(open_engine(url, busy_seconds=busy_seconds))
