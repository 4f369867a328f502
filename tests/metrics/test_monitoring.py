"""What is shipped for Prometheus and Grafana names metrics that there are, and says when to act."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from ich_node.metrics.known import METRICS
from tests.support import REPOSITORY
from tests.support.peers import need

ROOT = REPOSITORY
MONITORING = ROOT / "monitoring"
ALERTS, GRAFANA = MONITORING / "alerts.yml", MONITORING / "grafana.json"
DOCS = ROOT / "docs" / "monitoring.md"
NAMES = {metric.full_name for metric in METRICS} | {
    f"{metric.full_name}_{part}"
    for metric in METRICS
    if metric.kind == "histogram"
    for part in ("bucket", "sum", "count")
}


def named_in(text: str) -> set[str]:
    return set(re.findall(r"ichnode_[a-z_]+", text))


def promtool(*arguments: object) -> str:
    done = subprocess.run(
        [need("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("path", [ALERTS, GRAFANA, DOCS], ids=lambda path: path.name)
def test_metrics_exist(path):
    """Every name in it is one of the node's."""
    named = named_in(path.read_text(encoding="utf-8"))
    assert len(named) > 10
    assert named <= NAMES


def test_rules():
    assert "SUCCESS" in promtool("check", "rules", ALERTS)


def test_what_fires():
    """And what does not: each alert has a case."""
    files = sorted(Path(__file__).parent.glob("alerts*_test.yml"))
    promtool("test", "rules", *files)
    tried = "".join(path.read_text(encoding="utf-8") for path in files)
    names = re.findall(r"alert: (\w+)", ALERTS.read_text(encoding="utf-8"))
    assert len(names) >= 15
    assert [name for name in names if f"alertname: {name}\n" not in tried] == []


def test_every_alert_is_explained():
    """A summary, a remedy, and a line in the documentation."""
    text, docs = ALERTS.read_text(encoding="utf-8"), DOCS.read_text(encoding="utf-8")
    names = re.findall(r"alert: (\w+)", text)
    assert text.count("summary:") == text.count("remedy:") == len(names)
    assert [name for name in names if f"`{name}`" not in docs] == []


def test_every_metric_is_documented():
    """The table has a row for each, with its labels and words, and no other."""
    rows = dict(
        re.findall(
            r"^\| `(ichnode_\w+)` \| (.+) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    expected = {
        metric.full_name: (
            f"{metric.kind} | {', '.join(metric.labels) or '-'} | {metric.words.rstrip('.')}"
        )
        for metric in METRICS
    }
    assert rows == expected


def test_dashboard():
    """Panels do not overlap, and each has a question for Prometheus."""
    panels = json.loads(GRAFANA.read_text(encoding="utf-8"))["panels"]
    assert all(target["expr"] for panel in panels for target in panel["targets"])
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert {x for x, _ in cells} <= set(range(24))
