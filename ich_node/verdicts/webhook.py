"""Verdicts that come as signed messages (Standard Webhooks 1.0.0)."""

import binascii
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from standardwebhooks import Webhook, WebhookVerificationError

from ich_node.errors import IchNodeError
from ich_node.ledger import WEBHOOK, Job, Ledger
from ich_node.percent import counted
from ich_node.verdicts.matching import match
from ich_node.verdicts.message import WrongMessage, read_message
from ich_node.verdicts.table import Mistake, Row

ACTION = "verdicts"  # in the journal
BY = "webhook"
MOST_ID_CHARACTERS = 200
# A message is accepted for five minutes before and after its timestamp.
TOLERANCE = timedelta(minutes=5)
_one_at_a_time = threading.Lock()


class NotSigned(IchNodeError):
    """The signature is missing, wrong, or older than five minutes."""


class NoSuchSeries(IchNodeError):
    """None of these series was received."""


class WrongVerdicts(IchNodeError):
    """Nothing was noted: some of the verdicts are wrong."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__()
        self.mistakes = mistakes


@dataclass(frozen=True, kw_only=True)
class Taken:
    """outcomes: how many verdicts were new, and so on, by the words of `Recorded`. unmatched: the
    numbers of those about series that were never received. is_repeated: the message had come
    before, and nothing was noted again.
    """

    outcomes: Mapping[str, int]
    jobs: Sequence[int]
    unmatched: Sequence[int]
    is_repeated: bool = False


def signed_message(body: bytes, headers: Mapping[str, str], *, secret: str) -> tuple[str, str]:
    """The id of the message, and its text. Raises NotSigned, WrongMessage."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise WrongMessage("the body is not UTF-8") from error
    try:
        Webhook(secret).verify(text, dict(headers), json_parse=False)
    except WebhookVerificationError as error:
        raise NotSigned(str(error)) from error
    except (ValueError, binascii.Error) as error:
        raise NotSigned("the signature cannot be read") from error
    message_id = headers["webhook-id"]
    if len(message_id) > MOST_ID_CHARACTERS or not message_id.isprintable():
        raise WrongMessage(f"the id of a message has 1 to {MOST_ID_CHARACTERS} characters")
    return message_id, text


def take(
    text: str,
    *,
    message_id: str,
    address: str,
    ledger: Ledger,
    jobs_of: Callable[[Row], Sequence[Job]],
    names_the_patient: Callable[[Job, str], bool | None],
    now: datetime,
) -> Taken:
    """Note the verdicts of a message, all or none. A message that comes again changes nothing, and
    neither does one that is older than what the same reader said last. address: of the sender.

    Raises WrongMessage, WrongVerdicts, NoSuchSeries.
    """
    message = read_message(text)
    if message.said_at > now + TOLERANCE:
        raise WrongMessage("the timestamp is in the future")
    target = f"message {message_id}"
    with _one_at_a_time:
        if ledger.audit.was_done(ACTION, target, since=now - 2 * TOLERANCE):
            return Taken(outcomes={}, jobs=(), unmatched=(), is_repeated=True)
        matched = match(
            message.rows,
            jobs_of=jobs_of,
            names_the_patient=names_the_patient,
            now=message.said_at,
            origin=WEBHOOK,
            origin_uid=message_id,
        )
        if wrong := sorted([*message.mistakes, *matched.mistakes], key=lambda each: each.line):
            raise WrongVerdicts(wrong)
        if not matched.verdicts:
            raise NoSuchSeries()
        outcomes = Counter(each.value for each in ledger.verdicts.record(matched.verdicts, by=BY))
        ledger.audit.record(
            at=now,
            who=BY,
            address=address,
            action=ACTION,
            target=target,
            detail=counted(len(matched.verdicts), "verdict"),
        )
    return Taken(
        outcomes=outcomes,
        jobs=[verdict.job_id for verdict in matched.verdicts],
        unmatched=matched.unmatched,
    )
