"""What an operator does leaves no name of a patient in the ledger, the log, the exports, or
on the screen.
"""

import base64
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag
from structlog.testing import capture_logs

from ich_node.alerts import IncidentWatch
from ich_node.alerts.message import Origin
from ich_node.config.config import Config
from ich_node.config.load import load_config
from ich_node.config.settings import AnalysisSettings
from ich_node.export.deidentify import actions
from ich_node.health.troubles import troubles_now
from ich_node.ledger import JobState
from ich_node.receive import Listener
from ich_node.study.site_rules import site_rules
from tests.support.analysing import AnalysingNode
from tests.support.command_line import Ran, ich_node
from tests.support.listening import EXPLICIT
from tests.support.mail_receiver import MailReceiver, mail_receiver
from tests.support.mllp_receiver import MllpReceiver, acknowledged, mllp_receiver
from tests.support.node import open_node
from tests.support.peers import Pacs, associated, pacs
from tests.support.query_retrieve import query_retrieve_peer
from tests.support.selections import LABEL_AE, TO_LABELS, selection
from tests.support.sending import SendingNode
from tests.support.study_answers import read_all
from tests.support.study_series import reconstruction
from tests.support.web_receiver import WebReceiver, web_receiver

CONFIG = """
[scp]
bind_address = "127.0.0.1"
port = 0
[database]
url = "sqlite:///ledger.sqlite"
search_key = "keys/search.key"
[spool]
path = "spool"
reserve_bytes = 0
[bundle]
path = "{bundle}"
[verdicts]
ae_title = "{label_ae}"
[[alerts]]
name = "it"
kind = "mail"
to = ["it@hospital.example"]
sender = "node@hospital.example"
host = "127.0.0.1"
port = {smtp}
encryption = "none"
[[alerts]]
name = "monitoring"
kind = "webhook"
url = "{hook}"
secret_file = "keys/hook.secret"
[[sources]]
name = "archive"
ae_title = "PACS"
[sources.query]
host = "127.0.0.1"
port = {query}
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "127.0.0.1"
port = {pacs}
[[destinations]]
name = "ris"
kind = "hl7"
host = "127.0.0.1"
port = {mllp}
identifiers = true
[[rules]]
name = "theirs"
action = "refuse"
reason = "read elsewhere"
description = "*refuse*"
[[rules]]
name = "qa"
action = "hold"
description = "*hold*"
"""
# Text of each VR: a word of its own, of which the beginning is searched
TEXT = {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
# Series Description may stand in the ledger and in lists. An agent, and the phase of the breath...
ALLOWED = "SeriesDescription"
# are what the node reads by.
READ_BY = {ALLOWED, "ContrastBolusAgent"}
NAMES = ("Müller^Zoëlina", "Grünwald^Jörg", "Yamada^Tarou=山田^太郎", "Люксембург^Ёлка")
CHARACTER_SETS: tuple[Any, ...] = (
    "ISO_IR 192",
    "ISO_IR 100",
    ["ISO 2022 IR 6", "ISO 2022 IR 87"],
    "ISO_IR 144",
)
ENCODINGS = ("utf-8", "latin-1", "iso2022_jp", "iso8859_5")
PARTS = {part for name in NAMES for part in re.split("[\\^=]", name)}
WORDS = {f"zq{number}x".encode() for number in range(1, 5)} | {
    form.encode(encoding, "ignore").lower()
    for part in PARTS
    for form in (part, part.lower(), part.upper())
    for encoding in ENCODINGS
    if form.encode(encoding, "ignore").decode(encoding) == form
}
DAYS = re.compile(rb"193(?<![\d.]193)[1-4]-?[01]\d-?[0-3]\d(?![\d.])")
TIMES = re.compile(rb"\.\d{6}(?!\d)(?<=(?<!\d)0[1-4]\d{4}\.\d{6})")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def planted(number: int) -> Dataset:
    """A value of its own for every attribute that the profile of PS3.15 removes or replaces."""
    values = Dataset()
    for index, tag in enumerate(sorted(actions())):
        if not dictionary_has_tag(Tag(tag)) or tag[0] < 8:
            continue
        keyword, vr = keyword_for_tag(Tag(tag)), dictionary_VR(Tag(tag))
        day = date(1930 + number, 1, 1) + timedelta(days=index % 360)
        time = f"0{number}{index % 60:02d}{index // 60:02d}.{index:06d}"
        if not keyword or keyword in READ_BY:
            continue
        if vr == "PN":
            setattr(values, keyword, NAMES[number - 1])
        elif vr in TEXT:
            setattr(values, keyword, f"Zq{number}x{tag[0]:04X}{tag[1]:04X}"[:16])
        elif vr in {"DA", "DT", "TM"}:
            setattr(
                values, keyword, {"DA": f"{day:%Y%m%d}", "TM": time}.get(vr, f"{day:%Y%m%d}{time}")
            )
    return values


def head(number: int, word: str) -> list[Dataset]:
    """A patient's head; deep in its sequences and in private attributes there are names, too."""
    datasets, values = reconstruction(number, 12.0), planted(number)
    for ds in datasets:
        ds.SpecificCharacterSet = CHARACTER_SETS[number - 1]
        ds.update(values)
        ds.StudyInstanceUID = f"{ds.SeriesInstanceUID}.7"
        ds.SeriesDescription = f"Sdesc{number} {word}"
        ds.PatientAge = "061Y"
        item, deep = Dataset(), Dataset()
        deep.PatientID = deep.IssuerOfPatientID = f"Zq{number}xDEEP"
        item.RequestedProcedureID, item.RequestedProcedureDescription = deep.PatientID, "Zq1x"
        item.OtherPatientIDsSequence = Items([deep])
        ds.OtherPatientIDsSequence = ds.RequestAttributesSequence = Items([item])
        ds.private_block(0x0029, f"Zq{number}x", create=True).add_new(1, "LO", f"Zq{number}xP")
    return datasets


@dataclass(kw_only=True)
class WatchedNode:
    """printed: of every command."""

    folder: Path
    config: Config
    node: AnalysingNode
    listener: Listener
    archive: Pacs
    ris: MllpReceiver
    mail: MailReceiver
    hook: WebReceiver
    printed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.folder / "config.toml"

    def run(self, *words: object, fails: bool = False) -> Ran:
        ran = ich_node(*words, config=self.path)
        assert fails or ran.exit_code == 0, (words, ran)
        self.printed.append((" ".join(map(str, words)), ran.stdout + ran.stderr))
        return ran

    def receive(self, *datasets: Dataset, **association: Any) -> None:
        asked = {"calling_ae": "PACS", "contexts": EXPLICIT, **association}
        with associated(self.listener.port, **asked) as assoc:
            assert {assoc.send_c_store(ds).Status for ds in datasets} == {0}

    def read(self) -> None:
        self.node.clock.now += 20 * MINUTE
        read_all(self.node)
        while self.node.analyser.do_next(self.node.analyser.detectors.active()):
            pass
        while self.node.make_teller().tell_refused(self.node.clock.now):
            pass

    def send(self) -> None:
        self.node.clock.now += MINUTE
        node = self.node
        sending = SendingNode(
            folder=node.folder, ledger=node.ledger, spool=node.spool, clock=node.clock
        )
        while sending.sender(*self.config.destinations).send_due():
            pass

    def traces(self) -> Iterator[tuple[str, bytes]]:
        """What it leaves on the disk, but for the objects."""
        yield "names of files", "\n".join(map(str, self.folder.rglob("*"))).encode()
        for path in [*self.folder.glob("ledger.sqlite*"), *(self.folder / "keys").iterdir()]:
            yield path.name, path.read_bytes()


@contextmanager
def watched_node(folder: Path, bundle: Path, held: Sequence[Dataset]) -> Iterator[WatchedNode]:
    """held: what the source can be asked for."""
    with ExitStack() as stack:
        archive = stack.enter_context(pacs())
        ris = stack.enter_context(mllp_receiver())
        mail, hook = stack.enter_context(mail_receiver()), stack.enter_context(web_receiver())
        source = stack.enter_context(query_retrieve_peer(held))
        (folder / "config.toml").write_text(
            CONFIG.format(
                bundle=bundle,
                label_ae=LABEL_AE,
                query=source.port,
                pacs=archive.port,
                mllp=ris.port,
                smtp=mail.port,
                hook=hook.url,
            )
        )
        (folder / "keys").mkdir(mode=0o700)
        (folder / "keys" / "hook.secret").write_text(base64.b64encode(bytes(32)).decode())
        config = load_config(folder / "config.toml").config
        node = stack.enter_context(
            open_node(
                folder,
                AnalysingNode,
                bundle=bundle,
                destinations=config.destinations,
            )
        )
        node.clock.now = datetime.now(UTC) - DAY
        node.analyser = replace(
            node.analyser,
            site_rules=site_rules(config),
            settings=AnalysisSettings(engine="torch"),
        )
        listener = stack.enter_context(
            Listener(
                scp=config.scp,
                sources=config.sources,
                series=config.series,
                spool=node.spool,
                ledger=node.ledger.receiving,
                clock=node.clock,
                study=config.study,
                search_key=node.ledger.search_keys.for_receiving(
                    folder / "keys" / "search.key", now=node.clock.now
                ),
                verdicts=config.verdicts,
            )
        )
        yield WatchedNode(
            folder=folder,
            config=config,
            node=node,
            listener=listener,
            archive=archive,
            ris=ris,
            mail=mail,
            hook=hook,
        )


def refuse_with_names(watched: WatchedNode) -> None:
    """The peers quote the patient in their refusals."""

    def quote(ds: Dataset) -> None:
        watched.archive.answers[ds.SOPInstanceUID] = 0xA900
        watched.archive.comment = f"{ds.PatientID} {ds.AccessionNumber} {ds.PatientName}"[:64]

    def refusal(message: str) -> str:
        who = next(part for part in message.split("\r") if part.startswith("PID"))
        return acknowledged(message, "AE", f"unknown: {who.replace('|', ' ')}")

    watched.archive.on_store, watched.ris.answer = quote, refusal


def operate(watched: WatchedNode, heads: Sequence[list[Dataset]], new: Path, out: Path) -> None:
    """All that an operator can do with them."""
    run = watched.run
    for datasets in heads:
        watched.receive(*datasets)
    watched.read()
    states = [job.state for job in reversed(watched.node.ledger.operator.list())]
    assert states == [JobState.DONE, JobState.DONE, JobState.HELD, JobState.REFUSED]
    refuse_with_names(watched)
    watched.send()
    run("deliveries", "list")
    run("deliveries", "list", "--json")
    watched.archive.on_store = lambda _: None
    watched.archive.answers.clear()
    watched.ris.answer = acknowledged
    run("deliveries", "retry", "--destination", "pacs")
    run("deliveries", "retry", "--destination", "ris")
    watched.node.clock.now = datetime.now(UTC) + MINUTE
    watched.send()
    assert watched.archive.received
    assert any("Zq1x00100020" in message for message in watched.ris.received)

    run("jobs", "resend", 1)
    run("jobs", "withdraw", 1, "--reason", "blurred", "--quality", "--yes")
    table = out / "reads.csv"
    table.write_text(
        "accession,bleeding,who,comment\n"
        f"{heads[1][0].AccessionNumber},yes,Dr. Lee,\n"
        f"{heads[1][0].AccessionNumber},no,Dr. Ray,as {heads[1][0].PatientID} before\n"
        f"{heads[0][0].PatientID},no,Dr. Ray,\n"
    )
    assert "1 verdict: 1 new" in run("verdicts", "import", table, fails=True).stdout
    table.unlink()
    watched.receive(selection(heads[1][3:5]), **TO_LABELS)
    run("jobs", "reread", 2, "--bundle", new, "--deliver", "--yes")
    watched.read()
    watched.send()
    run("jobs", "release", 3)
    run("verdicts", "list")
    ask(watched, heads, new, out)


def ask(watched: WatchedNode, heads: Sequence[list[Dataset]], new: Path, out: Path) -> None:
    run = watched.run
    run("jobs", "list", "--accession", heads[0][0].AccessionNumber.lower())
    for form in ("--json", "--csv"):
        run("jobs", "list", form)
        run("deliveries", "list", form)
    for job in range(1, 6):
        run("jobs", "show", job)
        run("jobs", "show", "--json", job)
    run("explain", 1, 3, 4, "--json")
    run("explain", 2)
    run("statistics", "--html", out / "page.html", "--csv", out / "table.csv")
    run("statistics", "--json")
    run("model", "compare", watched.node.bundle, new, "--since", "30d")
    goal = ("--specificity", 0.9, "--out", out / "c.safetensors", "--yes")
    run("model", "calibrate", "--jobs", *goal, fails=True)
    run("pull", "archive", "--since", "2026-01-01", "--until", "2026-01-01", "--dry-run")
    run("jobs", "export", 2, "--out", out / "export", "--deidentify")
    for words in (("rules", "show"), ("jobs", "list")):
        run(*words)


def be_told(watched: WatchedNode) -> None:
    """The peers refuse for a day, with names: results are given up, of which somebody is told."""
    watched.run("jobs", "resend", 2)
    refuse_with_names(watched)
    watched.send()
    watched.node.clock.now += 25 * HOUR
    watched.send()
    ledger, config = watched.node.ledger, watched.config
    watch = IncidentWatch(
        ledger=ledger,
        alerts=config.alerts,
        origin=Origin(host="ich1", site=""),
        owner="me",
        clock=watched.node.clock,
        find=lambda now: troubles_now(ledger, config, now),
    )
    watch.run(watched.node.clock.now)
    watch.background.wait(30)
    assert "could not be delivered" in watched.mail.mails[0].get_content()
    assert len(watched.hook.requests[0].json["data"]["begun"]) > 1
    for words in (("alerts", "list"), ("alerts", "list", "--json"), ("alerts", "test")):
        watched.run(*words)


def ask_for_help(watched: WatchedNode, log: Sequence[Any], out: Path) -> None:
    lines = [{"timestamp": "", "level": each["log_level"], **each} for each in log]
    file = out / "node.log"
    file.write_text("".join(f"{json.dumps(line, default=str)}\n" for line in lines))
    watched.run("support-bundle", "--out", out / "bundle.zip", "--log", file)
    with zipfile.ZipFile(out / "bundle.zip") as bundle:
        assert bundle.read("log.jsonl").count(b"\n") > 10
        assert b'"delivery_failed"' in bundle.read("ledger.json")
        bundle.extractall(out / "bundle")
    (out / "bundle.zip").unlink()
    file.unlink()


def messages_of(watched: WatchedNode) -> Iterator[tuple[str, bytes]]:
    """What alerts have sent."""
    for number, mail in enumerate(watched.mail.mails):
        yield f"mail {number}", f"{mail['Subject']}\n{mail.get_content()}".encode()
    for number, request in enumerate(watched.hook.requests):
        yield f"webhook {number}", request.body


def leaks(data: bytes) -> set[bytes]:
    lower = data.lower()
    tokens = {*DAYS.findall(lower), *TIMES.findall(lower)}
    return tokens | {word for word in WORDS if word in lower}


def test_nobody_is_named_by_what_an_operator_does(
    tmp_path: Path,
    calm_bundle: Path,
    untrained_bundle: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Four patients, in four character sets, with a value of their own in every attribute that
    identifies: received, read, held, refused, told, withdrawn, read again, judged, exported,
    counted.
    """
    folder, out = tmp_path / "node", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    heads = [head(1, "head"), head(2, "head"), head(3, "hold"), head(4, "refuse")]
    missed = [ds.copy() for ds in heads[0][:2]]
    for ds in missed:
        ds.StudyDate = "20260101"  # by which the operator asks
    with capture_logs() as log, watched_node(folder, calm_bundle, missed) as watched:
        operate(watched, heads, untrained_bundle, out)
        be_told(watched)
        ask_for_help(watched, log, out)
        traces = dict(watched.traces())
        told = dict(messages_of(watched))
    traces |= {f"{name} at the end": data for name, data in watched.traces()}
    traces |= {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.*")}
    lines = json.dumps([log, caplog.text], default=str, ensure_ascii=False)
    assert any(name.endswith("-wal") for name in traces)
    assert leaks(next((folder / "spool").rglob("*.dcm")).read_bytes()), "they are in the objects"
    found = {name: leaks(data) for name, data in (traces | told).items()}
    helped = {name: data for name, data in traces.items() if name.startswith("bundle/")}
    assert len(told) >= 4
    assert len(helped) == 6
    found |= {
        f"{name} at all": {b"a description"}
        for name, data in (told | helped).items()
        if b"Sdesc" in data
    }
    found |= {words: leaks(text.encode()) for words, text in watched.printed}
    found["log"] = leaks(lines.encode()) | ({b"a description"} if "Sdesc" in lines else set())
    assert {name: names for name, names in found.items() if names} == {}
