"""Any service that Apprise knows. The library is an extra, and is imported when it is needed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from ich_node.alerts.channels.channel import AlertMessage
from ich_node.config.alerts import AppriseAlert
from ich_node.deliver.secret import read_secret
from ich_node.dicom.identity import PRODUCT
from ich_node.errors import ConfigError, PeerUnavailable

EXTRA = 'pip install "ich-node[apprise]"'
MOST_QUOTED = 200


@dataclass(frozen=True, kw_only=True)
class AppriseChannel:
    """See Channel."""

    alert: AppriseAlert

    def require_own_files(self) -> None:
        self._service()

    def tell(self, message: AlertMessage, /) -> str:
        service = self._service()
        with _heard() as said:
            is_told = service.notify(title=message.title, body=message.text, body_format="text")
        if not is_told:
            why = f": {said[-1][:MOST_QUOTED]}" if said else ""
            raise PeerUnavailable(f"the service of url_file does not take it{why}")
        return f"{service[0].service_name} takes it"

    def _service(self) -> Any:
        """Raises ConfigError, which never quotes the URL: it holds a secret."""
        section = f"[[alerts]] {self.alert.name}:"
        try:
            import apprise
        except ModuleNotFoundError as error:
            raise ConfigError(f"{section} kind apprise needs a package: {EXTRA}") from error
        url = read_secret(self.alert.url_file, "url_file", section=section)
        asset = apprise.AppriseAsset(app_id=PRODUCT, app_desc=PRODUCT, app_url="")
        service = apprise.Apprise(asset=asset)
        with _heard():
            is_known = service.add(url)
        if not is_known or len(service) != 1:
            raise ConfigError(
                f"{section} url_file: {self.alert.url_file} must hold one URL that Apprise knows"
            )
        return service


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What Apprise says of the calls in this block: it only logs why a service did not take a
    message. Its log goes nowhere else, since it may quote a URL.
    """
    logger, said = logging.getLogger("apprise"), _Said()
    logger.propagate = False
    logger.addHandler(said)
    token = _listener.set(said)
    try:
        yield said.messages
    finally:
        _listener.reset(token)
        logger.removeHandler(said)


class _Said(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if _listener.get() is self:
            self.messages.append(" ".join(record.getMessage().split()))


# Other alerts may be told at the same time. Apprise's own threads have the context of their caller.
_listener: ContextVar[_Said | None] = ContextVar("listener", default=None)
