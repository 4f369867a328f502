"""Two hospitals on one node: neither ever gets a patient of the other, whatever their UIDs are."""

import base64
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import Dataset, dcmwrite

from ich_node.answer import WithdrawalReason
from ich_node.config.config import Config
from ich_node.config.load import load_config
from ich_node.ledger import Job, JobState
from ich_node.receive import Listener
from ich_node.study.withdrawal import Withdrawer
from tests.support.analysing import AnalysingNode
from tests.support.heads import ROOT
from tests.support.listening import EXPLICIT
from tests.support.mllp_receiver import MllpReceiver, mllp_receiver
from tests.support.node import open_node
from tests.support.peers import Pacs, associated, pacs
from tests.support.sending import SendingNode
from tests.support.study_answers import read_all
from tests.support.study_series import chest, reconstruction
from tests.support.web_receiver import WebReceiver, web_receiver

MINUTE = timedelta(minutes=1)
CONFIG = """
[scp]
bind_address = "127.0.0.1"
port = 0
[[sources]]
name = "north"
ae_title = "PACS_N"
[[sources]]
name = "south"
ae_title = "CT_S"
"""
DESTINATIONS = """
[[destinations]]
name = "{name}-pacs"
ae_title = "PACS_{letter}"
host = "127.0.0.1"
port = {pacs}
{route_of_objects}
[[destinations]]
name = "{name}-ris"
kind = "hl7"
host = "127.0.0.1"
port = {mllp}
identifiers = true
sources = ["{name}"]
[[destinations]]
name = "{name}-worklist"
kind = "webhook"
url = "{hook}"
secret_file = "{secret}"
identifiers = true
sources = ["{name}"]
"""


@dataclass(kw_only=True)
class Hospital:
    """secrets: every value that identifies its patients and series."""

    name: str
    calling_ae: str
    archive: Pacs
    ris: MllpReceiver
    worklist: WebReceiver
    secrets: set[str] = field(default_factory=set)

    def head(self, number: int, study: str, series: str, *, of: type = reconstruction, **header):
        """A series of a new patient; the objects have UIDs of their own."""
        datasets = of(
            number,
            PatientID=f"{self.name}-{number}-mrn",
            PatientName=f"{self.name}{number}son^Zuzana{self.name}",
            AccessionNumber=f"{self.name}{number}acc",
            **header,
        )
        for index, dataset in enumerate(datasets):
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
            dataset.SOPInstanceUID = f"{ROOT}{len(self.name) + ord(self.name[0])}.{number}.{index}"
            dataset.FrameOfReferenceUID = f"{ROOT}{ord(self.name[0])}.{number}.99"
            dataset.StudyID = f"{self.name}{number}sid"
            dataset.StudyDescription = f"{self.name} description {number}"
        first = datasets[0]
        self.secrets |= {first.PatientID, f"{self.name}{number}son", first.AccessionNumber}
        self.secrets |= {first.StudyID, first.StudyDescription, first.FrameOfReferenceUID}
        self.secrets |= {dataset.SOPInstanceUID for dataset in datasets}
        return datasets

    def got(self) -> list[bytes]:
        """Every object, message and event."""
        return [
            *map(encoded, self.archive.received),
            *(message.encode() for message in self.ris.received),
            *(request.body for request in self.worklist.requests),
        ]

    def findings(self) -> list[str]:
        return [request.json["data"]["finding"] for request in self.worklist.requests]


