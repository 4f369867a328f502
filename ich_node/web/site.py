"""What every page works with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ich_node.config.config import Config
from ich_node.ledger import Ledger
from ich_node.spool import Spool


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
