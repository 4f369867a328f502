"""`ich-node support-bundle`: what somebody who helps needs to know, without patients or secrets.

::

    support_file.py   one file of the bundle
    versions.py       program, packages, machine
    settings.py       effective configuration, without secrets and names of persons
    ledger_facts.py   what the ledger says in numbers
    findings.py       what is wrong
    log_lines.py      lines of the log, with the fields that are known to be safe
    write.py          all parts in one ZIP file
"""

from ich_node.support.findings import findings
from ich_node.support.ledger_facts import ledger_facts
from ich_node.support.log_lines import LogSource, log_part
from ich_node.support.settings import settings_part
from ich_node.support.support_file import SupportFile
from ich_node.support.versions import versions
from ich_node.support.write import write_bundle

__all__ = [
    "LogSource",
    "SupportFile",
    "findings",
    "ledger_facts",
    "log_part",
    "settings_part",
    "versions",
    "write_bundle",
]
