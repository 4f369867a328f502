"""The Containerfile, the compose file and the manifests: valid by their schemas, and what the units
say of memory, endings and privileges holds in them, too. What only a run shows: test_containers.py.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import typer
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

from ich_node.cli import app
from ich_node.config.config import Config
from tests.packaging.image import instructions
from tests.support import REPOSITORY
from tests.support.peers import need

PACKAGING = REPOSITORY / "packaging"
COMPOSE, KUBERNETES = PACKAGING / "compose", PACKAGING / "kubernetes"
CONTAINERFILE = PACKAGING / "container" / "Containerfile"
SERVICES = ("receive", "analyse", "send", "web")
VERSIONS = ("1.31.0", "1.37.0")
PROGRAMS = Path(sys.executable).parent
USER = "11112"


def program(name: str) -> str:
    """Of the extra `release`, beside this Python or on PATH."""
    beside = PROGRAMS / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        found = shutil.which(name, path=str(Path(kubernetes_validate.__file__).parents[4] / "bin"))
    assert found is not None, f"{name} is not installed (make install)"
    return found


def unit(name: str) -> dict[str, str]:
    """The last value of each setting of [Service]."""
    text = (REPOSITORY / "systemd" / f"ich-node-{name}.service").read_text()
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


@cache
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    return found


@cache
def manifests() -> list[tuple[str, dict[str, Any]]]:
    return list(_manifests())


def _manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(KUBERNETES.glob("*/*.yaml")):
        for document in yaml.load_all(path.read_text(), yaml.CSafeLoader):
            if document["kind"] != "Kustomization":
                yield f"{path.parent.name}/{path.name}", document


@cache
def pods() -> dict[str, dict[str, Any]]:
    """The template of each workload, by its component."""
    return {
        document["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]: document[
            "spec"
        ]["template"]["spec"]
        for _, document in manifests()
        if document["kind"] in ("StatefulSet", "Deployment", "Job")
    }


def test_containerfile_has_nothing_that_hadolint_finds():
    done = subprocess.run(
        [program("hadolint"), "--format", "json", str(CONTAINERFILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout) == []


def test_image_has_no_compiler_and_no_root():
    """The last stage installs nothing: it has a user, a health check, a process 1."""
    stages: list[list[Any]] = []
    for step in instructions(CONTAINERFILE.read_text()):
        if step.name == "FROM":
            stages.append([])
        if stages:
            stages[-1].append(step)
    last = {step.name: step.rest for step in stages[-1]}
    assert last["FROM"] == "python"
    assert last["USER"] == f"{USER}:{USER}"
    assert json.loads(last["ENTRYPOINT"]) == ["/usr/bin/tini", "--", "ich-node"]
    assert '["ich-node", "ready"]' in last["HEALTHCHECK"]
    assert not any("apt-get" in step.rest or "pip" in step.rest for step in stages[-1])
    assert not any(word in stages[0][1].rest for word in ("venv", "gcc", "build-essential"))


def test_builder_sees_the_wheel_and_the_exact_set_alone():
    kept = (REPOSITORY / ".dockerignore").read_text().split("*\n", 1)[1].split()
    assert kept == ["!constraints.txt", "!dist", "dist/*", "!dist/ich_node-*.whl"]
    copied = [
        word
        for step in instructions(CONTAINERFILE.read_text())
        if step.name == "COPY" and not step.rest.startswith("--from")
        for word in step.rest.split()[:-1]
    ]
    assert copied == ["constraints.txt", "dist/ich_node-*.whl"]


@pytest.mark.parametrize("name", ["compose.yaml", "compose.gpu.yaml"])
def test_compose_file_follows_the_specification(name):
    validator = jsonschema.Draft7Validator(get_builtin_schema("vendor.compose-spec"))
    found = validator.iter_errors(yaml.safe_load((COMPOSE / name).read_text()))
    assert [f"{error.json_path}: {error.message}" for error in found] == []


@pytest.mark.parametrize("name", SERVICES)
def test_compose_service_is_confined_as_its_unit_is(name):
    service, settings = compose()["services"][name], unit(name)
    assert service["command"] == [name]
    assert service["read_only"]
    assert service["user"] == f"{USER}:{USER}"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"].upper() == settings["MemoryMax"]
    assert service["stop_grace_period"] == f"{settings['TimeoutStopSec']}s"
    assert service["pids_limit"] == int(settings["TasksMax"])
    assert service["healthcheck"]["test"] == ["CMD", "ich-node", "ready", name]
    assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_other_services_of_compose_have_few_privileges():
    for name, service in compose()["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only", False) is (name != "orthanc"), name
        assert ":latest" not in service["image"], name
        assert ":" in service["image"], name


def test_no_password_is_committed_and_none_has_a_default():
    """Each secret is a file that make-secrets makes; compose refuses one that is missing."""
    script = (COMPOSE / "make-secrets").read_text()
    for name, secret in compose()["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
        assert name in script
    for path in COMPOSE.rglob("*"):
        if path.suffix in (".yaml", ".yml", ".toml", ".json", ".lua"):
            for found in re.findall(r"(?i)password\w*\"?\s*[:=]\s*(\S+)", path.read_text()):
                assert re.search("/run/secrets/|[{]file: ./secrets/|^[{]file:$", found), found
    assert (COMPOSE / ".gitignore").read_text() == "/secrets/\n"


def test_configurations_are_valid_and_name_what_is_mounted():
    """The addresses that the configuration of compose lets in are those that compose gives."""
    config = Config(**tomllib.loads((COMPOSE / "config" / "config.toml").read_text()))
    networks = compose()["services"]
    assert config.sources[0].hosts == (
        networks["orthanc"]["networks"]["dicom"]["ipv4_address"] + "/32",
    )
    assert networks["prometheus"]["networks"]["monitoring"]["ipv4_address"] + "/32" in (
        config.web.probes
    )
    secrets = {f"/run/secrets/{name}" for name in compose()["services"]["web"]["secrets"]}
    assert {
        str(config.database.password_file),
        str(config.web.certificate),
        str(config.web.key),
    } == secrets
    (document,) = [each for _, each in manifests() if each["kind"] == "ConfigMap"]
    config = Config(**tomllib.loads(document["data"]["config.toml"]))
    mounts = {
        mount["mountPath"]
        for pod in pods().values()
        for mount in pod["containers"][0]["volumeMounts"]
    }
    for path in (config.database.password_file, config.database.search_key, config.web.key):
        assert str(path.parent) in mounts


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_are_valid(version):
    assert len(manifests()) > 15
    for name, document in manifests():
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            pytest.fail(f"{name}: {error.message}")


@pytest.mark.parametrize("name", SERVICES)
def test_pod_is_confined_as_the_unit_is(name):
    """The restricted profile of Kubernetes, and a root that nobody writes to."""
    pod, settings = pods()[name], unit(name)
    (container,) = pod["containers"]
    assert container["args"] == [name]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == int(USER)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["terminationGracePeriodSeconds"] == int(settings["TimeoutStopSec"])
    assert container["resources"]["limits"]["memory"] == f"{settings['MemoryMax']}i"
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["exec"]["command"] == ["ich-node", "ready", name]
    written = {
        mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")
    }
    assert written == {"/var/lib/ich-node", "/run/ich-node", "/tmp"}


def test_commands_of_all_containers_are_commands():
    known = set(typer.main.get_group(app).commands)
    asked = {pod["containers"][0]["args"][0] for pod in pods().values()} | {
        service["command"][0]
        for service in compose()["services"].values()
        if "ich-node" in service["image"]
    }
    assert asked - known == set()


@pytest.mark.parametrize("folder", ["overlays/gpu", "migrate"])
def test_kustomizations_can_be_built(folder, tmp_path):
    """kubectl has kustomize in it, and needs no cluster for that."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed: kustomizations are not built here")
    done = subprocess.run(
        [kubectl, "kustomize", str(KUBERNETES / folder)],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(tmp_path)},
    )
    built = list(yaml.load_all(done.stdout, yaml.CSafeLoader))
    assert all(each["metadata"].get("namespace", "ich-node") == "ich-node" for each in built)
    for document in built:
        kubernetes_validate.validate(document, VERSIONS[-1], strict=True)
    if folder == "overlays/gpu":
        (analyse,) = [
            each["spec"]["template"]["spec"]["containers"][0]
            for each in built
            if each["metadata"]["name"] == "ich-node-analyse" and each["kind"] == "Deployment"
        ]
        assert analyse["image"].endswith("-cuda")
        assert analyse["resources"]["limits"] == {"memory": "8Gi", "nvidia.com/gpu": 1}


def test_prometheus_takes_its_configuration(tmp_path):
    """With the alerts of this project, and the certificate of the site."""
    text = (COMPOSE / "prometheus" / "prometheus.yml").read_text()
    (tmp_path / "site.pem").write_text("")
    places = {
        "/etc/prometheus/ich-node-alerts.yml": str(REPOSITORY / "monitoring" / "alerts.yml"),
        "/run/secrets/site.pem": str(tmp_path / "site.pem"),
    }
    for inside, here in places.items():
        assert text.count(inside) == 1
        text = text.replace(inside, here)
    (tmp_path / "prometheus.yml").write_text(text)
    done = subprocess.run(
        [need("promtool"), "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "rules found" in done.stdout


def test_grafana_gets_the_dashboard_and_its_source():
    volumes = compose()["services"]["grafana"]["volumes"]
    provider = yaml.safe_load(
        (COMPOSE / "grafana/provisioning/dashboards/ich-node.yaml").read_text()
    )["providers"][0]
    path = f"{provider['options']['path']}/ich-node.json"
    assert f"../../monitoring/grafana.json:{path}:ro" in volumes
    (source,) = yaml.safe_load(
        (COMPOSE / "grafana/provisioning/datasources/prometheus.yaml").read_text()
    )["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
