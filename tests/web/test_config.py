"""What counts, where it comes from, and what waits."""

import os
from pathlib import Path

import pytest

from ich_node.config.load import load_config
from ich_node.config.reload import fingerprints
from ich_node.processes.running import RunningService, announced
from ich_node.web.visitor import Role
from tests.support.peers import free_port
from tests.support.site import running_site
from tests.web.test_refused import table_of, text_of

CONFIG = """[database]
url = "sqlite:///{folder}/ledger.sqlite"
[spool]
path = "{folder}/spool"
[scp]
port = 11113
[web]
port = {port}
[[sources]]
name = "ct"
ae_title = "CT"
[[destinations]]
name = "phone"
kind = "webhook"
url = "https://hooks.example.org/services/T0/SECRET1?key=SECRET2"
secret_file = "{folder}/secret"
[[destinations]]
name = "vna"
kind = "stow"
url = "https://vna.example.org/dicom-web?key=SECRET3"
[[alerts]]
name = "admin"
kind = "webhook"
url = "https://alerts.example.org/SECRET4"
secret_file = "{folder}/secret"
[heartbeat]
url = "https://hc.example.org/ping/SECRET5"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("config")


@pytest.fixture(scope="module")
def site(folder):
    path = folder / "config.toml"
    (folder / "spool").mkdir()
    port = free_port()
    path.write_text(CONFIG.format(folder=folder, port=port), encoding="utf-8")
    with running_site(path, port=port) as running:
        yield running


@pytest.fixture
def file(site):
    """What it says is put back."""
    path: Path = site.site.config_path
    text = path.read_text(encoding="utf-8")
    yield path
    path.write_text(text, encoding="utf-8")


def settings(answer) -> dict[str, list[str]]:
    """Value and origin by the name of the setting, of the last section that has it."""
    return {row[0]: row[1:] for row in table_of(answer) if len(row) == 3}


def test_every_value_is_shown_with_its_origin(site, folder, monkeypatch):
    """A default, a line of the file, an environment variable."""
    monkeypatch.setenv("ICHNODE__SERIES__MAX_WAIT_SECONDS", "1200")
    with site.signed_in(Role.LOOK) as client:
        found = settings(client.get("/config"))
        assert found["max_wait_seconds"][0].startswith("1200")
        assert found["max_wait_seconds"][1] == "ICHNODE__SERIES__MAX_WAIT_SECONDS"
        assert found["quiet_seconds"][1] == "default"
        last = CONFIG.splitlines().index('secret_file = "{folder}/secret"', 20) + 1
        assert found["secret_file"] == [f'"{folder}/secret"', f"line {last}"]
        assert found["retention_days"][1] == "default"
        short = settings(client.get("/config?only=set"))
        assert "retention_days" not in short
        assert "max_wait_seconds" in short
        assert "Check" not in client.get("/config").text


def test_no_secret_is_shown(site, monkeypatch):
    """Neither the paths of URLs that may hold a key, nor a password of the database."""
    monkeypatch.setenv("ICHNODE__DATABASE__URL", "postgresql+psycopg://ich:p@ss:SECRET6/x@db/ich")
    with site.signed_in() as client:
        text = client.get("/config").text
        assert "SECRET" not in text
        assert "https://hooks.example.org/***" in text
        assert "https://vna.example.org/dicom-web?***" in text
        assert "postgresql+psycopg://ich:***@db/ich" in text


def test_what_waits_for_a_reload_or_a_restart_is_marked(site, file, folder):
    """The site has not read the file again, and a service runs with another port."""
    running = RunningService(
        name="receive",
        pid=os.getpid(),
        config=str(file),
        needs_restart=fingerprints(load_config(file).config),
    )
    other = RunningService(name="send", pid=1, config="/etc/other.toml", needs_restart={})
    with site.signed_in() as client, announced(folder / "spool", running):
        assert "all of it counts" in client.get("/config").text
        file.write_text(
            file.read_text(encoding="utf-8").replace("11113", "11114") + "every_seconds = 30\n",
            encoding="utf-8",
        )
        answer = client.get("/config")
        found = settings(answer)
        assert found["every_seconds"][0] == "30.0 counts after a reload"
        assert "11114 counts after a restart" in text_of(answer)
        assert "2 settings do not count yet" in text_of(answer)
        assert "restart it [scp] port" in text_of(answer)
        with announced(folder / "spool", other):
            assert "reads another file /etc/other.toml" in text_of(client.get("/config"))


def test_a_mistake_in_the_file_is_named_and_the_values_that_count_stay(site, file):
    with site.signed_in() as client:
        file.write_text(
            file.read_text(encoding="utf-8").replace("port = 11113", "prt = 11113"),
            encoding="utf-8",
        )
        answer = client.get("/config")
        assert "line 6: [scp] has no setting 'prt'; did you mean 'port'?" in text_of(answer)
        assert "11113" in text_of(answer)


def test_the_configuration_is_checked(site, file):
    """What the command prints is shown; a mistake is an answer, and goes to the journal as done."""
    with site.signed_in() as client:
        said = text_of(site.post(client, "/config/check"))
        assert "not ok ich-node check-config" in said
        assert "accepts CT (ct) from any host" in said
        assert f"cannot read {site.site.config_path.parent}/secret" in said
        event, *_ = site.site.ledger.audit.newest()
        assert (event.action, event.target, event.outcome) == ("check config", "config", "done")
    with site.signed_in(Role.LOOK) as client:
        assert site.post(client, "/config/check").status_code == 403


def test_it_is_checked_online_and_reloaded(fresh_site, tmp_path):
    """Every destination is asked; a reload without services says that there is none."""
    with fresh_site.signed_in() as client:
        said = text_of(fresh_site.post(client, "/config/check", online="1"))
        assert "ich-node check-config --online" in said
        assert "the ledger answers" in said
        assert "ris (HL7 at 127.0.0.1:2575)" in said
        again = text_of(fresh_site.post(client, "/config/reload", back="/config"))
        assert f"no service of this host has its spool in {tmp_path}/spool" in again
    with fresh_site.signed_in(Role.LOOK) as client:
        assert fresh_site.post(client, "/config/reload").status_code == 403
