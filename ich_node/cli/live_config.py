"""The configuration of a running service, which SIGHUP lets it read again."""

import threading
from typing import TYPE_CHECKING

import structlog

from ich_node.errors import ConfigError

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext

log = structlog.get_logger(__name__)


class LiveConfig:
    """config: what counts now. stop: set when the service is to end. turn: set with it, and when
    the configuration is to be read again: a loop then finishes what it holds.
    """

    def __init__(self, node: "CliContext", stop: threading.Event) -> None:
        self._node = node
        self.config = node.config
        self.stop = stop
        self.turn = threading.Event()

    def read_again(self) -> None:
        """A configuration with a mistake changes nothing, and the log says what is wrong."""
        self.turn.clear()
        if self.stop.is_set():  # it came before the line above
            self.turn.set()
            return
        from ich_node.cli import usable
        from ich_node.config.load import load_config
        from ich_node.config.reload import taken_over
        from ich_node.processes.log import set_level

        try:
            new = load_config(self._node.path).config
        except ConfigError as error:
            _log_failure(error.detail.splitlines())
            return
        if mistakes := usable.mistakes(new):
            _log_failure(mistakes)
            return
        self.config, kept = taken_over(self.config, new)
        if kept:
            log.warning("reload_needs_restart", settings=list(kept))
        set_level(self.config.log.level)
        log.info("reloaded", config=str(self._node.path))


def _log_failure(mistakes: list[str]) -> None:
    log.error("reload_failed", mistakes=mistakes, action="the old configuration is kept")
