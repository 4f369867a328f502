"""What every page works with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from ich_node.config.config import Config
from ich_node.ledger import Ledger
from ich_node.spool import Spool
from ich_node.web.counted import CountedStatistics
from ich_node.web.pictures.pictures import Pictures


@dataclass(frozen=True, kw_only=True)
class Site:
    """config: what counts now, since it may be read again. config_path: of config.toml; None:
    built-in settings. clock: the node's. statistics: the last ones.
    """

    config: Callable[[], Config]
    config_path: Path | None
    ledger: Ledger
    spool: Spool
    clock: Callable[[], datetime]
    statistics: CountedStatistics = field(default_factory=CountedStatistics)

    @cached_property
    def pictures(self) -> Pictures:
        """Keeps the newest in memory."""
        return Pictures(ledger=self.ledger, spool=self.spool)
