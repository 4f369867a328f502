"""Who asks, and what he may do."""

from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request


class Role(StrEnum):
    """LOOK sees everything, OPERATE may also change something."""

    LOOK = "look"
    OPERATE = "operate"


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """who: as he named himself when he signed in, or as the proxy names him. csrf: what a form of
    his must send back. sees_identifiers: this request may be answered with patients' identifiers.
    """

    who: str
    address: str
    role: Role
    csrf: str
    sees_identifiers: bool

    @property
    def may_operate(self) -> bool:
        return self.role is Role.OPERATE


def visitor_of(request: Request) -> Visitor:
    """Set by the guards, which let no request without one through to a page."""
    visitor: Visitor = request.state.visitor
    return visitor
