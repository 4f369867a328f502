"""Hosts of different versions on one ledger and one spool, as processes with host names of their
own; and a look into the ledger that no version's schema is asked for.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.support.peers import ONE_OF_EACH, is_listening, wait_until
from tests.upgrades.versions import Version

LONG = 600  # seconds until a test gives up: many processes start, on a machine that may be busy
CONFIG = (
    ONE_OF_EACH
    + """[database]
url = "{url}"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
watermark_percent = 100
[series]
quiet_seconds = 4
grace_seconds = 1
[analysis]
threads = 1
lease_seconds = 30
"""
)


@dataclass(kw_only=True)
class Host:
    """A machine with one version of the program; with a host name of its own where we are root."""

    name: str
    version: Version
    config: Path
    port: int
    services: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *services: str, environment: dict[str, str] | None = None) -> None:
        for service in services:
            with self._log(service).open("ab") as log:
                self.services[service] = subprocess.Popen(
                    self._command(service),
                    stderr=log,
                    cwd=self.version.folder,  # `python -m` looks there first
                    env={**self.version.environment, **(environment or {})},
                )

    def listens(self) -> None:
        wait_until(lambda: is_listening(self.port), seconds=LONG, what=f"{self.name}'s listening")

    def stop(self, *services: str) -> None:
        """As `systemctl stop` does."""
        for service in services:
            self.services[service].terminate()
        for service in services:
            process = self.services.pop(service)
            assert process.wait(300) == 0, self._log(service).read_text()[-3000:]

    def kill(self, service: str) -> None:
        process = self.services.pop(service)
        process.kill()
        process.wait()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command on this host."""
        return subprocess.run(
            self._command(*arguments),
            capture_output=True,
            text=True,
            cwd=self.version.folder,
            env=self.version.environment,
            check=False,
            timeout=LONG,
        )

    def events(self, service: str) -> list[dict[str, Any]]:
        lines = self._log(service).read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def _command(self, *arguments: str) -> list[str]:
        command = self.version.command(sys.executable, self.config, *arguments)
        if os.geteuid() != 0:
            return command
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.name]
        return [*named, *command]

    def _log(self, service: str) -> Path:
        return self.config.with_name(f"{self.name}-{self.version.name}-{service}.log")


@contextmanager
def host(
    name: str,
    version: Version,
    folder: Path,
    *,
    url: str,
    port: int,
    pacs_port: int,
    more: str = "",
) -> Iterator[Host]:
    """What still runs at the end of the block is stopped. more: of the configuration."""
    config = folder / f"{name}-{version.name}.toml"
    config.write_text(
        CONFIG.format(port=port, pacs_ae="PACS", pacs_port=pacs_port, url=url, folder=folder) + more
    )
    made = Host(name=name, version=version, config=config, port=port)
    try:
        yield made
    finally:
        for process in made.services.values():
            process.terminate()
        for process in made.services.values():
            process.wait(300)


@dataclass(frozen=True, kw_only=True)
class Peek:
    """Into tables and columns that every version has."""

    url: str

    def schema(self) -> str:
        return str(self._rows("SELECT version_num FROM alembic_version")[0][0])

    def states(self) -> dict[str, str]:
        """Of each series: of its newest revision."""
        query = "SELECT series_instance_uid, state FROM jobs ORDER BY revision"
        return {series: str(state) for series, state in self._rows(query)}

    def waiting(self) -> int:
        """Series that are not read yet."""
        return sum(state != "DONE" for state in self.states().values())

    def results(self, state: str) -> set[str]:
        """The SOP Instance UIDs whose delivery is in that state."""
        query = (
            "SELECT results.sop_instance_uid FROM results JOIN deliveries"
            f" ON deliveries.result_id = results.id WHERE deliveries.state = '{state}'"
        )
        return {str(uid) for (uid,) in self._rows(query)}

    def finished_twice(self) -> list[str]:
        """The jobs that are done, and were finished more or less often than once."""
        query = (
            "SELECT jobs.id, count(job_events.id) FROM jobs LEFT JOIN job_events"
            " ON job_events.job_id = jobs.id AND job_events.event = 'done'"
            " WHERE jobs.state = 'DONE' GROUP BY jobs.id"
        )
        return [f"job {job}: {times} times" for job, times in self._rows(query) if times != 1]

    def _rows(self, query: str) -> list[Any]:
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return list(connection.execute(sa.text(query)).all())
