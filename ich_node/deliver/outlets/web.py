"""HTTP for outlets, and for a pull of series: one client for a batch, limits on time and size, no
redirects, and a sentence for every failure.
"""

import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from ich_node import __version__
from ich_node.config.destinations import WebSettings
from ich_node.config.settings import TlsSettings
from ich_node.errors import PeerUnavailable
from ich_node.network.tls import explained, web_context

CONNECT_SECONDS = 5.0
MOST_ANSWER_BYTES = 1 << 20
MOST_QUOTED = 200
CONFLICT = 409
IS_DUPLICATE = re.compile(
    r"\bduplicate|\balready (been )?(exist|stored|there|present|received|known|processed)", re.I
)
# These are not about this result: the address, the credentials or the service are at fault, so the
# next result would fail, too.
ABOUT_THE_SERVICE = {
    401: "does not accept our credentials",
    403: "does not let us in",
    404: "knows no such address: correct url",
    405: "does not take POST at this address: correct url",
    407: "a proxy is in the way",
    408: "waited too long for us",
    410: "is gone for good, it says: remove this destination",
    429: "gets too many requests",
}


@dataclass(frozen=True, kw_only=True)
class HttpResponse:
    """What the service answered. body: at most MOST_ANSWER_BYTES."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def says_already_there(self, uid: str) -> bool:
        """Whether it is a conflict (409), and its text names this UID as a duplicate. Other
        conflicts are failures.
        """
        text = self.body.decode(errors="replace")
        names_it = re.search(rf"(?<![\d.]){re.escape(uid)}(?!\.?\d)", text)
        return self.status == CONFLICT and bool(names_it and IS_DUPLICATE.search(text))

    def quoted(self) -> str:
        """The beginning of the body as text, in one line."""
        return " ".join(self.body.decode(errors="replace").split())[:MOST_QUOTED]


@dataclass(frozen=True, kw_only=True)
class Web:
    """An open client for one service."""

    client: httpx.Client
    seconds: float
    address: str

    def ask(
        self, method: str, url: str, *, content: bytes = b"", headers: Mapping[str, str]
    ) -> HttpResponse:
        """One request. Raises PeerUnavailable if there is no answer, or if the answer is about the
        service and not about this request.
        """
        deadline = time.monotonic() + self.seconds
        with self.stream(method, url, content=content, headers=headers) as stream:
            response = HttpResponse(status=stream.status_code, body=self._body(stream, deadline))
        self.check(response.status)
        return response

    @contextmanager
    def stream(
        self, method: str, url: str, *, content: bytes = b"", headers: Mapping[str, str]
    ) -> Iterator[httpx.Response]:
        """One request, whose answer the caller reads, and limits. Raises PeerUnavailable if there
        is no answer, or if it breaks off.
        """
        try:
            with self.client.stream(method, url, content=content, headers=headers) as response:
                yield response
        except httpx.TransportError as error:
            raise PeerUnavailable(f"{self.address}: {self._explained(error)}") from None

    def check(self, status: int) -> None:
        """Raises PeerUnavailable if the status is about the service and not about a request."""
        if reason := _about_the_service(status):
            raise PeerUnavailable(f"{self.address} answers {status}{reason}")

    def _body(self, response: httpx.Response, deadline: float) -> bytes:
        body = b""
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > MOST_ANSWER_BYTES:
                raise PeerUnavailable(
                    f"{self.address}: the answer has more than {MOST_ANSWER_BYTES} bytes"
                )
            if time.monotonic() > deadline:
                raise PeerUnavailable(
                    f"{self.address}: the answer does not end within {self.seconds:g} s"
                )
        return body

    def _explained(self, error: httpx.TransportError) -> str:
        """The first reason that TLS or the operating system gives; if neither gives one, the type
        of the library's error.
        """
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLError):
                return f"TLS fails: {explained(cause)}"
            if isinstance(cause, OSError) and cause.strerror:
                return f"nothing answers: {cause.strerror}"
            cause = cause.__cause__ or cause.__context__
        if isinstance(error, httpx.ConnectTimeout):
            return f"nothing answers within {CONNECT_SECONDS:g} s"
        if isinstance(error, httpx.TimeoutException):
            return f"does not answer within {self.seconds:g} s"
        return f"breaks the connection ({type(error).__name__})"


def _about_the_service(status: int) -> str:
    """Why the service as a whole is at fault, as the end of a sentence; empty if it is not."""
    if 300 <= status < 400:
        return ", a redirect, which is not followed: correct url"
    if status >= 500:
        return ": it has a problem of its own"
    return f": it {ABOUT_THE_SERVICE[status]}" if status in ABOUT_THE_SERVICE else ""


@contextmanager
def web_client(
    destination: WebSettings, tls: TlsSettings, auth: httpx.Auth | None = None
) -> Iterator[Web]:
    """A client for this service alone: the environment's proxies and credentials are not used.
    Raises ConfigError.
    """
    # http:// needs no TLS context, and must not fail because there are no certificates
    verify: ssl.SSLContext | bool = (
        web_context(tls, destination.ca) if destination.url.scheme == "https" else False
    )
    with httpx.Client(
        verify=verify,
        auth=auth,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(destination.timeout_seconds, connect=CONNECT_SECONDS),
        # no compression: a small answer must not decompress to a large one
        headers={"user-agent": f"ich-node/{__version__}", "accept-encoding": "identity"},
    ) as client:
        address = f"{destination.url.scheme}://{destination.url.host}:{destination.url.port}"
        yield Web(client=client, seconds=destination.timeout_seconds, address=address)


def connect_only(destination: WebSettings, tls: TlsSettings) -> str:
    """A connection, over https with its handshake, and no request: the service takes no notice.
    Raises PeerUnavailable, ConfigError.
    """
    url = destination.url
    context = web_context(tls, destination.ca) if url.scheme == "https" else None
    host, port = (url.host or "").strip("[]"), url.port or 443
    address = f"{url.scheme}://{url.host}:{url.port}"
    try:
        with socket.create_connection((host, port), CONNECT_SECONDS) as connection:
            if context is not None:
                context.wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLError as error:
        raise PeerUnavailable(f"{address}: TLS fails: {explained(error)}") from None
    except TimeoutError:
        raise PeerUnavailable(f"{address}: nothing answers within {CONNECT_SECONDS:g} s") from None
    except OSError as error:
        raise PeerUnavailable(f"{address}: nothing answers: {error.strerror or error}") from None
    return "accepts a connection"
