"""The network by OpenVINO, on a CPU. An optional extra, imported only where it is asked for."""

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

SLICES_A_THREAD = 4  # so that few threads have nothing to do while the last slice of a batch ends


def openvino_is_installed() -> bool:
    """Found, not imported."""
    return find_spec("openvino") is not None


class OpenVinoEngine:
    """In single precision; as many slices at the same time as torch has threads, each on a thread
    of its own.

    Raises ImportError or RuntimeError where this machine cannot run it.
    """

    def __init__(self, network: MilNetwork, size_px: int) -> None:
        openvino = _import()
        # a thread never waits for another one, and with a fixed shape more is done beforehand
        shape = (1, network.spec.in_channels, size_px, size_px)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.filterwarnings(
                "ignore", "`torch.jit", DeprecationWarning
            )  # the form in which OpenVINO reads it soonest
            traced = torch.jit.trace(folded(network), torch.zeros(shape), check_trace=False)
            model = openvino.convert_model(traced, input=[shape])
        self._threads = torch.get_num_threads()
        compiled = openvino.Core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "f32",  # where a CPU has bfloat16, it would be taken: errors of 0.1 in the logit
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
        return SLICES_A_THREAD * self._threads

    def run(self, x_BCYX: NDArray[np.float32]) -> Output:
        logit_B = np.empty(len(x_BCYX), dtype=np.float32)
        likelihood_BYX = np.empty((len(x_BCYX), *self._map_shape), dtype=np.float32)
        for index, x_CYX in enumerate(x_BCYX):
            place = slice(index, index + 1)
            self._requests.start_async([x_CYX[None]], (logit_B[place], likelihood_BYX[place]))
        self._requests.wait_all()
        return logit_B, likelihood_BYX


def _keep(request: Any, places: Output) -> None:
    """OpenVINO's own memory is written again by the next slice."""
    for place, tensor in zip(places, request.output_tensors, strict=True):
        place[:] = tensor.data


def _import() -> ModuleType:
    """OpenVINO reports each import and conversion to its maker over the internet, unless that
    package of its is missing.
    """
    blocked: dict[str, Any] = dict.fromkeys(["openvino_telemetry"])
    sys.modules.update(blocked)  # None: an import of it fails as if it were not installed
    import openvino

    module: ModuleType = openvino
    return module
