"""The services in containers of the image, without an engine: read-only root, no capabilities, a
user that is not root, names as an engine gives them; beside them a real PostgreSQL and a real
Orthanc with the configuration of the compose file. `make containers-test` builds the image.
"""

import json
import os
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from ich_node.config.load import load_config
from ich_node.health.troubles import troubles_now
from ich_node.ledger import Ledger, open_existing_ledger
from tests.packaging.container import TMPFS, Container, Image
from tests.support import REPOSITORY
from tests.support.peers import free_port, is_listening, need, running, wait_until
from tests.support.postgres import cluster

pytestmark = [pytest.mark.extended, pytest.mark.timeout(1200)]

COMPOSE = REPOSITORY / "packaging" / "compose"
NAMES = {
    "receive": "9f31ab20c4e7",
    "analyse": "07ddc1e5b8a2",
    "send": "c2b8f0917d35",
    "web": "5e6a40d3b19c",
}
GRACE = {"receive": 30, "analyse": 60, "send": 120, "web": 30}  # seconds, as compose.yaml
NODE, WORLD = 11112, 0o755


@pytest.fixture(scope="module")
def image() -> Image:
    folder = os.environ.get("ICH_NODE_IMAGE")
    if os.geteuid() != 0 or not folder:
        pytest.skip("needs root, and an image in ICH_NODE_IMAGE (make containers-test)")
    return Image(Path(folder))


@dataclass
class Site:
    """What compose.yaml describes, on ports of this host."""

    folder: Path
    image: Image
    ledger_url: str
    postgres: Path
    orthanc: int
    ports: Mapping[str, int]
    password: str
    stack: ExitStack
    containers: dict[str, Container] = field(default_factory=dict)

    def container(self, service: str, *, name: str = "") -> Container:
        """Of one service; a name that an engine would give."""
        secrets = self.folder / "secrets"
        wanted = {"database-password"}
        wanted |= {"send": {"site.pem"}, "web": {"site.pem", "site.key"}}.get(service, set())
        return Container(
            image=self.image,
            name=name or NAMES[service],
            command=[service],
            log=self.folder / f"{name or service}.log",
            mounts=[
                f"{self.folder / 'node'}:/var/lib/ich-node",
                f"{self.folder / 'config'}:/etc/ich-node:ro",
                f"{self.postgres}:/srv",
                *(f"{secrets / each}:/run/secrets/{each}:ro" for each in sorted(wanted)),
            ],
        )

    def start(self, service: str, *, name: str = "") -> Container:
        container = self.container(service, name=name)
        self.stack.callback(container.kill)
        container.start()
        self.containers[name or service] = container
        return container

    def ask_orthanc(self, path: str) -> httpx.Response:
        return httpx.get(
            f"http://localhost:{self.ports['http']}{path}",
            auth=("ichnode", self.password),
            timeout=60,
        )


def _with(text: str, changes: Mapping[str, str]) -> str:
    """Each is there, once or more."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def site(image, tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    for each in (folder, folder.parent, folder.parent.parent):
        each.chmod(WORLD)
    for name in ("node", "config", "compose"):
        (folder / name).mkdir()
    os.chown(folder / "node", NODE, NODE)
    (folder / "node").chmod(0o700)

    script = folder / "compose" / "make-secrets"
    script.write_text((COMPOSE / "make-secrets").read_text())
    subprocess.run(["sh", str(script)], check=True, capture_output=True)
    secrets = (folder / "compose" / "secrets").rename(folder / "secrets")
    secrets.chmod(WORLD)  # an engine mounts single files, and needs no way there
    ports = {name: free_port() for name in ("scp", "web", "orthanc", "http")}
    password = (secrets / "orthanc-password").read_text().strip()
    with ExitStack() as stack:
        server = stack.enter_context(cluster())
        server.folder.chmod(WORLD)
        url = server.new_url().replace(f"host={server.folder}", "host=/srv")
        (folder / "config" / "config.toml").write_text(
            _with(
                (COMPOSE / "config" / "config.toml").read_text(),
                {
                    'ae_title = "ICHNODE"': f'ae_title = "ICHNODE"\nport = {ports["scp"]}',
                    "172.31.112.10/32": "127.0.0.1/32",
                    'host = "orthanc"': 'host = "127.0.0.1"',
                    "port = 4242": f"port = {ports['orthanc']}",
                    "postgresql+psycopg://ichnode@postgres/ichnode": url,
                    '"0.0.0.0"': f'"127.0.0.1"\nport = {ports["web"]}',
                },
            )
            + "\n[spool]\nreserve_bytes = 0\n[analysis]\nthreads = 1\n"
        )
        site = Site(
            folder=folder,
            image=image,
            ledger_url=url.replace("host=/srv", f"host={server.folder}"),
            postgres=server.folder,
            orthanc=ports["orthanc"],
            ports=ports,
            password=password,
            stack=stack,
        )
        stack.enter_context(_orthanc(site))
        for service in NAMES:
            site.start(service)
        yield site


def _orthanc(site: Site):
    """The real one, with the files of the compose file; only its places are this host's."""
    settings = json.loads((COMPOSE / "orthanc" / "orthanc.json").read_text())
    users = json.loads((site.folder / "secrets" / "orthanc-users.json").read_text())
    settings |= users | {
        "DicomPort": site.ports["orthanc"],
        "HttpPort": site.ports["http"],
        "LuaScripts": [str(COMPOSE / "orthanc" / "route.lua")],
        "StorageDirectory": str(site.folder / "pacs"),
        "Plugins": ["/usr/share/orthanc/plugins"],  # the image finds its own
    }
    settings["DicomModalities"]["ichnode"] |= {"Host": "127.0.0.1", "Port": site.ports["scp"]}
    path = site.folder / "orthanc.json"
    path.write_text(json.dumps(settings))
    return running(
        [need("Orthanc"), str(path)], port=site.ports["http"], log=site.folder / "orthanc.log"
    )


