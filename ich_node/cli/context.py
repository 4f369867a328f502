"""What every command gets as `context.obj`: the configuration, and what opens with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # they take longer to import than most commands to run
    from ich_node.config.config import Config
    from ich_node.config.load import LoadedConfig
    from ich_node.ledger import Ledger
    from ich_node.spool import Spool


@dataclass(frozen=True, kw_only=True)
class CliContext:
    """The configuration is read when a command first asks for it.

    path: of config.toml; None: built-in settings. main: runs a command line in this process.
    """

    path: Path | None
    main: Callable[[Sequence[str]], None]

    def with_config(self, path: Path) -> "CliContext":
        return CliContext(path=path, main=self.main)

    @cached_property
    def loaded(self) -> "LoadedConfig":
        """Raises ConfigError with one sentence per mistake."""
        from ich_node.config.load import load_config

        return load_config(self.path)

    @property
    def config(self) -> "Config":
        """Raises ConfigError with one sentence per mistake."""
        return self.loaded.config

    def ledger(self) -> "Ledger":
        """For commands that may come before the services: it is made where it is missing, and not
        migrated. Raises ConfigError or Unavailable.
        """
        from ich_node.ledger import open_ledger_of_this_version

        self.loaded.require_ledger_in_place()
        return open_ledger_of_this_version(self.config.database.url)

    def existing_ledger(self) -> "Ledger":
        """For commands that look: nothing is made or changed. Raises NoLedger if there is none,
        ConfigError or Unavailable.
        """
        from ich_node.ledger import open_existing_ledger

        self.loaded.require_ledger_in_place()
        return open_existing_ledger(self.config.database.url)

    def ledger_in_place(self) -> "Ledger":
        """For commands that change what the services see: where no ledger is, they were called with
        another configuration. Raises NoLedger, ConfigError or Unavailable.
        """
        self.existing_ledger().dispose()
        return self.ledger()

    def active_bundle_path(self) -> Path:
        """Of the bundle that reads now; the configured or shipped one where there is no ledger yet.
        Raises ConfigError or Unavailable.
        """
        from ich_node.analyse.active_bundle import active_path, path_without_activation
        from ich_node.errors import NoLedger

        try:
            ledger = self.existing_ledger()
        except NoLedger:
            return path_without_activation(self.config.bundle.path)
        return active_path(ledger.activations, self.config.bundle.path)

    def spool(self) -> "Spool":
        from ich_node.spool import Spool

        return Spool(self.config.spool.path, reserve_bytes=self.config.spool.reserve_bytes)
