"""The journal for the hospital's audit record repository: DICOM audit messages (PS3.15 A.5) over
syslog (A.6).

::

    codes.py       the coded words of the messages
    kinds.py       which message an event of the journal becomes
    message.py     the message as XML
    syslog.py      RFC 5424 over UDP, TCP or TLS
    reporter.py    what is not reported yet is sent, in order, until the repository has it
"""

from ich_node.auditing.message import AuditSource, audit_message
from ich_node.auditing.reporter import AuditReporter
from ich_node.auditing.syslog import Repository

__all__ = ["AuditReporter", "AuditSource", "Repository", "audit_message"]
