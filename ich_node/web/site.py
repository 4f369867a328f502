"""What every page works with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from ich_node.config.config import Config
from ich_node.ledger import Ledger
from ich_node.spool import Spool
from ich_node.web.pictures.pictures import Pictures


@dataclass(frozen=True, kw_only=True)
class Site:
    """config: what counts now, since it may be read again. config_path: of config.toml; None:
    built-in settings. clock: the node's.
    """

    config: Callable[[], Config]
    config_path: Path | None
    ledger: Ledger
    spool: Spool
    clock: Callable[[], datetime]

    @cached_property
    def pictures(self) -> Pictures:
        """Keeps the newest in memory."""
        return Pictures(ledger=self.ledger, spool=self.spool)
