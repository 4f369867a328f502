"""Whether the node is well: what the processes say of themselves, and what troubles there are.

::

    heartbeat.py    a thread of each service: writes into the ledger that its loops still turn
    trouble.py      what may be wrong, and where
    troubles.py     all that is wrong now
    words.toml      a sentence and a remedy for each kind of trouble
    sentences.py    words.toml with the facts of a trouble
"""

from ich_node.health.trouble import Trouble, TroubleKind

__all__ = ["Trouble", "TroubleKind"]
