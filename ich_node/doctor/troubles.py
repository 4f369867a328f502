"""The troubles that the site and the alerts tell, too: `ich_node/health`."""

from collections.abc import Iterator
from datetime import datetime

from ich_node.config.config import Config
from ich_node.doctor.complaint import Complaint
from ich_node.health.sentences import remedy_of, sentence_of
from ich_node.health.services import ENDED
from ich_node.health.trouble import TroubleKind
from ich_node.health.troubles import troubles_now
from ich_node.ledger import Ledger


def about_troubles(ledger: Ledger, config: Config, now: datetime) -> Iterator[Complaint]:
    """Without services that somebody has stopped: processes.py says which do not run. Raises
    Unavailable.
    """
    for trouble in troubles_now(ledger, config, now):
        is_down = trouble.kind is TroubleKind.SERVICE_DOWN
        if not (is_down and _was_stopped(ledger, trouble.subject)):
            yield Complaint(sentence=sentence_of(trouble), remedy=remedy_of(trouble))


def _was_stopped(ledger: Ledger, service: str) -> bool:
    """Its last process ended as it should: one that crashes leaves its heartbeat behind."""
    left = any(each.service == service for each in ledger.heartbeats.all())
    return not left and ledger.measurements.newest(f"{ENDED}{service}") is not None
