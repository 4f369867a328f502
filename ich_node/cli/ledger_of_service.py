"""A service opens the ledger. Where it would migrate while processes of an older version use the
ledger, it waits until they have ended, or somebody has run `ich-node migrate`.
"""

import time
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.ledger import Ledger
    from ich_node.ledger.schema import UserOfLedger

LOOK_SECONDS = 2.0
# A migration of a large ledger takes minutes; systemd would end a start that takes longer than its
# unit says.
LONGEST_MIGRATION = "EXTEND_TIMEOUT_USEC=7200000000"


def ledger_of_service(node: "CliContext", service: str, stop: Event) -> "Ledger":
    """Up to date; made where it is missing. Raises typer.Exit if stop is set meanwhile,
    ConfigError, Unavailable, and SpoolFull if there is no room for the copy of an SQLite ledger.
    """
    from ich_node.errors import NoLedger
    from ich_node.health.users import LivingUsers
    from ich_node.ledger import look_at_schema, open_ledger_of_this_version
    from ich_node.processes.systemd import tell_systemd

    node.loaded.require_ledger_in_place()
    url, living = node.config.database.url, LivingUsers(clock=time.monotonic)
    waiting, was_older = _Waiting(service), False
    while not stop.is_set():
        try:
            schema = look_at_schema(url)
        except NoLedger:
            break
        if not schema.is_older:
            break
        assert schema.version is not None
        was_older = True
        users = living.among(schema.users or ())
        if users:
            waiting.say(schema.version, users)
        elif _migrated(url, schema.version, are_users_known=schema.users is not None):
            break
        stop.wait(LOOK_SECONDS)
    if stop.is_set():
        raise typer.Exit
    if was_older:
        tell_systemd("STATUS=")
    waiting.end()
    return open_ledger_of_this_version(url)


def users_in_words(users: "Sequence[UserOfLedger]") -> str:
    """Which processes, for people."""
    return ", ".join(f"{each.service} {each.version} on {each.host}" for each in users)


def _migrated(url: str, version: str, *, are_users_known: bool) -> bool:
    """False if another process holds the ledger's locks: it is tried again."""
    import structlog

    from ich_node.errors import SpoolFull, Unavailable
    from ich_node.ledger import migrate_ledger
    from ich_node.ledger.schema import HEAD
    from ich_node.processes.systemd import tell_systemd

    log = structlog.get_logger(__name__)
    tell_systemd(f"{LONGEST_MIGRATION}\nSTATUS=migrates the ledger from schema {version} to {HEAD}")
    began = time.monotonic()
    try:
        migrated = migrate_ledger(url)
    except SpoolFull:
        raise
    except Unavailable as error:
        log.warning("ledger_migration_waits", detail=error.detail)
        return False
    if migrated.before == version:
        log.info(
            "ledger_migrated",
            before=version,
            schema=HEAD,
            seconds=round(time.monotonic() - began, 1),
            copy=str(migrated.copy) if migrated.copy else None,
            older_processes="ended"
            if are_users_known
            else "not known: the schema had no heartbeats",
        )
    return True


class _Waiting:
    """Says so: to the log once for each change, to probes, and to systemd, for which the service
    has started: who restarts one after another would else wait for ever.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._said: list[tuple[str, str, int]] = []
        self._waits = False

    def say(self, version: str, users: "Sequence[UserOfLedger]") -> None:
        import structlog

        from ich_node.ledger.schema import HEAD
        from ich_node.processes.beat_file import BeatFolder
        from ich_node.processes.systemd import ALIVE, READY, tell_systemd

        log = structlog.get_logger(__name__)
        words = users_in_words(users)
        tell_systemd(f"{READY}\n{ALIVE}\nSTATUS=waits with the migration of the ledger for {words}")
        BeatFolder.of_environment().write(self._service, is_ready=False, facts={"waits_for": words})
        found = [(each.host, each.service, each.pid) for each in users]
        if found != self._said:
            self._said = found
            log.warning(
                "ledger_waits_for_older_processes",
                schema=version,
                needs=HEAD,
                processes=words,
                advice="stop or upgrade them, or run `ich-node migrate`",
            )
        self._waits = True

    def end(self) -> None:
        import structlog

        if self._waits:
            structlog.get_logger(__name__).info("ledger_wait_ended")
