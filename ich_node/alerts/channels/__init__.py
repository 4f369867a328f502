"""The ways to whom is told: one file for each kind of [[alerts]] entry."""

from ich_node.alerts.channels.channel import AlertMessage, Channel
from ich_node.alerts.channels.open_channel import open_channel

__all__ = ["AlertMessage", "Channel", "open_channel"]
