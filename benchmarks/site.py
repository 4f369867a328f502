"""Every page of the site in a ledger of 1,000,000 jobs: `python -m benchmarks.site [URL]`.

URL: an empty database; without it, a new SQLite file. `ich-node web` answers, one request after
another over one connection on loopback. CPU: of its process, as the kernel counts it, without the
commands that it starts. The ledger has 100,000 entries in the journal, 20,000 deliveries that are
owed, 5,000 readings of a second bundle, and 10,000 verdicts. Pictures: benchmarks/site_pictures.py.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import httpx
from starlette.routing import Route

from benchmarks.find import UID, fill_with_jobs
from benchmarks.ledger_growth import empty_database
from benchmarks.side_by_side import write_table
from ich_node.ledger import Ledger, open_ledger
from ich_node.ledger.heartbeats import Heartbeat
from ich_node.model.bundle_file import keep_bundle, open_bundle, shipped_bundle
from ich_node.model.revise import revise
from ich_node.web.page import FormRoute
from ich_node.web.pages import ROUTES

JOBS = int(os.environ.get("ICH_NODE_BENCH_JOBS", "1000000"))
ROUNDS = int(os.environ.get("ICH_NODE_BENCH_ROUNDS", "30"))
NOW = datetime.now(UTC).replace(microsecond=0)
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
SHOWN_JOB = JOBS - 40_008
SHOWN_STUDY = f"{UID}{100_000_000 + SHOWN_JOB // 3}"
FILL = (
    """INSERT INTO audit_events (id, at, who, address, action, target, outcome, detail, reported_at)
       SELECT n, {at}, 'reader ' || (n % 40), '10.1.2.' || (n % 200),
       CASE WHEN n % 7 = 0 THEN 'sign in' WHEN n % 50 = 3 THEN 'retry' ELSE 'look at series' END,
       'job ' || n, 'done', '', {at} FROM numbers WHERE n > {jobs} - 100000""",
    """INSERT INTO scans (job_id, manufacturer, scanner, body_part, kernel, slice_thickness_mm, kvp,
       slices, age_years, sex, answered_at)
       SELECT n, 'maker ' || (n % 3), 'scanner ' || (n % 5), 'HEAD', 'H31s', 5.0, 120, 30, n % 90,
       'F', {at} FROM numbers WHERE n <= {jobs} - 20""",
    """INSERT INTO readings (id, job_id, purpose, bundle_sha256, bundle_name, bundle_path, state,
       requested_at, who, attempts, read_at, answer, series_probability)
       SELECT n, n, 'shadow', '{other}', 'other', '{other_path}', 'DONE', {at}, 'bench', 1, {at},
       CASE WHEN n % 9 = 0 THEN 'present' ELSE 'absent' END, n % 1000 / 1000.0
       FROM numbers WHERE n > {jobs} - 5020 AND n <= {jobs} - 20 AND n % 200 <> 0
       AND n % 1000 <> 1""",
    """INSERT INTO verdicts (id, job_id, at, bleeding, type, who, origin, slices, comment)
       SELECT n, n, {at}, CASE WHEN n % 10 = 0 THEN {true} ELSE {false} END, '', 'reader', 'site',
       '', '' FROM numbers WHERE n > {jobs} - 100000 AND n % 10 < 1""",
    """INSERT INTO instances (id, sop_instance_uid, sop_class_uid, study_instance_uid,
       series_instance_uid, transfer_syntax_uid, sha256, path, size_bytes, source, received_at,
       revision)
       SELECT n, '2.25.7' || n, '1.2.840.10008.5.1.4.1.1.2', '{study}', '{study}.{series}',
       '1.2.840.10008.1.2.1', 'hash' || n,
       'objects/aa/{digits}' || (1000000000000000 + n) || '.dcm', 526000, 'ct', {at}, 1
       FROM numbers WHERE n <= 36""",
    """INSERT INTO job_events (id, job_id, at, event, detail)
       SELECT n, {shown}, {at}, CASE n WHEN 1 THEN 'ready' WHEN 2 THEN 'claimed' ELSE 'done' END, ''
       FROM numbers WHERE n <= 3""",
)
# By the route's path, with what stands behind it: a page that has none here is an error.
ASKED: dict[str, tuple[str, ...]] = {
    "/": ("/",),
    "/series": (
        "/series",
        "/series?outcome=present",
        "/series?state=failed",
        "/series?owed=1",
        "/series?since=2h",
        "/series?source=ct-rare&outcome=absent",
        "/series?source=ct-0&state=done&outcome=present&since=60d",
    ),
    "/series/go": (f"/series/go?word={SHOWN_JOB}",),
    "/series/{word}": (f"/series/{SHOWN_JOB}", f"/series/{str(500_000_000 + SHOWN_JOB)[-8:]}"),
    "/series/{word}/progress": (f"/series/{SHOWN_JOB}/progress",),
    "/series/{job}/viewer": (f"/series/{SHOWN_JOB}/viewer",),
    "/studies": (
        "/studies",
        "/studies?outcome=present",
        "/studies?outcome=refused",
        "/studies?source=ct-rare",
        "/studies?until=180d",
    ),
    "/studies/{word}": (f"/studies/{SHOWN_STUDY}",),
    "/owed": ("/owed", "/owed?destination=pacs", "/owed?state=failed"),
    "/refused": ("/refused", "/refused?days=90"),
    "/refused/series": ("/refused/series?days=90",),
    "/refused/rules": ("/refused/rules",),
    "/model": ("/model",),
    "/model/bundle/{sha256}": ("/model/bundle/{active}",),
    "/model/compare": ("/model/compare", "/model/compare?days=365"),
    "/model/threshold": ("/model/threshold", "/model/threshold?days=365&threshold=0.3"),
    "/model/threshold/changes": ("/model/threshold/changes?bundle={active}&threshold=0.6",),
    "/quality": ("/quality",),
    "/quality/figures": ("/quality/figures",),
    "/config": ("/config", "/config?only=set"),
    "/commission": ("/commission",),
    "/journal": ("/journal", "/journal?who=reader 7", "/journal?action=retry&who=reader 3"),
    "/metrics": ("/metrics",),
    "/healthz": ("/healthz",),
    "/readyz": ("/readyz",),
}
# Whole files, a stream, pictures: not a page; and what a commissioning writes about itself.
NO_PAGES = {
    "/owed.csv",
    "/journal.csv",
    "/quality/registry.csv",
    "/events",
    "/commission/{run}",
    "/commission/{run}/progress",
    "/commission/{run}/report",
}
# As on a node: pydicom loads GDCM (19 MB), which only the tests install.
START = "import sys; sys.modules['gdcm'] = None; from ich_node.cli import main; sys.exit(main())"
# What a process that reads says of itself.
READER = {
    "bundle": "bench",
    "bundle_sha256": "b",
    "engine": "openvino",
    "threads": 2,
    "gpu": None,
}
SERVICES = ("receive", "analyse", "send")


@dataclass(frozen=True, kw_only=True)
class PageTimes:
    """In ms: the first request, median and longest of the others, and CPU of a request."""

    first: float
    median: float
    longest: float
    cpu: float
    kilobytes: float


def main(url: str | None) -> None:
    """Write the table."""
    _check_that_every_page_is_asked_for()
    with tempfile.TemporaryDirectory() as name, empty_database(url) as database:
        folder = Path(name)
        active, config = _prepare(folder, database)
        rows = []
        with _site(folder, config) as (site, client):
            for pages in ASKED.values():
                for page in pages:
                    address = page.format(active=active)
                    times = _ask(client, address, site.pid)
                    rows.append([f"`{page}`", *_cells(times)])
            memory = _megabytes(site.pid)
            imported = _imports_torch(site.pid)
    backend = database.partition(":")[0].partition("+")[0]
    write_table(
        f"site-{backend}",
        f"Pages of the site among {JOBS:,} jobs on {backend}: milliseconds of {ROUNDS} requests."
        f" The process then had {memory:.0f} MB"
        f"{', and torch' if imported else ', without torch'}",
        ["page", "first", "median", "longest", "CPU of the site", "kB"],
        rows,
        packages=["starlette", "jinja2", "sqlalchemy"],
    )


def _check_that_every_page_is_asked_for() -> None:
    pages = {
        route.path
        for route in ROUTES
        if isinstance(route, Route)
        and "GET" in (route.methods or ())
        and not isinstance(route, FormRoute)
        and not route.path.endswith(".png")
    } - NO_PAGES
    if pages != ASKED.keys():
        raise SystemExit(f"ASKED and the site's pages differ: {sorted(pages ^ ASKED.keys())}")


def _prepare(folder: Path, database: str) -> tuple[str, Path]:
    """The hash of the active bundle, and config.toml."""
    bundle = open_bundle(shipped_bundle())
    revised = revise(
        bundle, bundle.peak_rule, who="bench", why="a second one", at=NOW, threshold=0.4
    )
    other = keep_bundle(revised, folder / "spool" / "bundles")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    config = folder / "config.toml"
    config.write_text(
        f"""[database]
