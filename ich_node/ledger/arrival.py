"""An object on its way into the ledger, and what its series can be found by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import sqlalchemy as sa

from ich_node.ledger.rows import Instance, SearchTerms
from ich_node.ledger.tables import jobs

TERMS = tuple(field.name for field in fields(SearchTerms))


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """The arguments of `add`."""

    instance: Instance
    ready_at: datetime
    max_wait: timedelta
    urgent: bool
    terms: Callable[[], SearchTerms]

    def missing_terms(self, known: Sequence[str | None]) -> dict[str, str]:
        """What this object has of the terms that are not known yet, in the order of TERMS."""
        if None not in known:
            return {}
        own = vars(self.terms())
        pairs = zip(TERMS, known, strict=True)
        return {name: own[name] for name, value in pairs if value is None and own[name]}


def complete_terms(connection: sa.Connection, job_id: int, missing: dict[str, str]) -> None:
    """Add what another object of the series has."""
    if missing:
        connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(missing))
