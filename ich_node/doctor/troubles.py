"""The troubles that the site and the alerts tell, too: `ich_node/health`."""

from collections.abc import Iterator
from datetime import datetime

from ich_node.config.config import Config
from ich_node.doctor.complaint import Complaint
from ich_node.health.sentences import remedy_of, sentence_of
from ich_node.health.troubles import troubles_now
from ich_node.ledger import Ledger


def about_troubles(ledger: Ledger, config: Config, now: datetime) -> Iterator[Complaint]:
    """Raises Unavailable."""
    for trouble in troubles_now(ledger, config, now):
        yield Complaint(sentence=sentence_of(trouble), remedy=remedy_of(trouble))
