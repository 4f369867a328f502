"""Signed JSON by POST, by the specification of the webhooks to destinations (docs/outlets.md)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from ich_node.alerts.channels.channel import AlertMessage
from ich_node.config.alerts import WebhookAlert
from ich_node.config.settings import TlsSettings
from ich_node.deliver.outlets.webhook import WebhookOutlet, encoded
from ich_node.deliver.own_files import require_own_files
from ich_node.errors import ConfigError, PeerUnavailable


@dataclass(frozen=True, kw_only=True)
class WebhookChannel:
    """See Channel."""

    alert: WebhookAlert

    def require_own_files(self) -> None:
        require_own_files(self.alert.destination, TlsSettings(), section="[[alerts]]")

    def tell(self, message: AlertMessage, /) -> str:
        data = {"title": message.title, "text": message.text, **message.facts}
        outlet = WebhookOutlet(
            destination=self.alert.destination,
            tls=TlsSettings(),
            clock=lambda: datetime.now(UTC),  # of this try
        )
        with self._mistakes_of_the_alert(), outlet.connect([]) as connection:
            response = connection.post(message.key, encoded(message.kind, message.at, data))
            where = connection.web.address
        if not response.ok:
            said = f" ({response.quoted()})" if response.quoted() else ""
            raise PeerUnavailable(f"{where} refuses it: status {response.status}{said}")
        return f"{where} answers {response.status}"

    @contextmanager
    def _mistakes_of_the_alert(self) -> Iterator[None]:
        try:
            yield
        except ConfigError as error:
            detail = error.detail.removeprefix("[[destinations]] ").removeprefix("[tls] ")
            raise ConfigError(f"[[alerts]] {self.alert.name}: {detail}") from error
