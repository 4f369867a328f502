"""Whether the search key is that of the ledger: a receiver does not start without it."""

import os
from collections.abc import Iterator

from ich_node.config.config import Config
from ich_node.doctor.complaint import Complaint
from ich_node.errors import ConfigError
from ich_node.ledger import Ledger


def about_search_key(ledger: Ledger, config: Config) -> Iterator[Complaint]:
    """One that this user may not read is said with the rights. Raises Unavailable."""
    path = config.database.search_key
    if path.exists() and not os.access(path, os.R_OK):
        return
    try:
        ledger.search_keys.for_looking(path)
    except ConfigError as error:
        sentence, _, remedy = error.detail.partition("; ")
        yield Complaint(sentence=f"{sentence}.", remedy=f"{remedy[:1].upper()}{remedy[1:]}.")
