"""What is logged of an error: its type and its place."""

import json
import os
import re
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


SAY = """
import sys
import structlog
from ich_node.processes.log import set_level, set_up_logging

set_up_logging("warning", "send", format=sys.argv[1], time=sys.argv[2])
log = structlog.get_logger("ich_node.test")
log.info("not_this")
log.warning("delivered", job=7)
set_level("info")
log.info("then_this")
"""


def test_people_read_local_time_and_machines_json_in_utc() -> None:
    """ "auto" is JSON where standard error is no terminal. A change of the level counts at once."""

    def said(form: str, zone: str) -> list[str]:
        command = [sys.executable, "-c", SAY, form, zone]
        environment = {**os.environ, "TZ": "America/New_York"}
        ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return ran.stderr.splitlines()

    for line in [*said("auto", "local"), *said("json", "local")]:
        assert json.loads(line)["timestamp"].endswith("Z")
    assert [json.loads(line)["event"] for line in said("json", "utc")] == ["delivered", "then_this"]
    console = said("console", "local")
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d E[SD]T \[warning\] delivered", console[0])
    assert "job=7" in console[0]
    assert " UTC [warning]" in said("console", "utc")[0]
