"""What can go wrong with a demonstration."""

from ich_node.errors import IchNodeError


class DemoError(IchNodeError):
    """The demonstration could not be finished."""
