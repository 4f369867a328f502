"""check-config: is the configuration usable, and what will the node do with it?"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from ich_node.dicom.identity import DEMONSTRATION_MODEL
from ich_node.errors import ConfigError

if TYPE_CHECKING:
    from ich_node.cli.context import CliContext
    from ich_node.config.config import Config
    from ich_node.config.destinations import Destination


def check_config(context: typer.Context) -> None:
    """Check the configuration, and say what the node will do with it."""
    node: CliContext = context.obj
    config = node.config
    typer.echo(f"{node.path or 'defaults (no --config given)'}: ok")
    for setting in node.loaded.removed:
        typer.echo(f"WARNING: {setting}")
    _print_ports(config)
    _print_sources(config)
    for destination in config.destinations:
        typer.echo(_described(destination))
    if not config.destinations:
        typer.echo("sends results to nobody: add a [[destinations]] entry")
    if config.bundle.path is not None and not config.bundle.path.is_file():
        raise ConfigError(f"[bundle] path: there is no file {config.bundle.path}")
    _print_bundle(config)
    if config.analysis.engine == "openvino":
        from ich_node.model.engines.choose import require_installed

        require_installed(config.analysis.engine)


def _print_bundle(config: "Config") -> None:
    """Raises BundleError if the file is no bundle."""
    from ich_node.model.bundle_file import read_header, shipped_bundle

    header = read_header(config.bundle.path or shipped_bundle())
    until = "until `ich-node model activate` selects another"
    if not header.demonstration:
        typer.echo(f"reads with {header.name}, {until}")
        return
    typer.echo(f"WARNING: {DEMONSTRATION_MODEL}: reads with {header.name}, {until}")
    if config.bundle.demonstration_on_real_sources == "refuse":
        typer.echo("refuses series that are no phantoms as long as a demonstration model reads")


def _print_ports(config: "Config") -> None:
    """Raises ConfigError for certificates that cannot be used."""
    scp = config.scp
    if not config.tls.required:
        typer.echo(f"listens as {scp.ae_title} on {scp.bind_address}:{scp.port}")
    if config.tls.is_on:
        _print_tls_port(config)


def _print_tls_port(config: "Config") -> None:
    from ich_node.network.certificate import certificate_ends
    from ich_node.network.tls import client_context

    client_context(config.tls)
    now = datetime.now(UTC)
    ends = certificate_ends(config.tls, now=now)
    typer.echo(
        f"listens as {config.scp.ae_title} on {config.scp.bind_address}:{config.tls.port} with TLS"
    )
    days = (ends - now).days
    warning = "WARNING: " if days < config.tls.warn_days else ""
    typer.echo(
        f"{warning}the certificate of [tls] is valid until {ends:%Y-%m-%d}, {days} days from now"
    )


def _print_sources(config: "Config") -> None:
    for source in config.sources:
        hosts = ", ".join(source.hosts) or "any host"
        typer.echo(f"accepts {source.ae_title} ({source.name}) from {hosts}")
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
        f", priority {destination.priority}" if destination.priority else "",
    ]
    to = f"{destination.name} ({destination.address})"
    return f"sends {destination.gets} to {to}{''.join(details)}"


def add_to(app: typer.Typer) -> None:
    app.command("check-config")(check_config)