@pytest.fixture(scope="module")
def ledger(site) -> Iterator[Ledger]:
    wait_healthy(site)
    opened = open_existing_ledger(site.ledger_url)
    yield opened
    opened.dispose()


def wait_healthy(site: Site) -> None:
    for service in NAMES:
        container = site.containers[service]
        wait_until(
            lambda container=container: container.is_healthy,
            seconds=240,
            what=f"the health of {service}:\n{container.said}",
        )


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def processes_of(container: Container) -> dict[int, str]:
    """By the numbers of this host: command names of all that run in it."""
    space = os.readlink(f"/proc/{container.first}/ns/pid")
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(path / "ns" / "pid") == space:
                found[int(path.name)] = (path / "comm").read_text().strip()
        except OSError:  # it has ended
            continue
    return found


def test_services_start_with_a_root_that_nobody_writes_to(site, ledger):
    """As the user of the image, without a capability; tini is process 1."""
    for service in NAMES:
        container = site.containers[service]
        first = status_of(container.first)
        assert (first["Name"], first["NSpid"].split()[-1]) == ("tini", "1")
        for pid in processes_of(container):
            status = status_of(pid)
            assert status["Uid"].split() == [str(NODE)] * 4
            assert status["CapEff"] == status["CapBnd"] == "0" * 16
            assert status["NoNewPrivs"] == "1"
            assert not status["State"].startswith("Z"), "a zombie"
        assert container.run("touch", "/opt/ich-node/x").returncode != 0
        assert container.run("touch", "/etc/x").returncode != 0
    hosts = {process.host for process in ledger.heartbeats.all()}
    assert hosts == set(NAMES.values())


def test_series_of_the_pacs_is_read_and_the_results_come_back(site, ledger):
    """Orthanc's script routes it; the answer is in the same study, found by DICOMweb."""
    wait_until(lambda: is_listening(site.orthanc), what="Orthanc's DICOM port")
    sent = site.containers["send"].run(
        "sh",
        "-c",
        "ich-node phantom --seed 11 --out /tmp/head && rm /tmp/head/truth.json"
        f" && python -m pynetdicom storescu -aec ORTHANC 127.0.0.1 {site.orthanc} /tmp/head"
        " && rm -r /tmp/head",
    )
    assert sent.returncode == 0, sent.stdout + sent.stderr
    (study,) = site.ask_orthanc("/studies?expand").json()
    uid = study["MainDicomTags"]["StudyInstanceUID"]

    def modalities() -> set[str]:
        answer = site.ask_orthanc(f"/dicom-web/studies/{uid}/series")
        return {series["00080060"]["Value"][0] for series in answer.json()}

    def logs() -> str:
        return "\n".join(container.said[-3000:] for container in site.containers.values())

    try:
        wait_until(lambda: "SR" in modalities(), seconds=600, what="the SR in the PACS")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{logs()}") from error
    wait_until(
        lambda: not ledger.status.owed_by_destination(datetime.now(UTC)),
        seconds=60,
        what="the last delivery",
    )
    assert [str(job.state) for job in ledger.operator.list()] == ["DONE"], "results came back"
    config = load_config_of(site)
    assert troubles_now(ledger, config, datetime.now(UTC)) == []
    assert not any('"incident_began"' in each.said for each in site.containers.values())


def test_what_is_written_beside_the_volume_is_in_memory(site, ledger):
    """And little: after a reading, /tmp is empty, and ICHNODE_RUN has the heartbeat."""
    for service in NAMES:
        container = site.containers[service]
        listed = container.run("find", "/tmp", "/run/ich-node", "/dev/shm", "-type", "f").stdout
        assert listed.split() == [f"/run/ich-node/{service}.beat"]
    top = {path.name for path in (site.folder / "node").iterdir()}
    assert top == {"var"}


