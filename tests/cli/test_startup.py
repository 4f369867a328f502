"""Commands start quickly: they import only what they need."""

import subprocess
import sys
from pathlib import Path

import pytest

from ich_node.ledger import open_ledger

RUN = """
import sys
from ich_node.cli import main

try:
    main(sys.argv[1:])
finally:
    print("MODULES", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
# Each takes from 0.05 s (structlog) to 3 s (torch) to import.
COMPUTING = {"torch", "openvino", "numpy", "scipy", "skimage", "matplotlib"}
DICOM = {"pydicom", "pynetdicom", "highdicom", "imagecodecs"}
SENDING = {"httpx", "hl7apy", "standardwebhooks"}
SERVING = COMPUTING | DICOM | SENDING | {"structlog", "alembic", "training"}
CONFIG = """
[database]
url = "sqlite:///{folder}/ledger.sqlite"
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "127.0.0.1"
port = 104
[[destinations]]
name = "worklist"
kind = "webhook"
url = "https://127.0.0.1/"
secret_file = "secret"
[[destinations]]
name = "archive"
kind = "stow"
url = "https://127.0.0.1/"
[[destinations]]
name = "ris"
kind = "hl7"
host = "127.0.0.1"
port = 2575
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a ledger that is up to date, as on every start but the first."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "config.toml").write_text(CONFIG.format(folder=folder))
    (folder / "secret").write_text("c2VjcmV0" * 4)
    open_ledger(f"sqlite:///{folder}/ledger.sqlite").dispose()
    return folder / "config.toml"


@pytest.mark.parametrize(
    ("command", "not_needed"),
    [
        ("--version", SERVING | {"sqlalchemy", "pydantic"}),
        ("--help", SERVING - {"training"} | {"sqlalchemy"}),
        ("jobs --help", SERVING | {"sqlalchemy"}),
        ("check-config", SERVING),
        ("jobs list", SERVING),
        ("model list", SERVING),
    ],
)
def test_a_command_imports_only_what_it_needs(
    command: str, not_needed: set[str], config: Path
) -> None:
    arguments = [sys.executable, "-c", RUN, "--config", str(config), *command.split()]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (modules,) = [line for line in done.stderr.splitlines() if line.startswith("MODULES ")]
    assert not_needed & set(modules.split()) == set()
