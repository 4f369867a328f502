"""Which engine reads: OpenVINO on a CPU that has it, where it gives what torch gives; else torch."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ich_node.detection.bundle import Bundle
from ich_node.detection.engines.engine import Engine
from ich_node.detection.engines.openvino_engine import OpenVinoEngine, openvino_is_installed
from ich_node.detection.engines.torch_engine import TorchEngine
from ich_node.errors import ConfigError

EngineName = Literal["auto", "torch", "openvino"]
TOLERANCE = 1e-3  # in logit


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """An engine, and what speaks against the faster one that is there, too; empty if nothing does."""

    engine: Engine
    objection: str = ""


def choose_engine(bundle: Bundle, wanted: EngineName, device: str) -> EngineChoice:
    """Raises ConfigError if OpenVINO is wanted by name and is not installed, and what TorchEngine raises."""
    require_installed(wanted)
    torch_engine = TorchEngine(bundle.network(), device)
    if wanted == "torch" or device != "cpu" or not openvino_is_installed():
        return EngineChoice(engine=torch_engine)
    try:
        engine = OpenVinoEngine(bundle.network(), bundle.input.size_px)
        difference = logit_difference(bundle, engine, torch_engine)
    except (ImportError, RuntimeError) as error:  # a library or an instruction that this machine lacks
        return EngineChoice(engine=torch_engine, objection=f"OpenVINO cannot run the network: {error}")
    if difference > TOLERANCE:
        objection = f"OpenVINO's logit of the check slice differs from torch's by {difference:.2g}; {TOLERANCE:g} is allowed"
        return EngineChoice(engine=torch_engine, objection=objection)
    return EngineChoice(engine=engine)


def require_installed(wanted: EngineName) -> None:
    """Raises ConfigError if OpenVINO is wanted by name and is not installed."""
    if wanted == "openvino" and not openvino_is_installed():
        raise ConfigError('[analysis] engine is "openvino", which is not installed: pip install "ich-node[openvino]"')


def logit_difference(bundle: Bundle, one: Engine, other: Engine) -> float:
    """Between two engines, on the slice that every bundle is checked with."""
    x_BCYX = bundle.check_image()[None]
    return float(np.abs(one.run(x_BCYX)[0] - other.run(x_BCYX)[0]).max())