def test_log_is_json_on_standard_error(site, ledger):
    for service in NAMES:
        lines = site.containers[service].said.splitlines()
        assert lines
        for line in lines:
            assert json.loads(line)["event"]


def test_metrics_are_answered_over_tls(site, ledger):
    """To the addresses of [web] probes, with the certificate that Prometheus trusts."""
    answer = httpx.get(
        f"https://localhost:{site.ports['web']}/metrics",
        verify=ssl.create_default_context(cafile=str(site.folder / "secrets" / "site.pem")),
    )
    assert answer.status_code == 200
    assert 'ichnode_service_ready{service="analyse"} 1' in answer.text


def test_commands_run_in_a_container(site, ledger):
    """`docker compose exec web ich-node jobs list`: the container that has all secrets."""
    done = site.containers["web"].run("ich-node", "jobs", "list")
    assert done.returncode == 0, done.stderr
    assert "done" in done.stdout
    answer = site.containers["web"].run("ich-node", "check-config")
    assert answer.stdout.splitlines()[-1].endswith("/etc/ich-node/config.toml: ok"), answer


def test_probe_costs_little(site, ledger):
    """A tenth of the command that asks the ledger: CPU time of both, in the same container."""
    container = site.containers["receive"]
    times = ("/bin/sh", "-c", '"$@" >/dev/null; times', "sh", "env")

    def seconds(*variables: str) -> float:
        line = container.run(*times, *variables, "ich-node", "ready", "receive").stdout
        children = line.splitlines()[1].split()
        return sum(
            60 * float(minutes) + float(rest.rstrip("s"))
            for minutes, rest in (part.split("m") for part in children)
        )

    cheap = min(seconds() for _ in range(3))
    assert cheap < seconds("-u", "ICHNODE_RUN") / 5


def test_container_that_is_replaced_leaves_no_trouble(site, ledger):
    """Killed without a word, and started under another name, as an engine does: nobody is told."""
    old = site.containers["analyse"]
    old.kill()
    new = site.start("analyse", name="e13b77c09fd4")
    wait_until(lambda: new.is_healthy, seconds=240, what=f"the health of analyse:\n{new.said}")
    config = load_config_of(site)
    (mine,) = [each for each in ledger.heartbeats.all() if each.host == new.name]
    assert list(troubles_now(ledger, config, mine.beat_at)) == []
    site.containers["analyse"] = new


def load_config_of(site: Site):
    path = site.folder / "config.here.toml"
    text = (site.folder / "config" / "config.toml").read_text()
    path.write_text(
        _with(
            text,
            {"/run/secrets": str(site.folder / "secrets"), "host=/srv": f"host={site.postgres}"},
        )
    )
    return load_config(path).config


def test_two_containers_with_one_name_both_work(site, ledger):
    """`network_mode: host` with two of a service: the host's name, and the same process number."""
    twins = [site.start("send", name="host") for _ in range(2)]
    for twin in twins:
        wait_until(lambda twin=twin: twin.is_healthy, seconds=120, what=f"health:\n{twin.said}")
    assert [twin.stop(seconds=GRACE["send"]) for twin in twins] == [0, 0]


def test_container_that_is_stopped_while_it_starts_ends(site, ledger):
    """Process 1 without a handler would ignore the signal until the engine kills it."""
    container = site.start("send", name="early")
    assert container.first

    def has_begun() -> bool:
        """Before, process 1 is the script that makes the container."""
        return sorted(processes_of(container).values()) == ["ich-node", "tini"]

    wait_until(has_begun, what="tini's child")
    assert container.stop(seconds=30) in (143, 0)


def test_services_end_within_their_grace(site, ledger):
    """With exit code 0, and without a heartbeat that is left."""
    for service in NAMES:
        assert site.containers[service].stop(seconds=GRACE[service]) == 0, service
    left = {(each.host, each.service) for each in ledger.heartbeats.all()}
    assert left <= {(NAMES["analyse"], "analyse")}, "the one that was killed"


def test_demo_runs_in_one_container(image, tmp_path):
    """Without a configuration, a volume or a network but loopback."""
    container = Container(
        image=image,
        name="demo",
        command=["demo", "--out", "/tmp/demo"],
        log=tmp_path / "log",
        tmpfs=[TMPFS[0].replace("512m", "3g"), *TMPFS[1:]],  # the spool keeps 1 GB free
    )
    container.start()
    try:
        assert container.process is not None
        assert container.process.wait(600) == 0, container.said
    finally:
        container.kill()
    assert "MISSED" not in container.said


def test_missing_configuration_is_a_sentence(image, tmp_path):
    """And not a traceback."""
    container = Container(
        image=image, name="empty", command=["receive"], log=tmp_path / "log", tmpfs=[*TMPFS]
    )
    container.start()
    try:
        assert container.process is not None
        assert container.process.wait(60) == 2
    finally:
        container.kill()
    assert "/etc/ich-node/config.toml" in container.said
    assert "Traceback" not in container.said
