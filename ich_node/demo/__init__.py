"""The demonstration: a stand-in for a PACS sends a phantom, the node reads it and sends results."""

from ich_node.demo.errors import DemoError
from ich_node.demo.play import DemoResult, play

__all__ = ["DemoError", "DemoResult", "play"]
