"""Who is signed in: in memory, so a restart signs everybody out."""

import hashlib
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ich_node.web.page import Message
from ich_node.web.visitor import Role

MOST_SESSIONS = 1_000  # then the oldest ends


@dataclass(kw_only=True)
class Session:
    """token: the fingerprint of that which signed him in; None: a reverse proxy did. message: what
    the next page shows once.
    """

    who: str
    role: Role
    ends_at: datetime
    token: str | None = None
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    message: Message | None = None


class Sessions:
    """By the hash of their cookie."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def begin(
        self, *, who: str, role: Role, now: datetime, lasts: timedelta, token: str | None = None
    ) -> str:
        """The cookie."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            for name in [name for name, each in self._sessions.items() if each.ends_at <= now]:
                del self._sessions[name]
            while len(self._sessions) >= MOST_SESSIONS:
                self._sessions.popitem(last=False)
            self._sessions[_hash(cookie)] = Session(
                who=who, role=role, ends_at=now + lasts, token=token
            )
        return cookie

    def get(self, cookie: str, *, now: datetime) -> Session | None:
        with self._lock:
            session = self._sessions.get(_hash(cookie))
        return session if session is not None and session.ends_at > now else None

    def end(self, cookie: str) -> None:
        with self._lock:
            self._sessions.pop(_hash(cookie), None)


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode(errors="replace")).hexdigest()
