"""Housekeeping: named tasks that run beside the sender, in a thread of their own.

::

    loop.py           runs each task when it is due; a task that fails stops nothing else
    tasks.py          the list: every task with its name and its period
    retention.py      files of series that were read and delivered
    orphans.py        files that no row of the ledger names
    removal.py        how a file is removed
    clock_watch.py    whether the system clock was set
"""

from ich_node.maintenance.loop import Maintenance, Task
from ich_node.maintenance.tasks import housekeeping

__all__ = ["Maintenance", "Task", "housekeeping"]
