"""Notifications as signed JSON, by the Standard Webhooks specification 1.0.0.

webhook-id is the notification's own and stays the same however often it is tried; webhook-timestamp
is the time of the try, so that a receiver may refuse old ones; webhook-signature is v1, HMAC-SHA256
over "id.timestamp.body".
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
from ich_node.deliver.outlets.outlet import NotSent, Taken
from ich_node.deliver.outlets.secret import read_webhook_secret
from ich_node.deliver.outlets.web import HttpResponse, Web, web_client
from ich_node.errors import PeerUnavailable
from ich_node.ledger import Delivery
from ich_node.notification import Notification, decode


@dataclass(frozen=True, kw_only=True)
class WebhookOutlet:
    destination: WebhookDestination
    tls: TlsSettings
    clock: Callable[[], datetime]

    @contextmanager
    def connect(self, _batch: Sequence[Delivery], /) -> Iterator["WebhookLine"]:
        """See Outlet. The connection itself is made by the first request."""
        secret = read_webhook_secret(self.destination.secret_file)
        with web_client(self.destination, self.tls) as web:
            yield WebhookLine(outlet=self, web=web, signer=Webhook(secret))

    def echo(self) -> str:
        """A signed event of the type "ping"."""
        with self.connect([]) as line:
            body = encoded("ping", self.clock(), {})
            answer = line.post(f"msg_ping_{token_hex(8)}", body)
        if not answer.ok:
            raise PeerUnavailable(f"{line.web.address} answers a signed ping with {answer.status}")
        return f"answers a signed ping with {answer.status}"


@dataclass(frozen=True, kw_only=True)
class WebhookLine:
    outlet: WebhookOutlet
    web: Web
    signer: Webhook

    def send(self, _delivery: Delivery, data: bytes, /) -> Taken:
        """See Line."""
        notification = decode(data)
        answer = self.post(
            message_id(notification),
            body_of(notification, identifiers=self.outlet.destination.identifiers),
        )
        if not answer.ok:
            quoted = notification.identifiers.hidden_in(answer.quoted())
            raise NotSent(
                f"the peer refuses the notification: status {answer.status}"
                + (f" ({quoted})" if quoted else "")
            )
        return Taken()

    def post(self, webhook_id: str, body: str) -> HttpResponse:
        """Sign, and send."""
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
    """The same for every try."""
    data = notification.public()
    if identifiers:
        data["identifiers"] = asdict(notification.identifiers)
    return encoded(f"hemorrhage.{notification.finding}", notification.at, data)


def encoded(kind: str, at: datetime, data: dict[str, Any]) -> str:
    """The payload that the specification recommends."""
    document = {"type": kind, "timestamp": at.isoformat(), "data": data}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