url = "{database}"
[spool]
path = "{folder}/spool"
[web]
port = {port}
look_token_file = "{folder}/look"
operate_token_file = "{folder}/operate"
[[destinations]]
name = "pacs"
host = "127.0.0.1"
port = 104
ae_title = "PACS"
""",
        encoding="utf-8",
    )
    ledger = open_ledger(database)
    values = {
        "other": open_bundle(other).sha256,
        "other_path": str(other),
        "study": SHOWN_STUDY,
        "series": str(500_000_000 + SHOWN_JOB),
        "shown": str(SHOWN_JOB),
    }
    fill_with_jobs(
        ledger,
        JOBS,
        newest_at=NOW,
        bundle=bundle.sha256,
        owed=20_000,
        more=[_with(statement, values) for statement in FILL],
    )
    _beat(ledger)
    ledger.dispose()
    return bundle.sha256, config


def _with(statement: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        statement = statement.replace(f"{{{name}}}", value)
    return statement


def _beat(ledger: Ledger) -> None:
    for number, service in enumerate(SERVICES):
        ledger.heartbeats.beat(
            Heartbeat(
                host="node",
                service=service,
                pid=number + 1,
                version="1",
                started_at=NOW,
                beat_at=NOW + timedelta(hours=1),
                is_ready=True,
                facts=READER,
            )
        )


@contextmanager
def _site(folder: Path, config: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """`ich-node web`, and somebody who is signed in."""
    site = subprocess.Popen(
        [sys.executable, "-c", START, "--config", config, "web"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = config.read_text(encoding="utf-8").partition("port = ")[2].partition("\n")[0]
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, timeout=60) as client:
            _wait_for(client)
            token = (folder / "operate").read_text(encoding="utf-8").strip()
            answer = client.post(
                "/sign-in",
                data={"name": "bench", "token": token, "next": "/"},
                headers={"Origin": address},
            )
            assert answer.status_code == 303, answer.text
            yield site, client
    finally:
        site.send_signal(signal.SIGTERM)
        site.wait()


def _wait_for(client: httpx.Client) -> None:
    for _ in range(600):
        try:
            client.get("/sign-in").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("`ich-node web` did not start")


def _ask(client: httpx.Client, address: str, pid: int) -> PageTimes:
    times = []
    answer, cpu = None, 0.0
    for number in range(ROUNDS + 1):
        if number == 1:
            cpu = _cpu_ms(pid)
        began = time.perf_counter()
        answer = client.get(address)
        times.append(1000 * (time.perf_counter() - began))
        # /readyz says 503: the destination was never asked
        assert answer.status_code in (200, 303, 503), (address, answer.text[:500])
    assert answer is not None
    return PageTimes(
        first=times[0],
        median=median(times[1:]),
        longest=max(times[1:]),
        cpu=(_cpu_ms(pid) - cpu) / ROUNDS,
        kilobytes=len(answer.content) / 1000,
    )


def _cells(times: PageTimes) -> Sequence[str]:
    return [
        f"{times.first:.0f}",
        f"{times.median:.1f}",
        f"{times.longest:.0f}",
        f"{times.cpu:.1f}",
        f"{times.kilobytes:.1f}",
    ]


def _cpu_ms(pid: int) -> float:
    """User and system time of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def _megabytes(pid: int) -> float:
    """Resident now."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def _imports_torch(pid: int) -> bool:
    """Whether its library is mapped."""
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
