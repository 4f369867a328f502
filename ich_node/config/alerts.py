"""[[alerts]]: who is told when something is wrong, and [heartbeat], whose absence others notice."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, HttpUrl, model_validator

from ich_node.config.destinations import WebhookDestination, WebSettings
from ich_node.config.fields import Host, Port, Section

HEARTBEAT = "heartbeat"  # what `ich-node alerts test` calls [heartbeat]

About = Literal[
    "service_down",
    "reader_killed",
    "series_failed",
    "head_overdue",
    "delivery_failed",
    "destination_down",
    "disk_full",
    "certificate_expires",
    "scores_drifted",
    "versions_differ",
]


def _is_mail_address(value: str) -> str:
    """Raises ValueError."""
    if not re.fullmatch(r"[^\s@<>,;]+@[^\s@<>,;]+", value):
        raise ValueError(f"{value!r} is not a mail address; give it alone: 'name@hospital.example'")
    return value


MailAddress = Annotated[str, AfterValidator(_is_mail_address)]


class AlertSettings(Section):
    """What every [[alerts]] entry has. about: which troubles it is told of; (): all of them.

    at_most_every_minutes: what happens meanwhile comes in one message.
    """

    name: str = Field(min_length=1)
    about: tuple[About, ...] = ()
    at_most_every_minutes: float = Field(10, ge=0)


class MailAlert(AlertSettings):
    """Mail by SMTP. sender: its From address. encryption: starttls (587), tls (465), or none for a
    relay on this machine.
    """

    kind: Literal["mail"]
    to: tuple[MailAddress, ...] = Field(min_length=1)
    sender: MailAddress
    host: Host
    port: Port | None = None
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    ca: Path | None = None
    username: str | None = Field(None, min_length=1)
    password_file: Path | None = None

    @model_validator(mode="after")
    def _password_is_encrypted(self) -> "MailAlert":
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file go together")
        if self.username is not None and self.encryption == "none":
            raise ValueError("a password needs encryption: starttls or tls")
        return self

    @property
    def smtp_port(self) -> int:
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.encryption]

    @property
    def address(self) -> str:
        return f"mail to {', '.join(self.to)} by {self.host}:{self.smtp_port}"


class WebhookAlert(AlertSettings):
    """Signed JSON by POST, as a destination of that kind gets it (docs/outlets.md)."""

    kind: Literal["webhook"]
    url: HttpUrl
    secret_file: Path
    ca: Path | None = None

    @model_validator(mode="after")
    def _can_be_a_destination(self) -> "WebhookAlert":
        self.destination  # noqa: B018  # it raises ValueError
        return self

    @property
    def destination(self) -> WebhookDestination:
        """With the same service: how it is asked, and its limits."""
        return WebhookDestination(
            name=self.name,
            kind="webhook",
            url=self.url,
            secret_file=self.secret_file,
            ca=self.ca,
        )

    @property
    def address(self) -> str:
        return self.destination.address


class AppriseAlert(AlertSettings):
    """Any service that Apprise knows, e.g. Teams or Slack. url_file: a file with its URL, which
    holds a secret.
    """

    kind: Literal["apprise"]
    url_file: Path

    @property
    def address(self) -> str:
        return f"the service in {self.url_file}"


Alert = Annotated[MailAlert | WebhookAlert | AppriseAlert, Field(discriminator="kind")]


class HeartbeatSettings(Section):
    """[heartbeat] url: asked by GET while all services run, as dead-man's-switch services take it;
    None: nobody is. The URL may hold a secret, so it can also stand in url_file.
    """

    url: HttpUrl | None = None
    url_file: Path | None = None
    every_seconds: float = Field(60, ge=10)

    @model_validator(mode="after")
    def _is_given_once(self) -> "HeartbeatSettings":
        if self.url is not None and self.url_file is not None:
            raise ValueError("[heartbeat] set url or url_file, not both")
        if self.url is not None:
            heartbeat_service(self.url)
        return self

    @property
    def is_on(self) -> bool:
        return self.url is not None or self.url_file is not None


def heartbeat_service(url: HttpUrl | str) -> WebSettings:
    """Raises ValueError if it is no URL that can be asked."""
    return WebSettings(name=HEARTBEAT, url=HttpUrl(str(url)), timeout_seconds=10)
