"""check-config: is the configuration usable, and what will the node do with it?"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ich_node.dicom.identity import DEMONSTRATION_MODEL
from ich_node.errors import ConfigError, EarlierLedger, IchNodeError

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.config.config import Config
    from ich_node.config.destinations import Destination


def check_config(
    context: typer.Context,
    online: Annotated[
        bool,
        typer.Option(
            "--online",
            help="Ask every destination, too, whether it is there; open the ledger; say whether"
            " somebody listens on our ports.",
        ),
    ] = False,
) -> None:
    """Check the configuration, and say what the node will do with it. Nothing is made or changed.
    "ok" stands in the last line, if everything is.
    """
    from ich_node.cli import usable
    from ich_node.cli.alerts import described as alerts_described

    node: CliContext = context.obj
    config = node.config
    mistakes = usable.mistakes(config)
    for setting in node.loaded.removed:
        typer.echo(f"WARNING: {setting}")
    _print_ports(config)
    _print_site(config)
    _print_sources(config)
    for destination in config.destinations:
        typer.echo(_described(destination))
    if not config.destinations:
        typer.echo("sends results to nobody: add a [[destinations]] entry")
    for line in alerts_described(config):
        typer.echo(line)
    typer.echo(f"keeps objects in {config.spool.path}")
    mistakes += _print_reading(node)
    if not mistakes:
        _print_rules(config)
    is_each_there = _print_online(node, mistakes) if online else True
    if mistakes:
        where = node.path or "the configuration"
        raise ConfigError("\n".join(f"{where}: {mistake}" for mistake in mistakes))
    if not is_each_there:
        raise typer.Exit(1)
    typer.echo(f"{node.path or 'defaults (no --config given)'}: ok")


def _print_reading(node: "CliContext") -> list[str]:
    """The model that reads now, and what is wrong with it or with the ledger that names it."""
    from ich_node.model.bundle_file import read_header

    config = node.config
    if config.bundle.path is not None and not config.bundle.path.is_file():
        return []  # it is among the mistakes
    try:
        path = node.active_bundle_path()
        header = read_header(path)
    except EarlierLedger as error:
        typer.echo(error.detail)
        return []
    except IchNodeError as error:
        return [error.detail]
    warning = f"WARNING: {DEMONSTRATION_MODEL}: " if header.demonstration else ""
    typer.echo(f"{warning}reads with {header.name}")
    typer.echo("`ich-node model activate` selects another")
    if header.demonstration and config.bundle.demonstration_on_real_sources == "refuse":
        typer.echo("refuses series that are no phantoms as long as a demonstration model reads")
    return []


def _print_rules(config: "Config") -> None:
    if not config.rules:
        return
    from ich_node.study.site_rules import rules_that_never_match, site_rules

    rules = site_rules(config)
    for rule in rules.rules:
        typer.echo(f"rule {rule.name}: {rule.action}")
    for sentence in rules_that_never_match(rules):
        typer.echo(f"WARNING: {sentence}")


def _print_online(node: "CliContext", mistakes: list[str]) -> bool:
    """Whether every destination is there."""
    from ich_node.cli.echo import ask_all
    from ich_node.errors import NoLedger
    from ich_node.ledger import open_existing_ledger

    config = node.config
    try:
        open_existing_ledger(config.database.url).dispose()
        typer.echo("the ledger answers")
    except NoLedger:
        typer.echo("there is no ledger yet: the services make it when they start")
    except EarlierLedger:
        typer.echo("the ledger answers; it is of an earlier version")
    except IchNodeError as error:
        mistakes.append(error.detail)
    mistakes += _print_listeners(config)
    return ask_all(config, config.destinations)


def _print_listeners(config: "Config") -> list[str]:
    """Whether the ports are free, and what keeps this node from listening on them."""
    import errno
    import socket

    mistakes = []
    scp, web = config.scp, config.web
    ports = [] if config.tls.required else [("scp", scp.bind_address, scp.port, "receive")]
    ports += [("scp", scp.bind_address, config.tls.port, "receive")] if config.tls.is_on else []
    ports += [("web", web.bind_address, web.port, "web")] if web.enabled else []
    for section, host, port, service in ports:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as mine:
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                mine.bind((host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    mistakes.append(f"[{section}] cannot listen on {host}:{port}: {error.strerror}")
                    continue
                typer.echo(
                    f"port {port}: {error.strerror}; that is this node, if its {service} service"
                    " runs"
                )
            else:
                typer.echo(f"port {port} is free: nobody listens on it now")
    return mistakes


def _print_site(config: "Config") -> None:
    from ich_node.web.address import address_of
    from ich_node.web.tls import certificate_ends

    web = config.web
    if not web.enabled:
        typer.echo("shows no site: [web] enabled = false")
        return
    details = [
        f", behind {', '.join(web.proxies)}, which names users in {web.user_header}"
        if web.proxies
        else "",
        ", with name, patient ID and accession number" if web.identifiers else "",
    ]
    typer.echo(f"shows the site at {address_of(web)}{''.join(details)}")
    if web.proxies and not web.hosts:
        typer.echo(
            "WARNING: [web] hosts is empty: what browsers ask for under the proxy's name is turned"
            " away"
        )
    if web.certificate is None:
        return
    now = datetime.now(UTC)
    try:
        ends = certificate_ends(web, now=now)
    except ConfigError:
        return  # it is among the mistakes
    days = (ends - now).days
    warning = "WARNING: " if days < config.tls.warn_days else ""
    typer.echo(
        f"{warning}the certificate of [web] is valid until {ends:%Y-%m-%d}, {days} days from now"
    )


def _print_ports(config: "Config") -> None:
    scp = config.scp
    if not config.tls.required:
        typer.echo(f"listens as {scp.ae_title} on {scp.bind_address}:{scp.port}")
    if config.tls.is_on:
        _print_tls_port(config)


def _print_tls_port(config: "Config") -> None:
    from ich_node.network.certificate import certificate_ends

    typer.echo(
        f"listens as {config.scp.ae_title} on {config.scp.bind_address}:{config.tls.port} with TLS"
    )
    now = datetime.now(UTC)
    try:
        ends = certificate_ends(config.tls, now=now)
    except ConfigError:
        return  # it is among the mistakes
    days = (ends - now).days
    warning = "WARNING: " if days < config.tls.warn_days else ""
    typer.echo(
        f"{warning}the certificate of [tls] is valid until {ends:%Y-%m-%d}, {days} days from now"
    )


def _print_sources(config: "Config") -> None:
    for source in config.sources:
        hosts = ", ".join(source.hosts) or "any host"
        typer.echo(f"accepts {source.ae_title} ({source.name}) from {hosts}")
        if source.query is not None:
            address = source.query.address(source.ae_title)
            typer.echo(f"asks {source.name} ({address}) for what was missed: `ich-node pull`")
        if source.other_classes == "discard":
            typer.echo(
                f"WARNING: objects of {source.name} that are no CT are answered with Success and"
                " not kept (other_classes)"
            )
    if not config.sources:
        typer.echo("accepts nobody: add a [[sources]] entry for each AE that may send")


def _described(destination: "Destination") -> str:
    """What this destination gets, where it is, and under which conditions."""
    identified = getattr(destination, "identifiers", False)
    details = [
        " over TLS" if getattr(destination, "tls", False) else "",
        " with patient and order" if identified else "",
        ", but no negative results" if destination.only_if_positive else "",
        f", only of {', '.join(destination.sources)}" if destination.sources else "",
        f", priority {destination.priority}" if destination.priority else "",
    ]
    to = f"{destination.name} ({destination.address})"
    return f"sends {destination.gets} to {to}{''.join(details)}"


def add_to(app: typer.Typer) -> None:
    app.command("check-config")(check_config)
