"""Config: what counts, where it comes from, what waits for a reload or a restart; checks."""

import os
import platform
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from itertools import groupby
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from ich_node.config.config import Config
from ich_node.config.load import load_config
from ich_node.config.origin import DEFAULT, Value, without_passwords
from ich_node.config.reload import fingerprints
from ich_node.config.shown import shown_values
from ich_node.errors import ConfigError
from ich_node.processes.running import RunningService, running_services
from ich_node.web.command import run_command
from ich_node.web.page import Acted, Message, acts, looks
from ich_node.web.rendering import render
from ich_node.web.site import Site
from ich_node.web.visitor import visitor_of

PACKAGES = (
    "torch",
    "openvino",
    "pydicom",
    "pynetdicom",
    "highdicom",
    "sqlalchemy",
    "numpy",
    "scipy",
    "starlette",
    "uvicorn",
)
CHECK_SECONDS = 300.0  # each destination may take half a minute to answer


@dataclass(frozen=True, kw_only=True)
class Setting:
    """text: as TOML has it; "": not set. waits_for: "reload", "restart" or "", until which another
    value counts.
    """

    name: str
    text: str
    origin: str
    is_default: bool
    waits_for: str


@dataclass(frozen=True, kw_only=True)
class ServiceHere:
    """waits: the settings that count only after its restart. reads_other: another config.toml."""

    name: str
    pid: int
    config: str
    reads_other: bool
    waits: tuple[str, ...]


def show(request: Request, site: Site) -> Response:
    running, loaded, mistake = site.config(), None, ""
    try:
        loaded = load_config(site.config_path)
    except ConfigError as error:  # the services go on with what they have
        mistake = without_passwords(error.detail)
    config = loaded.config if loaded else running
    services = _services(config, site)
    restarts = {name for service in services for name in service.waits}
    values = list(shown_values(config, site.config_path if loaded else None, os.environ))
    counts = {_key(value): value.value for value in shown_values(running, None, {})}
    sections = [
        (section, number, [_setting(value, counts, restarts) for value in group])
        for (section, number), group in groupby(
            values, key=lambda value: (value.section, value.number)
        )
    ]
    is_short = request.query_params.get("only") == "set"
    if is_short:
        sections = [
            (section, number, [each for each in settings if not each.is_default])
            for section, number, settings in sections
        ]
    return render(
        request,
        "config.html",
        config_path=site.config_path,
        home=loaded.home if loaded else None,
        removed=loaded.removed if loaded else (),
        mistake=mistake,
        sections=[each for each in sections if each[2]],
        is_short=is_short,
        waiting=[
            (section, setting)
            for section, _, settings in sections
            for setting in settings
            if setting.waits_for
        ],
        services=services,
        versions=_versions(site),
    )


def check(request: Request, site: Site, form: FormData) -> Acted:
    """As `check-config` does; a mistake that it finds is an answer, not a failure."""
    words = ["check-config", *(["--online"] if form.get("online") else [])]
    who = visitor_of(request).who
    result = run_command(site, *words, who=who, timeout=CHECK_SECONDS)
    facts = {
        "command": " ".join(words),
        "output": without_passwords("\n".join(filter(None, (result.output, result.errors)))),
        "is_ok": result.exit_code == 0,
    }
    return Acted(to="/config", message=Message(name="checked", facts=facts), target="config")


def reload(request: Request, site: Site, _: FormData) -> Acted:
    output = run_command(site, "reload", who=visitor_of(request).who).done()
    message = Message(name="reloaded", facts={"output": without_passwords(output)})
    return Acted(to="/config", message=message, target="config")


def _key(value: Value) -> tuple[str, int | None, str]:
    return value.section, value.number, value.setting


def _setting(
    value: Value, counts: Mapping[tuple[str, int | None, str], Any], restarts: set[str]
) -> Setting:
    is_loaded = counts.get(_key(value), value) == value.value
    needs_restart = f"{value.section} {value.setting}" in restarts
    return Setting(
        name=value.setting,
        text=_text(value.value),
        origin=value.origin,
        is_default=value.origin == DEFAULT,
        waits_for="restart" if needs_restart else "" if is_loaded else "reload",
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(_text(each) for each in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _services(config: Config, site: Site) -> list[ServiceHere]:
    mine = str(site.config_path.absolute()) if site.config_path is not None else ""
    now = fingerprints(config)
    return [_service(each, mine, now) for each in running_services(config.spool.path)]


def _service(service: RunningService, mine: str, now: Mapping[str, str]) -> ServiceHere:
    differ = [name for name in now if service.needs_restart.get(name) != now[name]]
    return ServiceHere(
        name=service.name,
        pid=service.pid,
        config=service.config,
        reads_other=service.config != mine,
        waits=tuple(differ),
    )


def _versions(site: Site) -> dict[str, str]:
    dialect = site.ledger.database.engine.dialect
    is_sqlite = dialect.name == "sqlite"
    server = ".".join(str(part) for part in getattr(dialect, "server_version_info", None) or ())
    found = {
        "python": platform.python_version(),
        dialect.name: sqlite3.sqlite_version if is_sqlite else server,
    }
    for name in PACKAGES:
        try:
            found[name] = version_of(name)
        except PackageNotFoundError:  # an extra
            continue
    return found


routes = [
    looks("/config", show),
    acts("/config/check", "check config", check),
    acts("/config/reload", "reload config", reload),
]
