"""The network in OpenVINO, on a CPU. An optional extra, imported only when it is used."""

import sys
import warnings
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ich_node.model.engines.engine import Output
from ich_node.model.engines.torch_engine import folded
from ich_node.model.network import MilNetwork

# Per thread in a batch, so that few threads are idle while the last slice of a batch ends.
SLICES_PER_THREAD = 4


def openvino_is_installed() -> bool:
    """Looks for the package without importing it."""
    return find_spec("openvino") is not None


class OpenVinoEngine:
    """In single precision; one slice per thread, on as many threads as torch has.

    The constructor raises ImportError or RuntimeError if this machine cannot run it.
    """

    def __init__(self, network: MilNetwork, size_px: int) -> None:
        openvino = _import()
        # one slice: no thread waits for another; a fixed shape: more is computed in advance
        shape = (1, network.spec.in_channels, size_px, size_px)
        with warnings.catch_warnings(), torch.no_grad():
            # deprecated by torch, and the form that OpenVINO converts fastest
            warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
            traced = torch.jit.trace(folded(network), torch.zeros(shape), check_trace=False)
            model = openvino.convert_model(traced, input=[shape])
        self._threads = torch.get_num_threads()
        compiled = openvino.Core().compile_model(
            model,
            "CPU",
            {
                # the default is bfloat16 on CPUs that have it: errors of 0.1 in the logit
                "INFERENCE_PRECISION_HINT": "f32",
                "INFERENCE_NUM_THREADS": self._threads,
                "NUM_STREAMS": self._threads,
            },
        )
        self._map_shape: tuple[int, ...] = tuple(compiled.output(1).shape)[1:]
        self._requests = openvino.AsyncInferQueue(compiled, self._threads)
        self._requests.set_callback(_keep)

    @property
    def name(self) -> str:
        return "openvino"

    @property
    def batch(self) -> int:
        return SLICES_PER_THREAD * self._threads

    def run(self, x_BCYX: NDArray[np.float32]) -> Output:
        logit_B = np.empty(len(x_BCYX), dtype=np.float32)
        likelihood_BYX = np.empty((len(x_BCYX), *self._map_shape), dtype=np.float32)
        for index, x_CYX in enumerate(x_BCYX):
            place = slice(index, index + 1)
            self._requests.start_async([x_CYX[None]], (logit_B[place], likelihood_BYX[place]))
        self._requests.wait_all()
        return logit_B, likelihood_BYX


def _keep(request: Any, places: Output) -> None:
    """Copies the answer: OpenVINO reuses its output memory for the next slice."""
    for place, tensor in zip(places, request.output_tensors, strict=True):
        place[:] = tensor.data


def _import() -> ModuleType:
    """Without telemetry: OpenVINO reports each import and conversion over the internet, unless its
    package openvino_telemetry cannot be imported.
    """
    blocked: dict[str, Any] = dict.fromkeys(["openvino_telemetry"])
    sys.modules.update(blocked)  # None makes its import fail as if it were not installed
    import openvino

    module: ModuleType = openvino
    return module
