"""A real SMTP server (aiosmtpd) that keeps the mails it gets."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.peers import free_port


@dataclass
class MailReceiver:
    """mails: each with its envelope's recipients and whether it came by TLS. refuse: addresses that
    it does not take, with its answer.
    """

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(envelope.rcpt_tos)
        transport = server.transport
        self.was_encrypted.append(transport.get_extra_info("ssl_object") is not None)
        return "250 taken"


@contextmanager
def mail_receiver(
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    users: Mapping[str, str] | None = None,
) -> Iterator[MailReceiver]:
    """starttls, tls: the context of the server for one of the two; users: who must sign in with
    which password.
    """
    receiver = MailReceiver(port=free_port())

    def authenticated(
        _server: Any, _session: Any, _envelope: Any, mechanism: str, data: Any
    ) -> Any:
        assert isinstance(data, LoginPassword)
        known = (users or {}).get(data.login.decode()) == data.password.decode()
        return AuthResult(success=known, handled=False)

    controller = Controller(
        receiver,
        hostname="127.0.0.1",
        port=receiver.port,
        ssl_context=tls,
        tls_context=starttls,
        require_starttls=starttls is not None,
        authenticator=authenticated,
        auth_required=users is not None,
        auth_require_tls=tls is None,
    )
    controller.start()
    try:
        yield receiver
    finally:
        controller.stop()
