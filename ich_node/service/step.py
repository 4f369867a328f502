"""One step of a plan, and what it finds when it looks at the machine."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class State(Enum):
    """The words that are printed before a step."""

    DONE = "already so"
    TO_DO = "to do"
    LEFT = "left"  # somebody changed it; install-service does not
    UNSEEN = "unseen"  # only root sees it


@dataclass(frozen=True, kw_only=True)
class FoundState:
    """detail: a sentence for people; size: bytes of what goes; lines: the commands, or the
    difference.
    """

    state: State
    size: int | None = None
    detail: str = ""
    lines: tuple[str, ...] = ()


class ServiceStep(Protocol):
    """Whoever plans calls `look` as often as he likes; it changes nothing."""

    @property
    def what(self) -> str:
        """The thing, e.g. "folder /etc/ich-node"."""

    def look(self) -> FoundState:
        """What there is, and what `do` would do. Raises PermissionError where only root sees it."""

    def do(self) -> None:
        """Raises OSError or Unavailable. Called only where `look` finds something to do."""


def seen(step: ServiceStep) -> FoundState:
    """As `look`, for any user."""
    try:
        return step.look()
    except PermissionError as error:
        return FoundState(
            state=State.UNSEEN, detail=f"only root can look into {error.filename}; run this as root"
        )
