"""What keeps the services from doing their work with a configuration that is valid: files, folders
and programs that are missing or cannot be used.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ich_node.config.users import me
from ich_node.errors import IchNodeError

if TYPE_CHECKING:
    from ich_node.config.config import Config
    from ich_node.config.query import DicomWebQuery
    from ich_node.config.settings import TlsSettings


def mistakes(config: "Config") -> list[str]:
    """One sentence for each; nothing is made."""
    found: dict[str, None] = {}
    try:
        for mistake in _mistakes(config):
            found[mistake] = None
    except PermissionError as error:  # where a file is looked for; the rest is seen afterwards
        found[f"{me()} may not look for {error.filename}: a folder above it is closed"] = None
    return list(found)


def _mistakes(config: "Config") -> Iterator[str]:
    from ich_node.config.places import sqlite_file
    from ich_node.config.query import DicomWebQuery
    from ich_node.deliver.own_files import require_own_files
    from ich_node.model.bundle_file import read_header

    if config.tls.is_on:
        missing = [
            f"[tls] {setting}: there is no file {path}"
            for setting in ("certificate", "key", "ca")
            if (path := getattr(config.tls, setting)) is not None and not path.exists()
        ]
        yield from missing or _said(_require_certificate, config)
    for destination in config.destinations:
        yield from _said(require_own_files, destination, config.tls)
    for source in config.sources:
        if isinstance(source.query, DicomWebQuery):
            yield from _said(_require_files_of_query, source.query, source.name, config.tls)
    yield from _alerts(config)
    if config.web.enabled:
        yield from _site(config)
    if config.verdicts.secret_file is not None:
        yield from _said(_require_webhook_secret, config.verdicts.secret_file)
    if config.audit.ca is not None and not config.audit.ca.is_file():
        yield f"[audit] ca: there is no file {config.audit.ca}"
    yield from _folder(config.spool.path, "[spool] path")
    yield from _said(_require_driver, config.database.url)
    file = sqlite_file(config.database.url)
    if file is not None:
        if file.exists() and not file.is_file():
            yield f"[database] url: {file} is not a file"
        elif file.exists() and not os.access(file, os.R_OK | os.W_OK):
            yield f"[database] url: {file} cannot be written by this user"
        else:
            yield from _folder(file.parent, "[database] url")
    if config.bundle.path is not None:
        if config.bundle.path.is_file():
            yield from _said(read_header, config.bundle.path)
        else:
            yield f"[bundle] path: there is no file {config.bundle.path}"
    if config.rules:
        from ich_node.study.site_rules import site_rules

        yield from _said(site_rules, config)
    if config.analysis.engine == "openvino":
        from ich_node.model.engines.choose import require_installed

        yield from _said(require_installed, config.analysis.engine)


def _site(config: "Config") -> Iterator[str]:
    from ich_node.web.tls import certificate_ends
    from ich_node.web.tokens import Tokens

    web = config.web
    if web.certificate is not None:
        yield from _said(lambda: certificate_ends(web, now=datetime.now(UTC)))
    yield from _said(Tokens(lambda: config).check)
    for setting in ("look_token_file", "operate_token_file"):
        path: Path = getattr(web, setting)
        if not path.exists():
            yield from _folder(path.parent, f"[web] {setting}")


def _alerts(config: "Config") -> Iterator[str]:
    if config.alerts:
        from ich_node.alerts.channels import open_channel

        for alert in config.alerts:
            yield from _said(open_channel(alert).require_own_files)
    if config.heartbeat.is_on:
        from ich_node.alerts.heartbeat import service_of

        yield from _said(service_of, config.heartbeat)


def _said(require: Callable[..., Any], *arguments: object) -> Iterator[str]:
    try:
        require(*arguments)
    except IchNodeError as error:
        yield error.detail
    except OSError as error:
        yield f"{error.filename}: {error.strerror}"


def _require_webhook_secret(path: Path) -> None:
    from ich_node.deliver.secret import read_webhook_secret

    read_webhook_secret(path, section="[verdicts]")


def _require_certificate(config: "Config") -> None:
    from ich_node.network.certificate import certificate_ends

    certificate_ends(config.tls, now=datetime.now(UTC))


def _require_files_of_query(query: "DicomWebQuery", name: str, tls: "TlsSettings") -> None:
    from ich_node.deliver.own_files import require_own_files

    require_own_files(query.service(name), tls, section="[sources.query]")


def _require_driver(url: str) -> None:
    from ich_node.ledger import require_driver

    require_driver(url)


def _folder(path: Path, setting: str) -> Iterator[str]:
    """It is there and can be written, or can be made."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        yield f"{setting}: {path} cannot be a folder: {there} is not one"
    elif not os.access(there, os.W_OK | os.X_OK) or str(there).startswith("/proc"):
        what = "be written" if there == path else f"be made below {there}"
        yield f"{setting}: {path} cannot {what} by this user"
