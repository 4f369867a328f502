"""Who may get again what was delivered of a job, when a person has it sent again."""

from ich_node.config.config import Config
from ich_node.config.destinations import Destination
from ich_node.errors import ConfigError
from ich_node.ledger import Ledger
from ich_node.ledger.operator_deliveries import NewDestination, Resent
from ich_node.near import check_known


def find_destination(config: Config, name: str) -> Destination:
    """Raises ConfigError that lists the known destinations."""
    known = {destination.name: destination for destination in config.destinations}
    check_known(name, known, what="destination")
    return known[name]


def one_destination(config: Config, name: str) -> NewDestination:
    """That gets it alone, although it may never have been owed it. Raises ConfigError.

    A message speaks of the study, as far as its destinations may hear of it: one that was made for
    others is not for a new one.
    """
    found = find_destination(config, name)
    gets_notifications = found.gets == "notifications"
    if gets_notifications and any(each.sources is not None for each in config.destinations):
        raise ConfigError(
            f"{name} gets messages, and where destinations have `sources` a message is made for"
            " each anew: name no destination to repeat those that were delivered"
        )
    return NewDestination(name=found.name, gets_notifications=gets_notifications)


def allowed_destinations(config: Config, ledger: Ledger, job_id: int) -> set[str]:
    """Those that may have what the job's sources have sent (`sources` of [[destinations]])."""
    job = ledger.operator.get(job_id)
    came_from = ledger.reading.sources([job])[job_id] if job is not None else frozenset()
    return {each.name for each in config.destinations if each.may_have(came_from)}


def check_sent_again(resent: Resent | None, *, destination: str | None) -> None:
    """Raises ConfigError, which says why nothing is sent again."""
    if resent is None:
        raise ConfigError("there is no such job any more")
    if resent.is_withdrawn:
        raise ConfigError(f"job {resent.job_id}: its answer was withdrawn, so it is not sent again")
    if resent.swept_at is not None:
        raise ConfigError(
            f"job {resent.job_id}: its files were removed on"
            f" {resent.swept_at.astimezone():%Y-%m-%d}, after their time; nothing can be sent"
        )
    if not resent.again:
        to = f" for {destination}" if destination else ""
        raise ConfigError(f"job {resent.job_id}: there is nothing{to} to send again")
