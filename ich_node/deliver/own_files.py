"""Our own files that a destination needs: secrets and certificates."""

from ich_node.config.destinations import (
    Destination,
    DicomDestination,
    Hl7Destination,
    StowDestination,
    WebhookDestination,
)
from ich_node.config.settings import TlsSettings
from ich_node.deliver.secret import read_secret, read_webhook_secret
from ich_node.errors import ConfigError
from ich_node.network.tls import client_context, web_context


def require_own_files(
    destination: Destination, tls: TlsSettings, *, section: str = "[[destinations]]"
) -> None:
    """Raises ConfigError, as a delivery would, if one of them cannot be used. section: where they
    are named.
    """
    try:
        match destination:
            case DicomDestination() | Hl7Destination():
                if destination.tls:
                    client_context(tls)
                return
            case WebhookDestination():
                read_webhook_secret(destination.secret_file)
            case StowDestination():
                for setting in ("token_file", "password_file"):
                    if (path := getattr(destination, setting)) is not None:
                        read_secret(path, setting)
        if destination.url.scheme == "https":
            web_context(tls, destination.ca)
    except ConfigError as error:
        detail = error.detail.removeprefix("[[destinations]] ")
        raise ConfigError(f"{section} {destination.name}: {detail}") from error
