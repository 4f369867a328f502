"""Mail by SMTP. With encryption the server's certificate is verified, and the node never goes on
without it: a server that offers no STARTTLS gets no mail.
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import format_datetime

from ich_node.alerts.channels.channel import AlertMessage
from ich_node.config.alerts import MailAlert
from ich_node.config.settings import TlsSettings
from ich_node.deliver.secret import read_secret
from ich_node.errors import ConfigError, PeerUnavailable
from ich_node.network.tls import explained, web_context

SECONDS = 15.0  # for each answer of the server
MOST_QUOTED = 200
# Pagers and gateways show the mail as it is: no subject on a second line, no "=" in long ones.
LONGEST_LINE = 500  # RFC 5322 allows 998


@dataclass(frozen=True, kw_only=True)
class MailChannel:
    """See Channel."""

    alert: MailAlert

    def require_own_files(self) -> None:
        self._context()
        self._password()

    def tell(self, message: AlertMessage, /) -> str:
        context, password = self._context(), self._password()
        with self._errors_explained(), self._connected(context) as smtp:
            if self.alert.username is not None:
                smtp.login(self.alert.username, password)
            refused = smtp.send_message(self._mail(message), self.alert.sender, self.alert.to)
        taken = [address for address in self.alert.to if address not in refused]
        words = f"{self._server} takes the mail for {', '.join(taken)}"
        return words + "".join(
            f"; it refuses {address} ({_quoted(code, text)})"
            for address, (code, text) in refused.items()
        )

    @contextmanager
    def _connected(self, context: ssl.SSLContext | None) -> Iterator[smtplib.SMTP]:
        host, port = self.alert.host, self.alert.smtp_port
        if self.alert.encryption == "tls":
            with smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context) as smtp:
                yield smtp
            return
        with smtplib.SMTP(host, port, timeout=SECONDS) as smtp:
            if context is not None:
                smtp.starttls(context=context)
            yield smtp

    def _mail(self, message: AlertMessage) -> EmailMessage:
        mail = EmailMessage(policy=POLICY.clone(max_line_length=LONGEST_LINE))
        mail["Subject"] = message.title
        mail["From"] = self.alert.sender
        mail["To"] = ", ".join(self.alert.to)
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = f"<{message.key}@{self.alert.sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office reply
        mail.set_content(message.text)
        return mail

    def _context(self) -> ssl.SSLContext | None:
        if self.alert.encryption == "none":
            return None
        try:
            return web_context(TlsSettings(), self.alert.ca)
        except ConfigError as error:
            detail = error.detail.removeprefix("[tls] ")
            raise ConfigError(f"[[alerts]] {self.alert.name}: {detail}") from error

    def _password(self) -> str:
        if self.alert.password_file is None:
            return ""
        section = f"[[alerts]] {self.alert.name}:"
        return read_secret(self.alert.password_file, "password_file", section=section)

    @property
    def _server(self) -> str:
        return f"{self.alert.host}:{self.alert.smtp_port}"

    @contextmanager
    def _errors_explained(self) -> Iterator[None]:
        try:
            yield
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise self._failed(f"refuses every recipient ({_quoted(code, text)})") from error
        except smtplib.SMTPNotSupportedError as error:
            raise self._failed(f"offers too little: {error}") from error
        except smtplib.SMTPAuthenticationError as error:
            said = _quoted(error.smtp_code, error.smtp_error)
            raise self._failed(f"does not accept username and password_file ({said})") from error
        except smtplib.SMTPResponseException as error:
            said = _quoted(error.smtp_code, error.smtp_error)
            raise self._failed(f"refuses the mail ({said})") from error
        except smtplib.SMTPServerDisconnected as error:
            raise self._failed("ends the connection") from error
        except ssl.SSLError as error:
            raise self._failed(f"TLS fails: {explained(error)}") from error
        except TimeoutError as error:
            raise self._failed(f"does not answer within {SECONDS:g} s") from error
        except OSError as error:  # smtplib's other errors, too
            raise self._failed(f"nothing answers: {error.strerror or error}") from error

    def _failed(self, words: str) -> PeerUnavailable:
        return PeerUnavailable(f"{self._server}: {words}")


def _quoted(code: int, text: bytes | str) -> str:
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(said.split())}"[:MOST_QUOTED]
