"""Which engine runs the network: the GPU, or OpenVINO on the CPU, if its answer agrees with torch's
on the CPU; otherwise torch on the CPU.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from ich_node.errors import ConfigError, Unavailable
from ich_node.model.bundle import Bundle
from ich_node.model.engines.cuda_engine import CudaEngine
from ich_node.model.engines.engine import Engine
from ich_node.model.engines.gpu_errors import device_lost, first_line
from ich_node.model.engines.openvino_engine import OpenVinoEngine, openvino_is_installed
from ich_node.model.engines.torch_engine import TorchEngine

EngineName = Literal["auto", "torch", "openvino"]
TOLERANCE = 1e-3  # in logit


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """objection: why a faster engine was not chosen; empty if none was rejected."""

    engine: Engine
    objection: str = ""


def choose_engine(bundle: Bundle, wanted: EngineName, device: str) -> EngineChoice:
    """device: cpu, cuda, cuda:1.

    Raises ConfigError if OpenVINO is wanted by name and is not installed; torch.OutOfMemoryError
    and torch.AcceleratorError as CudaEngine does.
    """
    require_installed(wanted)
    if device != "cpu":
        return checked(
            bundle, "the GPU", lambda: CudaEngine(bundle.network(), bundle.input.size_px, device)
        )
    if wanted == "torch" or not openvino_is_installed():
        return EngineChoice(engine=TorchEngine(bundle.network()))
    return checked(
        bundle, "OpenVINO", lambda: OpenVinoEngine(bundle.network(), bundle.input.size_px)
    )


def checked(bundle: Bundle, name: str, make: Callable[[], Engine]) -> EngineChoice:
    """The engine that `make` returns, if it computes what torch computes on the CPU; otherwise
    torch on the CPU, with the objection. name: the engine's, for the objection.

    Raises torch.OutOfMemoryError, torch.AcceleratorError.
    """
    torch_engine = TorchEngine(bundle.network())
    try:
        engine = make()
        difference = logit_difference(bundle, engine, torch_engine)
    except (torch.OutOfMemoryError, torch.AcceleratorError):
        raise  # these RuntimeErrors are temporary or end the process: the caller decides
    # this machine lacks a library or an instruction
    except (ImportError, RuntimeError) as error:
        return EngineChoice(
            engine=torch_engine, objection=f"{name} cannot run the network: {error}"
        )
    if not difference <= TOLERANCE:  # also rejects NaN
        objection = (
            f"{name}'s logit of the check slice differs from torch's by {difference:.2g}; "
            f"{TOLERANCE:g} is allowed"
        )
        return EngineChoice(engine=torch_engine, objection=objection)
    return EngineChoice(engine=engine)


def required_engine(bundle: Bundle, device: str) -> Engine:
    """Torch on this device, for a command whose user can choose another device. Raises ConfigError
    if torch cannot run the network there.
    """
    if device != "cpu" and not torch.cuda.is_available():
        raise ConfigError(
            f"--device {device}: this torch sees no GPU; "
            "install the CUDA build, or use --device cpu"
        )
    choice = choose_engine(bundle, "torch", device)
    if choice.objection:
        raise ConfigError(f"--device {device}: {choice.objection}")
    return choice.engine


def require_installed(wanted: EngineName) -> None:
    """Raises ConfigError if OpenVINO is wanted by name and is not installed."""
    if wanted == "openvino" and not openvino_is_installed():
        raise ConfigError(
            '[analysis] engine is "openvino", which is not installed: '
            'pip install "ich-node[openvino]"'
        )


def logit_difference(bundle: Bundle, one: Engine, other: Engine) -> float:
    """The difference of two engines on the check slice."""
    x_BCYX = bundle.check_image()[None]
    return float(np.abs(one.run(x_BCYX)[0] - other.run(x_BCYX)[0]).max())


def choose_device(wanted: str) -> str:
    """'auto' is the GPU if there is one. Raises Unavailable if a GPU is named and is not there."""
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    number = int(wanted.partition(":")[2] or 0)
    if wanted != "cpu" and number >= torch.cuda.device_count():
        raise Unavailable(
            f"[analysis] device is '{wanted}', "
            f"and this process finds {torch.cuda.device_count()} GPUs"
        )
    return wanted


def load_engine(bundle: Bundle, wanted: EngineName, device: str) -> EngineChoice:
    """Raises Unavailable if the GPU has no memory for it, DeviceLost, ConfigError if the engine is
    not installed.
    """
    try:
        return choose_engine(bundle, wanted, device)
    except torch.OutOfMemoryError as error:
        raise Unavailable(f"the GPU has no memory for the model: {first_line(error)}") from error
    except torch.AcceleratorError as error:
        raise device_lost(error) from error
