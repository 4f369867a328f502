"""What of a configuration that was read anew counts at once, and what needs a restart."""

import hashlib
from typing import Any

from pydantic import BaseModel

from ich_node.config.config import Config

# All others count from the next association, series, delivery or round of a loop on.
NEED_RESTART = (
    *(f"scp.{name}" for name in Config.model_fields["scp"].annotation.model_fields),  # type: ignore[union-attr]
    "tls.port",
    "tls.required",
    "spool.path",
    "spool.reserve_bytes",
    "database.url",
    "database.search_key",
    "verdicts.ae_title",
    "verdicts.positive",
    "verdicts.quality",
    "analysis.device",
    "analysis.engine",
    "analysis.threads",
    "analysis.stall_seconds",
    *(f"web.{name}" for name in ("enabled", "bind_address", "port", "certificate", "key")),
    "log.format",
    "log.time",
)


def taken_over(running: Config, new: Config) -> tuple[Config, tuple[str, ...]]:
    """The configuration to go on with: the new one, with the running values of what needs a
    restart; and the names of these settings, where they differ.
    """
    kept = []
    for name in NEED_RESTART:
        section, _, setting = name.partition(".")
        value = getattr(getattr(running, section), setting)
        changed = getattr(new, section)
        if getattr(changed, setting) == value:
            continue
        kept.append(f"[{section}] {setting}")
        new = new.model_copy(update={section: changed.model_copy(update={setting: value})})
    if running.tls.is_on != new.tls.is_on:
        kept.append("[tls] certificate")
        new = new.model_copy(update={"tls": running.tls})
    return new, tuple(kept)


def fingerprints(config: Config) -> dict[str, str]:
    """Of the settings that need a restart: equal where the values are. A URL may hold a password,
    so the values themselves are not shown.
    """
    values: dict[str, Any] = {"[tls] certificate": config.tls.is_on}
    for name in NEED_RESTART:
        section, _, setting = name.partition(".")
        settings: BaseModel = getattr(config, section)
        values[f"[{section}] {setting}"] = getattr(settings, setting)
    return {
        name: hashlib.sha256(repr(value).encode()).hexdigest()[:16]
        for name, value in values.items()
    }
