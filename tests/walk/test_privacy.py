"""No log line, file name, command or row of the ledger names a patient, whatever goes wrong."""

import json
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

from pydicom import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import ExplicitVRLittleEndian
from typer.testing import CliRunner

from ich_node.cli import app
from ich_node.ledger import JobState
from tests.support.attacks import Victim
from tests.support.attacks import send as send_one
from tests.support.bombs import bombs
from tests.support.heads import ROOT, head_slice
from tests.support.peers import free_port, pacs, wait_until
from tests.support.raw_dicom import encoded
from tests.support.running import NodeProcesses, running_node

NAME, PATIENT_ID, BIRTH_DATE, ACCESSION = (
    "Quisling^Zaphod",
    "PID-7351942",
    "19310227",
    "ACC-8841207",
)
PATIENT = {
    "PatientName": NAME, "PatientID": PATIENT_ID, "PatientBirthDate": BIRTH_DATE,
    "AccessionNumber": ACCESSION, "InstitutionName": "Sector ZZ9",
    "ReferringPhysicianName": "Prefect^Ford",
}  # fmt: skip
SECRETS = ("Quisling", "Zaphod", PATIENT_ID, BIRTH_DATE, ACCESSION, "Sector ZZ9", "Prefect")
ENDED = {JobState.DONE, JobState.REFUSED, JobState.FAILED}
# Values that their VR does not allow: the error messages of libraries quote them.
ODD = (
    ("PatientName", "DS", NAME),
    ("PatientID", "IS", PATIENT_ID),
    ("PatientBirthDate", "UL", BIRTH_DATE),
    ("AccessionNumber", "FD", ACCESSION),
    ("PatientBirthDate", "DA", f"{BIRTH_DATE} or so"),
    ("PatientID", "LO", PATIENT_ID * 12),
    ("RescaleSlope", "DS", NAME),
    ("PixelSpacing", "DS", f"{NAME}\\{NAME}"),
    ("ImagePositionPatient", "DS", f"{NAME}\\1\\2"),
    ("InstanceNumber", "IS", PATIENT_ID),
    ("StudyDate", "DA", BIRTH_DATE[::-1] + PATIENT_ID),
    ("SeriesNumber", "IS", ACCESSION),
    ("KVP", "DS", NAME),
)


def test_no_patient_is_named_anywhere(tmp_path: Path) -> None:
    """A full run at log level debug: read, refused and undeliverable series, hostile callers,
    impossible values.
    """
    with pacs() as good, pacs(sop_classes=(), verification=True) as poor:
        wrong = free_port()
        extra = "".join(
            f'[[destinations]]\nname = "{name}"\nae_title = "PACS"\n'
            f'host = "127.0.0.1"\nport = {port}\n'
            for name, port in (("takes nothing", poor.port), ("is down", wrong))
        )
        with running_node(tmp_path / "node", good.port, more=extra) as node:
            good.answers = Refusing()
            made = list(hostile_series())
            for data_sets in made:
                assert set(send(node, data_sets)) == {"0x0000"}
            for keyword in (
                "SOPInstanceUID",
                "StudyInstanceUID",
            ):  # a name where a UID belongs, in the command as well
                data_set = bent(made[0][0], Tag(keyword), "UI", NAME.encode())
                assert send_one(Victim(port=node.port), data_set, uid=uid_in(data_set)) == "0xC002"
            wait_until(lambda: ended(node) >= len(made), seconds=240, what="the end of all series")
            wait_until(lambda: good.received, seconds=60, what="a delivery")
            wait_until(
                lambda: "delivery_" in node_log(node) or "postponed" in node_log(node),
                seconds=60,
                what="a failed delivery",
            )
            said = "".join(commands(node))
            states = {job.state for job in node.ledger.operator.list(limit=200)}
    assert states >= {JobState.DONE, JobState.REFUSED}
    log = (tmp_path / "node" / "log").read_text()
    levels = {json.loads(line)["level"] for line in log.splitlines()}
    assert levels >= {"debug", "info", "warning"}
    names = "\n".join(str(path) for path in tmp_path.rglob("*"))
    ledger = "\n".join(sqlite3.connect(tmp_path / "node" / "ledger.sqlite").iterdump())
    for where, text in {"log": log, "file name": names, "ledger": ledger, "command": said}.items():
        assert [secret for secret in SECRETS if secret.casefold() in text.casefold()] == [], where


def node_log(node: NodeProcesses) -> str:
    return (node.folder / "log").read_text()


class Refusing(dict[str, int]):
    """Answers of a PACS that cannot understand every second object."""

    def get(self, uid: object, _: object = None) -> int:  # type: ignore[override]
        return 0xC000 if sum(map(ord, str(uid))) % 2 else 0x0000


def hostile_series() -> Iterator[list[bytes]]:
    """The data sets of each series, as bytes."""
    yield [encoded(ds) for ds in series(1)]
    for number, (keyword, vr, value) in enumerate(ODD, start=2):
        yield [bent(encoded(ds), ds[keyword].tag, vr, value.encode()) for ds in series(number)]
    unreportable = series(len(ODD) + 2)  # no object can refer to it: an error in the log
    yield [
        bent(encoded(ds), ds["SeriesInstanceUID"].tag, "UI", f"{ROOT}55.01".encode())
        for ds in unreportable
    ]
    for bomb in bombs():
        if bomb.transfer_syntax == ExplicitVRLittleEndian:
            for ds in bomb.datasets:
                for keyword, value in PATIENT.items():
                    setattr(ds, keyword, value)
            yield [encoded(ds) for ds in bomb.datasets]


def series(number: int) -> list[Dataset]:
    study = f"{ROOT}55.{number}"
    return [
        head_slice(
            index,
            StudyInstanceUID=study,
            SeriesInstanceUID=f"{study}.1",
            SOPInstanceUID=f"{study}.1.{index + 1}",
            **PATIENT,
        )
        for index in range(9)  # the fewest slices that cover a head
    ]


def bent(stream: bytes, tag: BaseTag, vr: str, value: bytes) -> bytes:
    """The encoded data set with another VR and value for one element; no library writes such."""
    start = stream.index(struct.pack("<HH", tag.group, tag.element))
    (length,) = struct.unpack_from("<H", stream, start + 6)
    value += b" " * (len(value) % 2)
    return (
        stream[: start + 4]
        + vr.encode()
        + struct.pack("<H", len(value))
        + value
        + stream[start + 8 + length :]
    )


def send(node: NodeProcesses, data_sets: list[bytes]) -> list[str]:
    return [
        send_one(Victim(port=node.port), data_set, uid=uid_in(data_set)) for data_set in data_sets
    ]


def uid_in(data_set: bytes) -> str:
    """Its SOP Instance UID, or what is in its place."""
    at = data_set.index(b"\x08\x00\x18\x00UI") + 6
    (length,) = struct.unpack_from("<H", data_set, at)
    return data_set[at + 2 : at + 2 + length].decode().strip("\x00 ")


def ended(node: NodeProcesses) -> int:
    return sum(job.state in ENDED for job in node.ledger.operator.list(limit=200))


def commands(node: NodeProcesses) -> Iterator[str]:
    """The output of the commands that an administrator uses."""
    runner, config = CliRunner(), ["--config", str(node.folder / "config.toml")]
    yield runner.invoke(app, [*config, "jobs", "list"]).output
    for job in node.ledger.operator.list(limit=200):
        yield runner.invoke(app, [*config, "jobs", "show", str(job.id)]).output
        yield runner.invoke(app, [*config, "jobs", "show", "--json", str(job.id)]).output
