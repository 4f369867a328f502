"""The same folded network by onnxruntime, a peer that the node does not use: where `pip install -e
".[bench]"` put it.
"""

import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray

from ich_node.model.engines.torch_engine import folded
from ich_node.model.network import MilNetwork


def onnxruntime_is_installed() -> bool:
    """With what torch exports a network by."""
    return all(find_spec(name) for name in ("onnxruntime", "onnx", "onnxscript"))


def by_onnxruntime(
    network: MilNetwork, x_BCYX: NDArray[np.float32], threads: int
) -> Callable[[], list[list[NDArray[np.float32]]]]:
    """A slice at a time, which is what it is fastest with."""
    import onnxruntime

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's, of its own future
        program = torch.onnx.export(
            folded(network),
            (torch.from_numpy(x_BCYX[:1]),),
            input_names=["x"],
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: [session.run(None, {"x": x_CYX[None]}) for x_CYX in x_BCYX]
