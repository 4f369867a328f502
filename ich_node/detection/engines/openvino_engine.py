"""The network by OpenVINO, on a CPU. An optional extra, imported only where it is asked for."""

import sys
import warnings
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ich_node.detection.engines.engine import Output
from ich_node.detection.network import MilNetwork


def openvino_is_installed() -> bool:
    """Found, not imported."""
    return find_spec("openvino") is not None


class OpenVinoEngine:
    """In single precision, with as many threads as torch has."""

    def __init__(self, network: MilNetwork, size_px: int) -> None:
        openvino = _import()
        # one slice at a time: with a fixed shape more is done beforehand, and larger batches are not faster
        shape = (1, network.spec.in_channels, size_px, size_px)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)  # how OpenVINO reads torch's networks
            model = openvino.convert_model(network, example_input=torch.zeros(shape), input=[shape])
        self._compiled = openvino.Core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "f32",  # where a CPU has bfloat16, it would be taken: errors of 0.1 in the logit
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                "NUM_STREAMS": 1,
            },
        )

    @property
    def name(self) -> str:
        return "openvino"

    @property
    def batch(self) -> int:
        return 1

    def run(self, x_BCYX: NDArray[np.float32]) -> Output:
        outputs = [self._compiled([x_CYX[None]]).to_tuple() for x_CYX in x_BCYX]
        logits, likelihoods = zip(*outputs, strict=True)
        return np.concatenate(logits), np.concatenate(likelihoods)


def _import() -> ModuleType:
    """OpenVINO reports each import and conversion to its maker over the internet, unless that package of its is missing."""
    blocked: dict[str, Any] = dict.fromkeys(["openvino_telemetry"])
    sys.modules.update(blocked)  # None: an import of it fails as if it were not installed
    import openvino

    module: ModuleType = openvino
    return module
