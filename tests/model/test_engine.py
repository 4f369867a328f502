"""Which engine runs the network, and what is reported about it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ich_node.config.load import load_config
from ich_node.errors import ConfigError
from ich_node.model.bundle import Bundle
from ich_node.model.bundle_file import open_bundle, shipped_bundle
from ich_node.model.engines import choose
from ich_node.model.engines.choose import checked, choose_engine, required_engine
from ich_node.model.engines.openvino_engine import openvino_is_installed
from ich_node.model.engines.torch_engine import TorchEngine

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
with_openvino = pytest.mark.skipif(
    not openvino_is_installed(), reason='pip install "ich-node[openvino]"'
)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return open_bundle(shipped_bundle())


@with_openvino
def test_auto_is_openvino_where_it_is_installed_and_agrees(bundle):
    """There is no objection."""
    choice = choose_engine(bundle, "auto", "cpu")
    assert (choice.engine.name, choice.objection) == ("openvino", "")


@with_openvino
@pytest.mark.parametrize("wanted", ["auto", "openvino"])
def test_an_engine_that_disagrees_with_torch_does_not_read(bundle, wanted, monkeypatch):
    """Even if it was named: torch reads, and the objection gives the reason. (The tolerance here is
    negative, which no engine meets.)
    """
    monkeypatch.setattr(choose, "TOLERANCE", -1.0)
    choice = choose_engine(bundle, wanted, "cpu")
    assert choice.engine.name == "torch"
    assert choice.objection.startswith(
        "OpenVINO's logit of the check slice differs from torch's by"
    )


def test_torch_is_torch(bundle):
    """Also where OpenVINO is installed."""
    assert choose_engine(bundle, "torch", "cpu").engine.name == "torch"


def test_without_openvino_torch_reads(bundle, monkeypatch):
    """By default that is no objection; if OpenVINO is named, it is an error with its remedy."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    choice = choose_engine(bundle, "auto", "cpu")
    assert (choice.engine.name, choice.objection) == ("torch", "")
    with pytest.raises(ConfigError, match=r'not installed: pip install "ich-node\[openvino\]"'):
        choose_engine(bundle, "openvino", "cpu")


@on_cuda
@pytest.mark.parametrize("wanted", ["auto", "torch"])
def test_the_gpu_reads_where_it_is_chosen_and_agrees(bundle, wanted):
    """There is no objection."""
    choice = choose_engine(bundle, wanted, "cuda")
    assert (choice.engine.name, choice.objection) == ("torch on cuda", "")
    assert required_engine(bundle, "cuda").name == "torch on cuda"


@pytest.mark.parametrize(("wrong", "by"), [(1.0, "1"), (np.nan, "nan")])
def test_a_gpu_that_computes_something_else_does_not_read(bundle, wrong, by):
    """Or gives NaN: torch on the CPU reads. (An engine with a wrong bias stands for the GPU.)"""

    def make() -> TorchEngine:
        engine = TorchEngine(bundle.network())
        with torch.no_grad():
            engine.network.head.score.bias += wrong
        return engine

    choice = checked(bundle, "the GPU", make)
    assert choice.engine.name == "torch"
    assert (
        choice.objection
        == f"the GPU's logit of the check slice differs from torch's by {by}; 0.001 is allowed"
    )


def raising(error: Exception):
    def make():
        raise error

    return make


def test_a_gpu_that_cannot_run_the_network_does_not_read(bundle):
    """A missing driver or kernel does not stop the node: the CPU reads; the objection says why."""
    choice = checked(bundle, "the GPU", raising(RuntimeError("no kernel image is available")))
    assert (choice.engine.name, choice.objection) == (
        "torch",
        "the GPU cannot run the network: no kernel image is available",
    )


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), torch.AcceleratorError("CUDA error")]
)
def test_a_gpu_without_memory_or_a_lost_one_is_an_error(bundle, error):
    """The analyser waits for memory, and ends the process if the GPU is lost."""
    with pytest.raises(type(error)):
        checked(bundle, "the GPU", raising(error))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named(bundle):
    """In the error message of the command."""
    with pytest.raises(ConfigError, match="--device cuda: this torch sees no GPU"):
        required_engine(bundle, "cuda")


def test_openvino_on_a_gpu_is_a_mistake(tmp_path):
    """OpenVINO runs on the CPU."""
    path = tmp_path / "config.toml"
    path.write_text('[analysis]\nengine = "openvino"\ndevice = "cuda"\n')
    with pytest.raises(ConfigError, match="'openvino' reads on the CPU, and device is 'cuda'"):
        load_config(path)


@with_openvino
def test_openvino_sends_no_telemetry(tmp_path):
    """Its telemetry package, which writes an identity to the user's home and reports over the
    internet, is never loaded.
    """
    home = tmp_path / "home"
    home.mkdir()
    script = (
        "import sys\n"
        "from ich_node.model.engines.choose import choose_engine\n"
        "from ich_node.model.bundle_file import open_bundle, shipped_bundle\n"
        "assert 'openvino' not in sys.modules\n"
        "print(choose_engine(open_bundle(shipped_bundle()), 'auto', 'cpu').engine.name)\n"
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry.')]\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {
        "HOME": str(home)
    }
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "openvino\n"
    assert not list(Path(home).iterdir())
