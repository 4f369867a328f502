"""Whether the node is well: what the processes say of themselves, and what troubles there are.

::

    heartbeat.py      a thread of each service: writes into the ledger that its loops still turn
    services.py       which services are up, by their heartbeats
    disks.py          room for the spool and the ledger
    certificates.py   until when ours are valid
    drift.py          a task: whether the scores lie where they lay before
    trouble.py        what may be wrong, and where
    troubles.py       all that is wrong now
    words.toml        a sentence and a remedy for each kind of trouble
    sentences.py      words.toml with the facts of a trouble
    in_words.py       an incident of the ledger as such a sentence
    amounts.py        how sizes and lengths of time are written
"""

from ich_node.health.services import ServiceHealth, services
from ich_node.health.trouble import Trouble, TroubleKind
from ich_node.health.troubles import troubles_now

__all__ = ["ServiceHealth", "Trouble", "TroubleKind", "services", "troubles_now"]