def encoded(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


@dataclass(kw_only=True)
class SharedNode:
    config: Config
    analysing: AnalysingNode
    listener: Listener
    north: Hospital
    south: Hospital

    def receive(self, hospital: Hospital, datasets: list[Dataset]) -> None:
        """By C-STORE; then all is read, told and sent."""
        with associated(
            self.listener.port, calling_ae=hospital.calling_ae, contexts=EXPLICIT
        ) as association:
            for dataset in datasets:
                assert association.send_c_store(dataset).Status == 0x0000
        self.settle()

    def settle(self) -> None:
        node = self.analysing
        node.clock.now += 20 * MINUTE
        read_all(node)
        while node.make_teller().tell_refused(node.clock.now):
            pass
        sending = SendingNode(
            folder=node.folder, ledger=node.ledger, spool=node.spool, clock=node.clock
        )
        while sending.sender(*self.config.destinations).send_due():
            pass

    def newest(self) -> Job:
        return self.analysing.job


@contextmanager
def shared_node(folder: Path, bundle: Path) -> Iterator[SharedNode]:
    secret = folder / "secret"
    secret.write_text(base64.b64encode(bytes(32)).decode())
    with ExitStack() as stack:
        hospitals, text = [], CONFIG
        for name, calling_ae, route in (
            ("north", "PACS_N", "return_to_sender = true"),
            ("south", "CT_S", 'sources = ["south"]'),
        ):
            letter = name[0].upper()
            hospital = Hospital(
                name=name,
                calling_ae=calling_ae,
                archive=stack.enter_context(pacs(ae_title=f"PACS_{letter}")),
                ris=stack.enter_context(mllp_receiver()),
                worklist=stack.enter_context(web_receiver()),
            )
            hospitals.append(hospital)
            text += DESTINATIONS.format(
                name=name,
                letter=letter,
                pacs=hospital.archive.port,
                mllp=hospital.ris.port,
                hook=hospital.worklist.url,
                secret=secret,
                route_of_objects=route,
            )
        (folder / "config.toml").write_text(text)
        config = load_config(folder / "config.toml").config
        node = stack.enter_context(
            open_node(folder, AnalysingNode, bundle=bundle, destinations=config.destinations)
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
            )
        )
        yield SharedNode(
            config=config,
            analysing=node,
            listener=listener,
            north=hospitals[0],
            south=hospitals[1],
        )


@pytest.fixture
def shared(tmp_path: Path, untrained_bundle: Path) -> Iterator[SharedNode]:
    with shared_node(tmp_path, untrained_bundle) as opened:
        yield opened


def nothing_of(other: Hospital, at: Hospital) -> list[str]:
    return [secret for secret in other.secrets for data in at.got() if secret.encode() in data]


def test_neither_gets_patients_of_the_other(shared):
    """Not with UIDs of their own, nor with the same Study Instance UID, nor with the same Series
    Instance UID; not when an answer is withdrawn. Each is told of its own series.
    """
    north, south = shared.north, shared.south
    shared.receive(north, north.head(1, f"{ROOT}501", f"{ROOT}501.1"))
    shared.receive(south, south.head(2, f"{ROOT}502", f"{ROOT}502.1"))
    assert north.findings() == south.findings() == ["suspected"]

    # one Study Instance UID, and acquisitions that look the same: each is read and told
    same = f"{ROOT}503"
    shared.receive(north, north.head(3, same, f"{same}.1"))
    shared.receive(south, south.head(4, same, f"{same}.2"))
    assert north.findings() == south.findings() == ["suspected"] * 2
    last = south.worklist.requests[-1].json["data"]
    assert (last["replaces"], last["answer_series"]) == (None, f"{same}.2")
    assert f"{same}.1".encode() not in south.worklist.requests[-1].body

    # what was not analysed is told, although the other has an answer under this UID
    shared.receive(south, south.head(5, f"{ROOT}501", f"{ROOT}501.2", of=chest))
    assert shared.newest().state is JobState.REFUSED
    assert south.findings()[-1] == "not_analysed"
    assert len(north.findings()) == 2

    # one Series Instance UID: two patients in one series, of which neither may hear
    before = len(north.got()), len(south.got())
    shared.receive(south, south.head(6, f"{ROOT}501", f"{ROOT}501.1"))
    assert (shared.newest().reason, shared.newest().revision) == ("mixed_patients", 2)
    assert (len(north.got()), len(south.got())) == before

    withdrawer = Withdrawer(
        ledger=shared.analysing.ledger.withdrawals,
        spool=shared.analysing.spool,
        destinations=shared.config.destinations,
        ae_title="ICHNODE",
    )
    job = next(
        each
        for each in shared.analysing.ledger.operator.list()
        if each.series_instance_uid == f"{same}.1"
    )
    withdrawer.withdraw(
        withdrawer.sent(job),
        WithdrawalReason.SAFETY,
        reason="r",
        who="w",
        now=shared.analysing.clock.now,
    )
    shared.settle()
    assert north.findings() == ["suspected", "suspected", "withdrawn"]
    assert len(south.got()) == before[1]

    assert nothing_of(north, south) == []
    assert nothing_of(south, north) == []
    for hospital in (north, south):  # the search finds what is there
        assert (
            len(
                {
                    secret
                    for secret in hospital.secrets
                    for data in hospital.got()
                    if secret.encode() in data
                }
            )
            > 20
        )
