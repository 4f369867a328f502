"""Who comes in, and as what: by a token, or by the word of a reverse proxy."""

from dataclasses import dataclass, field
from datetime import timedelta

from ich_node.ledger.audit import DONE, REFUSED, SIGN_IN
from ich_node.web.attempts import Attempts
from ich_node.web.caller import WebCaller
from ich_node.web.sessions import Session, Sessions
from ich_node.web.site import Site
from ich_node.web.tokens import Tokens
from ich_node.web.visitor import Role


@dataclass(frozen=True, kw_only=True)
class SiteEntrance:
    """attempts: wrong tokens."""

    site: Site
    sessions: Sessions
    tokens: Tokens
    attempts: Attempts = field(default_factory=Attempts)

    def session(self, cookie: str, caller: WebCaller) -> Session | None:
        """None if nobody is signed in with this cookie, or no longer."""
        session = self.sessions.get(cookie, now=self.site.clock())
        if session is None:
            return None
        if session.token is not None:
            holds = session.token == self.tokens.fingerprint(session.role)
        else:
            holds = caller.user == session.who and self._role(session.who) is session.role
        if not holds:
            self.sessions.end(cookie)
            return None
        return session

    def by_proxy(self, caller: WebCaller) -> str | None:
        """The cookie of a new session, if the proxy names a user."""
        if caller.user is None:
            return None
        role = self._role(caller.user)
        self.note(SIGN_IN, caller.user, caller, detail=f"proxy, {role}")
        return self._begin(caller.user, role, token=None)

    def by_token(self, who: str, token: str, caller: WebCaller) -> str | None:
        """The cookie of a new session; None if the token is wrong."""
        role = self.tokens.role_of(token)
        if role is None:
            self.attempts.failed(caller.address, now=self.site.clock())
            self.note(SIGN_IN, who, caller, outcome=REFUSED, detail="wrong token")
            return None
        self.attempts.succeeded(caller.address)
        self.note(SIGN_IN, who, caller, detail=f"token, {role}")
        return self._begin(who, role, token=self.tokens.fingerprint(role))

    def wait(self, caller: WebCaller) -> timedelta:
        """Until this address may try a token again; 0: now."""
        return self.attempts.wait(caller.address, now=self.site.clock())

    def note(
        self, action: str, who: str, caller: WebCaller, *, outcome: str = DONE, detail: str = ""
    ) -> None:
        self.site.ledger.audit.record(
            at=self.site.clock(),
            who=who,
            address=caller.address,
            action=action,
            target="site",
            outcome=outcome,
            detail=detail,
        )

    def _begin(self, who: str, role: Role, *, token: str | None) -> str:
        hours = self.site.config().web.session_hours
        return self.sessions.begin(
            who=who,
            role=role,
            now=self.site.clock(),
            lasts=timedelta(hours=hours),
            token=token,
        )

    def _role(self, user: str) -> Role:
        is_operator = user in self.site.config().web.operators
        return Role.OPERATE if is_operator else Role.LOOK
