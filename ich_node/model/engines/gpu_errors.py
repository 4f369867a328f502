"""What CUDA's errors mean for the node."""

import torch

from ich_node.errors import DeviceLost


def device_lost(error: torch.AcceleratorError) -> DeviceLost:
    """CUDA does not work in this process any more; only a new process gets the GPU back."""
    return DeviceLost(f"the GPU does not work: {first_line(error)}")


def first_line(error: Exception) -> str:
    """CUDA's messages go on for a paragraph."""
    return str(error).partition("\n")[0]
