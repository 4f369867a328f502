"""What is logged of an error: its type and its place."""

import json
import subprocess
import sys

CRASH = """
import structlog
from ich_node.processes.log import set_up_logging

set_up_logging("debug", "analyse")
log = structlog.get_logger("ich_node.test")
try:
    try:
        raise KeyError("Quisling^Zaphod")
    except KeyError as error:
        raise ValueError("Invalid value for VR PN: 'Quisling^Zaphod'") from error
except ValueError:
    log.exception("reading_crashed", job=7)
raise RuntimeError("Quisling^Zaphod")
"""


def test_a_crash_is_logged_with_its_type_and_place_and_without_values() -> None:
    """Messages of libraries quote values. Caught or not, an error and its cause are logged without
    them.
    """
    ran = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, check=False)
    caught, uncaught = (json.loads(line) for line in ran.stderr.splitlines())
    assert (caught["event"], caught["level"], caught["job"], caught["process"]) == (
        "reading_crashed",
        "error",
        7,
        "analyse",
    )
    assert "ValueError" in caught["exception"]
    assert "KeyError" in caught["exception"]
    assert "RuntimeError" in uncaught["exception"]
    assert "Quisling" not in ran.stdout + ran.stderr
