"""Which engine reads, and what is said about it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ich_node import engine
from ich_node.config import load_config
from ich_node.detection.bundle import Bundle
from ich_node.detection.engines.openvino_engine import openvino_is_installed
from ich_node.engine import choose_engine
from ich_node.errors import ConfigError
from ich_node.shelf import open_bundle, shipped_bundle

with_openvino = pytest.mark.skipif(not openvino_is_installed(), reason='pip install "ich-node[openvino]"')


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return open_bundle(shipped_bundle())


@with_openvino
def test_auto_is_openvino_where_it_is_installed_and_agrees(bundle):
    """Nothing speaks against it."""
    choice = choose_engine(bundle, "auto", "cpu")
    assert (choice.engine.name, choice.objection) == ("openvino", "")


@with_openvino
@pytest.mark.parametrize("wanted", ["auto", "openvino"])
def test_an_engine_that_disagrees_with_torch_does_not_read(bundle, wanted, monkeypatch):
    """Whoever asked for it: torch reads, and the choice says why. (No engine is within less than nothing.)"""
    monkeypatch.setattr(engine, "TOLERANCE", -1.0)
    choice = choose_engine(bundle, wanted, "cpu")
    assert choice.engine.name == "torch"
    assert choice.objection.startswith("OpenVINO's logit of the check slice differs from torch's by")


def test_torch_is_torch(bundle):
    """Also where OpenVINO is installed."""
    assert choose_engine(bundle, "torch", "cpu").engine.name == "torch"


def test_without_openvino_torch_reads(bundle, monkeypatch):
    """Its absence is no objection; asked for by name, it is a mistake with its remedy."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    choice = choose_engine(bundle, "auto", "cpu")
    assert (choice.engine.name, choice.objection) == ("torch", "")
    with pytest.raises(ConfigError, match=r'not installed: pip install "ich-node\[openvino\]"'):
        choose_engine(bundle, "openvino", "cpu")


def test_openvino_on_a_gpu_is_a_mistake(tmp_path):
    """It reads on the CPU."""
    path = tmp_path / "config.toml"
    path.write_text('[analysis]\nengine = "openvino"\ndevice = "cuda"\n')
    with pytest.raises(ConfigError, match="'openvino' reads on the CPU, and device is 'cuda'"):
        load_config(path)


@with_openvino
def test_openvino_tells_nobody(tmp_path):
    """Its telemetry, which would leave an identity in the user's home and call its maker, is never loaded."""
    home = tmp_path / "home"
    home.mkdir()
    script = (
        "import sys\n"
        "from ich_node.engine import choose_engine\n"
        "from ich_node.shelf import open_bundle, shipped_bundle\n"
        "assert 'openvino' not in sys.modules\n"
        "print(choose_engine(open_bundle(shipped_bundle()), 'auto', 'cpu').engine.name)\n"
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry.')]\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"HOME": str(home)}
    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "openvino\n"
    assert not list(Path(home).iterdir())
