"""`ich-node doctor`: what is wrong with this installation, in sentences. It changes nothing.

::

    complaint.py      one thing that is wrong, and what to do
    examination.py    all checks, in the order in which they are shown
    another.py        services of this machine that have another configuration
    troubles.py       what the site and the alerts tell, too
    processes.py      services of this host: silent, with earlier settings, of another version
    search_key.py     whether the key is that of the ledger
    backups.py        when the last backup was made
    rights.py         who can read and write what
    clock.py          whether the clock of this host is right
    disks.py          inodes, and file systems that SQLite must not lie on
    ports.py          ports that another program has
    packages.py       Python packages beside those that were tested
    units.py          what `install-service` would do again
    spool_files.py    files without a row in the ledger, and rows without their file
"""

from ich_node.doctor.complaint import Complaint
from ich_node.doctor.examination import Checked, Installation, examine

__all__ = ["Checked", "Complaint", "Installation", "examine"]
