"""The node's own heartbeat for a service elsewhere: a GET while receive, analyse and send run. If
it does not come, that service alarms; so it must not come while one of them is down.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from pydantic import ValidationError

from ich_node.alerts.background import Background
from ich_node.config.alerts import HEARTBEAT, HeartbeatSettings, heartbeat_service
from ich_node.config.destinations import WebSettings
from ich_node.config.settings import TlsSettings
from ich_node.deliver.outlets.web import web_client
from ich_node.deliver.secret import read_secret
from ich_node.errors import ConfigError, IchNodeError, PeerUnavailable
from ich_node.health import Trouble, TroubleKind
from ich_node.health.services import SERVICES

SECTION = "[heartbeat]"

log = structlog.get_logger(__name__)


class HeartbeatSender:
    """A task of maintenance, which runs every [heartbeat] every_seconds. find: the troubles that
    there are; raises Unavailable if the ledger does not answer.
    """

    def __init__(
        self, *, settings: HeartbeatSettings, find: Callable[[datetime], Sequence[Trouble]]
    ) -> None:
        self._settings = settings
        self._find = find
        self._said = ""  # what the log said last
        self.background = Background()

    def run(self, now: datetime) -> int:
        """Nothing is changed, and no service is waited for. Raises Unavailable; nothing is sent
        then, either.
        """
        down = [
            trouble.subject
            for trouble in self._find(now)
            if trouble.kind is TroubleKind.SERVICE_DOWN and trouble.subject in SERVICES
        ]
        if down:
            self._say("heartbeat_withheld", f"down: {', '.join(down)}")
        elif not self.background.is_busy(HEARTBEAT):
            self.background.start(HEARTBEAT, self._ask)
        return 0

    def _ask(self) -> None:
        try:
            ask(self._settings)
        except IchNodeError as error:
            self._say("heartbeat_failed", error.detail)
        except Exception:  # a bug of ours
            log.exception("heartbeat_failed")
        else:
            self._say("", "")

    def _say(self, event: str, detail: str) -> None:
        """Once, until it changes."""
        said = f"{event} {detail}"
        if said != self._said and event:
            log.warning(event, detail=detail)
        elif said != self._said and self._said:
            log.info("heartbeat_sent_again")
        self._said = said if event else ""


def ask(settings: HeartbeatSettings) -> str:
    """The answer in a few words. Raises ConfigError, or PeerUnavailable."""
    service = service_of(settings)
    with web_client(service, TlsSettings()) as web:
        response = web.ask("GET", str(service.url), headers={})
        if not response.ok:
            raise PeerUnavailable(f"{web.address} answers {response.status}")
        said = f" ({response.quoted()})" if response.quoted() else ""
        return f"{web.address} answers {response.status}{said}"


def service_of(settings: HeartbeatSettings) -> WebSettings:
    """Raises ConfigError, which never quotes a URL that stands in a file: it may hold a secret."""
    if settings.url is not None:
        return heartbeat_service(settings.url)
    assert settings.url_file is not None, "[heartbeat] is not on"
    url = read_secret(settings.url_file, "url_file", section=SECTION)
    try:
        return heartbeat_service(url)
    except ValidationError as error:
        raise ConfigError(
            f"{SECTION} url_file: {settings.url_file} must hold one URL: https://HOST/PATH"
        ) from error
