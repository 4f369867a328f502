"""What every test run has: its hypothesis profile, and a bundle."""

import os

# Before anything imports torch, and for the processes that tests start: several workers use the
# cores at once, and threads that wait for each other on busy cores cost four times the CPU.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from tests.support.untrained_bundle import write_untrained_bundle

# The same cases on every run: a red one must be red again. `pytest --hypothesis-profile=default`
# looks for new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

# A test that wants the site gives it a free port.
os.environ["ICHNODE__WEB__ENABLED"] = "false"

# Where rich is installed, structlog draws all local variables of a traceback: 10 s for an image.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first: one worker must not be busy with them when all others have ended."""
    items.sort(key=lambda item: "walk" not in item.path.parts)


@pytest.fixture(scope="session")
def untrained_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls everything positive."""
    path: Path = tmp_path_factory.mktemp("bundle") / "untrained.safetensors"
    write_untrained_bundle(path)
    return path


@pytest.fixture(scope="session")
def calm_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls nothing positive."""
    path: Path = tmp_path_factory.mktemp("bundle") / "calm.safetensors"
    write_untrained_bundle(path, threshold=0.999)
    return path
