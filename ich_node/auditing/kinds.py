"""Which audit message an event of the journal becomes."""

from dataclasses import dataclass

from ich_node.auditing import codes
from ich_node.auditing.codes import Code
from ich_node.ledger.audit import (
    DONE,
    LOOK,
    READ_JOURNAL,
    SEARCH,
    SIGN_IN,
    SIGN_OUT,
    START,
    STOP,
    TURNED_AWAY,
    AuditEvent,
)

READ, UPDATE, EXECUTE = "R", "U", "E"
SUCCESS, MINOR_FAILURE, SERIOUS_FAILURE = "0", "4", "8"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """id, type: EventID and EventTypeCode; action: EventActionCode. when: in the conformance
    statement.
    """

    id: Code
    type: Code | None
    action: str
    when: str


STARTED = Kind(
    id=codes.APPLICATION_ACTIVITY,
    type=codes.APPLICATION_START,
    action=EXECUTE,
    when="a service of the node has started",
)
STOPPED = Kind(
    id=codes.APPLICATION_ACTIVITY,
    type=codes.APPLICATION_STOP,
    action=EXECUTE,
    when="a service of the node was stopped",
)
JOURNAL_READ = Kind(
    id=codes.AUDIT_LOG_USED, type=None, action=READ, when="somebody has downloaded the journal"
)
SIGNED_IN = Kind(
    id=codes.USER_AUTHENTICATION,
    type=codes.LOGIN,
    action=EXECUTE,
    when="somebody has signed in to the site, or has failed to",
)
SIGNED_OUT = Kind(
    id=codes.USER_AUTHENTICATION,
    type=codes.LOGOUT,
    action=EXECUTE,
    when="somebody has signed out",
)
LOOKED = Kind(
    id=codes.DICOM_INSTANCES_ACCESSED,
    type=None,
    action=READ,
    when="somebody has looked at a series with its identifiers",
)
SEARCHED = Kind(
    id=codes.QUERY,
    type=None,
    action=EXECUTE,
    when="somebody has searched by accession number or patient ID; the object is which of them, not"
    " its value",
)
CHANGED_SERIES = Kind(
    id=codes.DICOM_INSTANCES_ACCESSED,
    type=None,
    action=UPDATE,
    when="somebody has done something about a series: retry, withdraw, a verdict and others",
)
CHANGED_NODE = Kind(
    id=codes.SECURITY_ALERT,
    type=codes.SOFTWARE_CONFIGURATION,
    action=EXECUTE,
    when="somebody has changed what the node does: pause, resume, drain, reload, another bundle or"
    " rule",
)
OPERATED = Kind(
    id=codes.SECURITY_ALERT,
    type=codes.USE_OF_RESTRICTED_FUNCTION,
    action=EXECUTE,
    when="an operator has done something else: retry deliveries, ask a destination and others",
)
WAS_TURNED_AWAY = Kind(
    id=codes.SECURITY_ALERT,
    type=codes.USE_OF_RESTRICTED_FUNCTION,
    action=EXECUTE,
    when="somebody who is signed in was turned away: without the role for it, or a forged form",
)
KINDS = (
    STARTED,
    STOPPED,
    JOURNAL_READ,
    SIGNED_IN,
    SIGNED_OUT,
    LOOKED,
    SEARCHED,
    CHANGED_SERIES,
    CHANGED_NODE,
    OPERATED,
    WAS_TURNED_AWAY,
)
OF_MODEL = ("model ", "shadow ")  # how the actions about bundles begin
_BY_ACTION = {
    START: STARTED,
    STOP: STOPPED,
    READ_JOURNAL: JOURNAL_READ,
    SIGN_IN: SIGNED_IN,
    SIGN_OUT: SIGNED_OUT,
    LOOK: LOOKED,
    SEARCH: SEARCHED,
    **dict.fromkeys(("pause", "resume", "drain", "reload config"), CHANGED_NODE),
}


def kind_of(event: AuditEvent) -> Kind:
    """What was turned away is an alert, whatever it was, except for a failed sign-in. What was
    refused by the node is what it would have been, with the outcome of a failure.
    """
    if event.outcome == TURNED_AWAY and event.action != SIGN_IN:
        return WAS_TURNED_AWAY
    if event.action in _BY_ACTION:
        return _BY_ACTION[event.action]
    if event.action.startswith(OF_MODEL):
        return CHANGED_NODE
    return OPERATED if event.study_instance_uid is None else CHANGED_SERIES


def outcome_of(event: AuditEvent) -> str:
    """EventOutcomeIndicator."""
    if event.outcome == DONE:
        return SUCCESS
    return SERIOUS_FAILURE if event.outcome == TURNED_AWAY else MINOR_FAILURE
