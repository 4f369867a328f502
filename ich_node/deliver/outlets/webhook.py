"""Notifications as signed JSON, by the Standard Webhooks specification 1.0.0.

webhook-id belongs to the notification and stays the same however often it is tried;
webhook-timestamp is the time of the try, so that a receiver can refuse old messages;
webhook-signature is v1: HMAC-SHA256 over "id.timestamp.body".
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from secrets import token_hex
from typing import Any

from standardwebhooks import Webhook

from ich_node.config.destinations import WebhookDestination
from ich_node.config.settings import TlsSettings
from ich_node.deliver.outlets.outlet import ALREADY_THERE, NotSent, Outcome, Sent
from ich_node.deliver.outlets.web import HttpResponse, Web, connect_only, web_client
from ich_node.deliver.secret import read_webhook_secret
from ich_node.errors import PeerUnavailable
from ich_node.ledger import Delivery
from ich_node.notification import Notification, decode


@dataclass(frozen=True, kw_only=True)
class WebhookOutlet:
    destination: WebhookDestination
    tls: TlsSettings
    clock: Callable[[], datetime]

    @contextmanager
    def connect(self, _batch: Sequence[Delivery], /) -> Iterator["WebhookConnection"]:
        """See Outlet. The connection itself is made by the first request."""
        secret = read_webhook_secret(self.destination.secret_file)
        with web_client(self.destination, self.tls) as web:
            yield WebhookConnection(outlet=self, web=web, signer=Webhook(secret))

    def echo(self) -> str:
        """A signed event of the type "ping"."""
        with self.connect([]) as connection:
            body = encoded("ping", self.clock(), {})
            response = connection.post(f"msg_ping_{token_hex(8)}", body)
        words = f"answers a signed ping with {response.status}"
        if not response.ok:
            raise PeerUnavailable(f"{connection.web.address} {words}")
        return words

    def look(self) -> str:
        """A connection only: no receiver wants a ping a minute."""
        read_webhook_secret(self.destination.secret_file)
        return connect_only(self.destination, self.tls)


@dataclass(frozen=True, kw_only=True)
class WebhookConnection:
    outlet: WebhookOutlet
    web: Web
    signer: Webhook

    def send(self, _delivery: Delivery, data: bytes, /) -> Outcome:
        """See Connection."""
        notification = decode(data)
        response = self.post(
            message_id(notification),
            body_of(notification, identifiers=self.outlet.destination.identifiers),
        )
        if response.ok:
            return Sent()
        if response.says_already_there(notification.uid):
            return Sent(warning=f"{ALREADY_THERE}: status {response.status}")
        words = notification.identifiers.masked_in(response.quoted())
        quoted = f" ({words})" if words else ""
        return NotSent(
            reason=f"the peer refuses the notification: status {response.status}{quoted}"
        )

    def post(self, webhook_id: str, body: str) -> HttpResponse:
        """Sign and send. Raises PeerUnavailable."""
        now = self.outlet.clock()
        headers = {
            "content-type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self.signer.sign(webhook_id, now, body),
        }
        return self.web.ask(
            "POST", str(self.outlet.destination.url), content=body.encode(), headers=headers
        )


def message_id(notification: Notification) -> str:
    return f"msg_{notification.uid}"


def body_of(notification: Notification, *, identifiers: bool) -> str:
    """The same bytes for every try."""
    data = notification.public()
    if identifiers:
        data["identifiers"] = asdict(notification.identifiers)
    return encoded(f"hemorrhage.{notification.finding}", notification.at, data)


def encoded(kind: str, at: datetime, data: dict[str, Any]) -> str:
    """The payload that the specification recommends."""
    document = {"type": kind, "timestamp": at.isoformat(), "data": data}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
