"""What an installed wheel can do, without anything else."""

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from zipfile import ZipFile

import pytest

from release.licences import gpl_libraries, licences_of, what_is_wrong
from tests.support import REPOSITORY
from tests.support.peers import free_port, is_listening, wait_until
from tests.wheel.conftest import Installed

pytestmark = pytest.mark.wheel

# Requirements of these extras are not in production; psycopg and openvino are offered to it.
NOT_IN_PRODUCTION = ("test", "docs", "release", "bench", "viewers", "plots")

# Prints the name of each command and how its help ended.
ALL_HELP = """
import json, warnings
import click
from typer.main import get_command
from typer.testing import CliRunner
from ich_node.cli import app

def commands(command, words):
    yield words
    if hasattr(command, "list_commands"):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), [*words, name])

runner = CliRunner()
ended = {}
for words in commands(get_command(app), []):
    done = runner.invoke(app, [*words, "--help"])
    ended[" ".join(words)] = [done.exit_code, "Usage:" in done.output]
print(json.dumps(ended))
"""

FACTS = """
import importlib.metadata as metadata, json, sys
import ich_node, training
from packaging.requirements import Requirement

def name_of(text):
    return text.lower().replace("_", "-")

def required(requires, extra=""):
    needed = [Requirement(line) for line in requires or ()]
    return {
        name_of(one.name) for one in needed
        if one.marker is None or one.marker.evaluate({"extra": extra})
    }

installed = {name_of(each.metadata["Name"]): each for each in metadata.distributions()}
node = installed["ich-node"]
print(json.dumps({
    "path": sys.path,
    "files": [ich_node.__file__, training.__file__],
    "version": ich_node.__version__,
    "installed": list(installed),
    "wanted": list({"ich-node"}.union(*(required(each.requires) for each in installed.values()))),
    "extra": {
        extra: list(required(node.requires, extra) - required(node.requires))
        for extra in node.metadata.get_all("Provides-Extra")
    },
}))
"""


@pytest.fixture(scope="module")
def facts(installed: Installed) -> dict:
    return json.loads(installed.run("python", "-c", FACTS))


@pytest.fixture(scope="module")
def demo(installed: Installed) -> str:
    # One process compiles the modules; the demo's would do it at the same time, each for itself.
    assert "tissue-demonstration" in installed.run("ich-node", "model", "show", "--verify")
    return installed.run("ich-node", "demo", "--out", "demo")


def test_nothing_comes_from_the_source_tree(installed: Installed, facts: dict) -> None:
    """Neither a module nor a path."""
    assert all(str(installed.prefix) in path for path in facts["files"])
    assert not any(str(REPOSITORY) in path for path in facts["path"])
    # setuptools' names no path: it imports a module of its own
    assert {path.name for path in installed.prefix.rglob("*.pth")} <= {"distutils-precedence.pth"}


def test_every_library_is_required_by_what_serves(facts: dict) -> None:
    """None is there only for tests, checks, documents, pictures or releases."""
    assert set(facts["installed"]) <= set(facts["wanted"])
    others = {name for extra in NOT_IN_PRODUCTION for name in facts["extra"][extra]}
    assert {"pytest", "ruff", "mypy", "hypothesis", "matplotlib", "mkdocs-material"} <= others
    # highdicom requires pyjpegls; `test` takes `plots` from ich-node
    assert others & set(facts["installed"]) <= {"pyjpegls", "ich-node"}


def test_no_library_is_under_the_gpl(installed: Installed) -> None:
    """`make sbom` looks at those of the extras, too."""
    libraries = licences_of(installed.prefix)
    assert {"torch", "ich-node"} <= {library.name for library in libraries}
    assert [*what_is_wrong(libraries), *gpl_libraries(installed.prefix)] == []


def test_its_version_is_that_of_its_name(wheel: Path, installed: Installed, facts: dict) -> None:
    """Of the code, of the metadata, and on the command line."""
    assert wheel.name.split("-")[1] == facts["version"]
    assert installed.run("ich-node", "--version") == f"ich-node {facts['version']}\n"


def test_every_command_has_its_help(installed: Installed) -> None:
    """Those of training, too, whose libraries are not there."""
    ended = json.loads(installed.run("python", "-c", ALL_HELP))
    assert {"", "run", "config init", "train run", "tune", "adapt", "jobs show"} <= set(ended)
    assert {name: end for name, end in ended.items() if end != [0, True]} == {}


def test_the_demo_finds_the_bleeds(demo: str, installed: Installed) -> None:
    """The whole way: C-STORE, reading by the shipped bundle, SR and overlays at the PACS."""
    assert "all acknowledged" in demo
    assert " found" in demo
    assert len(list((installed.folder / "demo" / "received").iterdir())) > 1


def test_a_node_is_configured_and_asked(demo: str, installed: Installed) -> None:
    """Both templates, the ledger of the demo, the model, a series in a folder, files for help."""
    for name, full in (("short.toml", []), ("full.toml", ["--full"])):
        installed.run("ich-node", "config", "init", "--out", name, *full)
        checked = installed.run("ich-node", "--config", name, "check-config")
        assert checked.splitlines()[-1] == f"{name}: ok"
    (config,) = (installed.folder / "demo").rglob("config.toml")
    assert " done " in installed.run("ich-node", "--config", config, "jobs", "list")
    assert "tissue-demonstration" in installed.run("ich-node", "--config", config, "model", "list")
    phantom = installed.folder / "demo" / "phantom"
    assert "would be read" in installed.run("ich-node", "explain", phantom)
    assert "# DICOM" in installed.run("ich-node", "--config", config, "conformance")
    (installed.folder / "log").write_text("")
    installed.run(
        "ich-node", "--config", config, "support-bundle", "--out", "help.zip", "--log", "log"
    )
    with ZipFile(installed.folder / "help.zip") as archive:
        assert any(name.endswith("versions.json") for name in archive.namelist())


def test_the_site_has_its_pages_and_scripts(demo: str, installed: Installed) -> None:
    """Templates and assets come from the wheel."""
    (config,) = (installed.folder / "demo").rglob("config.toml")
    port = free_port()
    environment = installed.environment | {
        "ICHNODE__WEB__ENABLED": "true",
        "ICHNODE__WEB__PORT": str(port),
    }
    program = installed.prefix / "bin/ich-node"
    with subprocess.Popen(
        [program, "--config", config, "web"], cwd=installed.folder, env=environment
    ) as web:
        try:
            wait_until(lambda: is_listening(port), seconds=60, what="the site")
            address = f"http://127.0.0.1:{port}"
            with urllib.request.urlopen(f"{address}/sign-in") as page:
                assert '<form method="post"' in page.read().decode()
            with urllib.request.urlopen(f"{address}/static/htmx.min.js") as script:
                assert (
                    script.read() == (REPOSITORY / "ich_node/web/static/htmx.min.js").read_bytes()
                )
        finally:
            web.terminate()


def test_a_command_without_its_library_says_what_to_install(installed: Installed) -> None:
    """A sentence, before hours of work; without a traceback."""
    (installed.folder / "empty").mkdir(exist_ok=True)
    bundle = next(installed.prefix.rglob("*.safetensors"))
    said = installed.run(
        "ich-node", "tune", "empty", "--bundle", bundle, "--out", "tuned.safetensors", exit_code=2
    )
    assert 'pip install "ich-node[' in said
    assert "Traceback" not in said
