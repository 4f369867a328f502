"""The commissioning that a visitor has started: it goes on while nobody looks."""

import threading

from ich_node.errors import IchNodeError, Unavailable
from ich_node.web.command import run_command
from ich_node.web.site import Site

REST_SECONDS = 300.0  # beside the wait for the phantom


class Started:
    """At most one at a time. Its failures are kept by the name of the run: those of a command that
    could not begin, and so has left no record.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: str | None = None
        self._failures: dict[str, str] = {}

    def start(self, site: Site, run: str, *options: str, who: str, minutes: float) -> None:
        """Raises Unavailable if another one goes on."""
        with self._lock:
            if self._running is not None:
                raise Unavailable("a commissioning goes on; start the next one when it has ended")
            self._running = run
        command = ["commission", f"--run={run}", f"--minutes={minutes:g}", *options]
        timeout = minutes * 60 + REST_SECONDS
        threading.Thread(
            target=self._work,
            args=(site, run, command, who, timeout),
            name="commissioning",
            daemon=True,
        ).start()

    def _work(self, site: Site, run: str, command: list[str], who: str, timeout: float) -> None:
        try:
            done = run_command(site, *command, who=who, timeout=timeout)
            if done.exit_code != 0 and done.errors:
                self._failures[run] = done.errors
        except IchNodeError as error:
            self._failures[run] = error.detail
        finally:
            with self._lock:
                self._running = None

    def is_running(self, run: str) -> bool:
        return self._running == run

    def failure(self, run: str) -> str:
        """'' if there is none."""
        return self._failures.get(run, "")


STARTED = Started()
