"""What Prometheus reads: the right values, names that its own tools accept, nothing that grows."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ich_node.config.config import Config
from ich_node.ledger.counts import (
    ASSOCIATIONS,
    DELIVERIES,
    INFERENCE_SECONDS,
    INSTANCES,
    INSTANCES_REFUSED,
    SERIES,
    Tally,
)
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.ledger.measurements import BACKUP, DRIFT
from ich_node.ledger.tables import metadata
from ich_node.metrics.collector import registry_of
from ich_node.metrics.known import METRICS, PREFIX
from tests.documents.states.a_busy_day import Day, the_day
from tests.support.certificates import authority
from tests.support.node import opened_ledger
from tests.support.peers import need

DESTINATIONS = [
    {"name": name, "ae_title": "PACS", "host": "127.0.0.1", "port": 104}
    for name in ("pacs", "research")
]
SECRETS = ("ACC-1001", "P-81", "HEAD", "1.2.826")


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Nine series in all states, processes and counts: its ledger, configuration and time."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "spool").mkdir()
    made = authority(folder / "ca").issue("/CN=node", days=40)
    config = Config(
        spool={"path": folder / "spool", "reserve_bytes": 4096},
        database={"url": f"sqlite:///{folder}/ledger.sqlite"},
        sources=[{"name": name, "ae_title": name.upper()} for name in ("ct-er", "ct-ward")],
        destinations=DESTINATIONS,
        web={"certificate": made.certificate, "key": made.key},
    )
    with opened_ledger(config.database.url) as ledger:
        key = ledger.search_keys.for_receiving(folder / "key", now=Day(ledger=ledger, key=None).now)
        day = Day(ledger=ledger, key=key)
        the_day(day)
        beat(ledger, day.now)
        ledger.counts.add(counted().take())
        ledger.destination_states.answered("pacs", is_up=False, detail="refused", now=day.now)
        ledger.destination_states.answered("gone", is_up=False, detail="", now=day.now)
        ledger.pauses.pause("reading", now=day.now, until=None, who="ada", why="")
        facts = {"has_drifted": False, "shift": 0.07, "bundle_sha256": "b" * 64}
        ledger.measurements.keep(DRIFT, facts, now=day.now)
        ledger.measurements.keep(BACKUP, {}, now=day.now)
        yield ledger, config, day.now


def beat(ledger, now):
    receive = Heartbeat(
        host="node", service="receive", pid=7, version="1", started_at=now, beat_at=now,
        is_ready=True,
    )  # fmt: skip
    ledger.heartbeats.beat(receive)
    facts = {"gpu": None, "bundle": "phantom", "bundle_sha256": "b" * 64, "engine": "torch"}
    ledger.heartbeats.beat(replace(receive, service="analyse", pid=8, facts=facts))


def counted() -> Tally:
    counts = Tally()
    counts.add(ASSOCIATIONS, 2, result="released", reason="", source="ct-er")
    counts.add(ASSOCIATIONS, result="rejected", reason="calling_ae", source="unknown")
    counts.add(INSTANCES, 40, source="ct-er")
    counts.add(INSTANCES_REFUSED, source="ct-er", status="uid_missing")
    counts.add(SERIES, 3, outcome="present", reason="")
    counts.add(SERIES, outcome="refused", reason="bone_kernel")
    counts.add(SERIES, outcome="failed", reason="crashed")
    counts.add(DELIVERIES, 12, destination="pacs")
    for seconds in (0.2, 0.7, 400):
        counts.observe(INFERENCE_SECONDS, seconds)
    return counts


def scraped(node) -> str:
    ledger, config, now = node
    return generate_latest(registry_of(ledger, lambda: config, lambda: now)).decode()


@pytest.fixture(scope="module")
def values(node):
    """By name and labels."""
    return {
        (sample.name.removeprefix(PREFIX), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(scraped(node))
        for sample in family.samples
    }


def test_processes(values):
    up = {labels[0][1]: value for (name, labels), value in values.items() if name == "service_up"}
    assert up == {"receive": 1, "analyse": 1, "send": 0}
    assert values["service_processes", (("service", "analyse"),)] == 1
    assert values["heartbeat_age_seconds", (("service", "receive"),)] == 0
    assert values["gpu_available", ()] == 0
    model = (("engine", "torch"), ("name", "phantom"), ("sha256", "b" * 64))
    assert values["model_info", model] == 1
    assert values["paused", (("target", "reading"),)] == 1


def test_what_was_counted(values):
    def of(name, **labels):
        return values[name, tuple(sorted(labels.items()))]

    assert of("associations_total", result="released", reason="", source="ct-er") == 2
    assert of("associations_total", result="rejected", reason="calling_ae", source="unknown") == 1
    assert of("instances_received_total", source="ct-er") == 40
    assert of("instances_received_total", source="ct-ward") == 0
    assert of("series_total", outcome="present") == 3
    assert of("series_total", outcome="absent") == 0
    assert of("series_total", outcome="refused") == 1
    assert of("series_skipped_total", reason="bone_kernel") == 1
    assert of("series_failed_total", reason="crashed") == 1
    assert of("deliveries_total", destination="pacs") == 12
    assert of("send_failures_total", destination="research") == 0


def test_histogram(values):
    def up_to(end):
        return values["inference_seconds_bucket", (("le", end),)]

    assert [up_to(end) for end in ("0.1", "0.25", "1.0", "120.0", "+Inf")] == [0, 1, 2, 2, 3]
    assert values["inference_seconds_count", ()] == 3
    assert values["inference_seconds_sum", ()] == pytest.approx(400.9)
    assert values["receive_to_result_seconds_count", ()] == 0


def test_jobs_and_deliveries(values):
    """Of the busy day: one series arrives, one is held, one failed; the archive is owed an SR and
    an overlay.
    """
    jobs = {
        dict(labels)["state"]: value for (name, labels), value in values.items() if name == "jobs"
    }
    assert jobs == {"arriving": 1, "waiting": 0, "reading": 0, "again": 0, "held": 1, "failed": 1}
    assert values["job_age_seconds", (("state", "failed"),)] == pytest.approx(6000, abs=1)
    assert values["deliveries_owed", (("destination", "pacs"),)] == 2
    assert values["delivery_age_seconds", (("destination", "pacs"),)] == pytest.approx(2694, abs=1)
    assert values["deliveries_owed", (("destination", "research"),)] == 0
    assert values["deliveries_failed", (("destination", "pacs"),)] == 0


def test_surroundings(node, values):
    _, config, now = node
    assert values["destination_up", (("destination", "pacs"),)] == 0
    assert ("destination_up", (("destination", "gone"),)) not in values
    assert values["disk_free_bytes", (("holds", "spool"),)] == pytest.approx(
        shutil.disk_usage(config.spool.path).free, rel=0.1
    )
    left = values["cert_expiry_timestamp_seconds", (("certificate", "web"),)] - now.timestamp()
    assert left == pytest.approx(40 * 86_400, rel=0.05)
    assert values["disk_reserve_bytes", (("holds", "spool"),)] == config.spool.reserve_bytes
    assert values["last_backup_timestamp_seconds", ()] == now.timestamp()
    assert values["positive_ratio", ()] == 2 / 4
    assert values["score_shift", ()] == 0.07
    assert values["scores_drifted", ()] == 0
    assert values["troubles", (("kind", "series_failed"),)] == 1


def test_new_node_has_metrics(tmp_path):
    with opened_ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
        config = Config(database={"url": f"sqlite:///{tmp_path}/ledger.sqlite"})
        now = Day(ledger=ledger, key=None).now
        text = scraped((ledger, config, now))
    assert 'ichnode_jobs{state="waiting"} 0.0' in text
    assert "positive_ratio " not in text.replace("# HELP ichnode_positive_ratio ", "").replace(
        "# TYPE ichnode_positive_ratio ", ""
    )


def test_every_metric_is_known(node):
    """The table says what is measured, and nothing else is."""
    families = list(text_string_to_metric_families(scraped(node)))
    kinds = {family.name.removeprefix(PREFIX): family.type for family in families}
    assert kinds == {metric.name: metric.kind for metric in METRICS}
    words = {family.name.removeprefix(PREFIX): family.documentation for family in families}
    assert words == {metric.name: metric.words for metric in METRICS}


def test_no_label_identifies_anybody(node):
    """Names of the configuration, words of the program, the hash of a model."""
    text = scraped(node)
    assert not [secret for secret in SECRETS if secret in text]
    allowed = {label for metric in METRICS for label in metric.labels} | {"le"}
    families = text_string_to_metric_families(text)
    assert {
        name for each in families for sample in each.samples for name in sample.labels
    } == allowed


def test_prometheus_accepts_them(node):
    """`promtool check metrics` has nothing to object to."""
    checked = subprocess.run(
        [need("promtool"), "check", "metrics"],
        input=scraped(node),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_a_scrape_leaves_nothing_behind(node):
    """No row, and no object that the next one does not remove."""
    ledger = node[0]
    before = _rows(ledger)
    assert len({scraped(node).count("\n") for _ in range(20)}) == 1
    assert _rows(ledger) == before


@pytest.mark.extended
@pytest.mark.timeout(1800)  # 17,780 scrapes, about four minutes of an idle core
def test_a_day_of_scrapes_leaves_nothing_behind(node):
    """Every 5 s for 24 h: memory and ledger stay as they are."""
    ledger = node[0]
    before = _rows(ledger)
    for _ in range(500):
        scraped(node)
    kilobytes = _resident_kilobytes()
    for _ in range(17_280):
        scraped(node)
    assert _resident_kilobytes() < kilobytes + 8_000
    assert _rows(ledger) == before


def _rows(ledger) -> dict[str, int]:
    with ledger.database.read() as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
            for table in metadata.sorted_tables
        }


def _resident_kilobytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0])
