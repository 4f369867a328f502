"""The main job on loopback: a PACS stand-in sends a phantom, the node reads it, results come back."""

from ich_node.demo.play import DemoError, DemoResult, play

__all__ = ["DemoError", "DemoResult", "play"]
