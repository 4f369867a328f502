"""What the ledger says in numbers: nothing of a series but UIDs and job numbers."""

from datetime import datetime

from ich_node.health.in_words import in_words
from ich_node.ledger import Ledger
from ich_node.support.support_file import SupportFile, json_part

MOST_INCIDENTS = 100


def ledger_facts(ledger: Ledger, now: datetime) -> SupportFile:
    """Raises Unavailable."""
    return json_part(
        "ledger.json",
        "jobs, what is owed, heartbeats, incidents, counts, bundles",
        {
            "database": ledger.database.engine.dialect.name,
            "jobs ever": ledger.status.newest_job(),
            "jobs": ledger.status.jobs_by_state(now),
            "owed": ledger.status.owed_by_destination(now),
            "destinations": ledger.destination_states.all(),
            "heartbeats": ledger.heartbeats.all(),
            "incidents": {
                "running": [in_words(each).facts for each in ledger.incidents.running()],
                "ended": [
                    in_words(each).facts for each in ledger.incidents.ended(limit=MOST_INCIDENTS)
                ],
            },
            "alerts": ledger.notices.channels(),
            # who activated or paused, and why, is the hospital's affair
            "activations": [
                {"at": each.at, "bundle": each.sha256, "name": each.name}
                for each in ledger.activations.activations()
            ],
            "paused": [
                {"target": each.target, "since": each.since, "until": each.until}
                for each in ledger.pauses.in_force(now)
            ],
            "counts": ledger.counts.all(),
        },
    )
