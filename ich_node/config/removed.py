"""Settings of earlier versions that no longer exist: a configuration that has one still loads.

To remove a setting, delete its field and add a line to REMOVED_SETTINGS. The services then log a
warning, and `check-config` prints it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import override


@dataclass(frozen=True, kw_only=True)
class RemovedSetting:
    """since: the first version without it. advice: what the administrator should know or do."""

    section: str
    key: str
    since: str
    advice: str

    @override
    def __str__(self) -> str:
        name = f"[{self.section}] {self.key}"
        return f"{name} has no effect since version {self.since}: {self.advice}"


REMOVED_SETTINGS = (
    RemovedSetting(
        section="scp",
        key="processes",
        since="0.1.0",
        advice="one process receives from all senders; delete the line",
    ),
)


def find_removed_settings(
    values: Mapping[str, Any], variables: Collection[str]
) -> tuple[RemovedSetting, ...]:
    """Those that config.toml sets (values: its sections), or an environment variable.

    variables: the names without their prefix, in lower case, e.g. "scp__port".
    """
    return tuple(
        setting
        for setting in REMOVED_SETTINGS
        if setting.key in _section(values, setting.section)
        or f"{setting.section}__{setting.key}" in variables
    )


def without_removed_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same sections without the removed settings; the argument is not changed."""
    kept = dict(values)
    for setting in REMOVED_SETTINGS:
        section = _section(kept, setting.section)
        if setting.key in section:
            kept[setting.section] = {
                key: value for key, value in section.items() if key != setting.key
            }
    return kept


def _section(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Empty if the section is missing or is not a table; the models report the latter."""
    section = values.get(name)
    return section if isinstance(section, Mapping) else {}
