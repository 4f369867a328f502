"""[[alerts]]: who is told when something is wrong, and [heartbeat], whose absence others notice."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, HttpUrl, model_validator

from ich_node.config.fields import Host, Port, Section

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
]


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
    to: tuple[str, ...] = Field(min_length=1)
    sender: str = Field(min_length=3)
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


class WebhookAlert(AlertSettings):
    """Signed JSON by POST, as a destination of that kind gets it (docs/outlets.md)."""

    kind: Literal["webhook"]
    url: HttpUrl
    secret_file: Path
    ca: Path | None = None


class AppriseAlert(AlertSettings):
    """Any service that Apprise knows, e.g. Teams or Slack. url_file: a file with its URL, which
    holds a secret.
    """

    kind: Literal["apprise"]
    url_file: Path


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
        return self
