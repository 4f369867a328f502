"""What arrives can be found by accession number and patient ID, and the ledger names nobody."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydicom.uid import EnhancedCTImageStorage, ExplicitVRLittleEndian

from tests.support.command_line import Ran, ich_node, ich_node_process
from tests.support.enhanced import to_enhanced
from tests.support.heads import head_series
from tests.support.node import opened_ledger
from tests.support.peers import CT, ONE_OF_EACH, associated, free_port, running

CONFIG = (
    ONE_OF_EACH
    + """[database]
url = "sqlite:///{folder}/ledger.sqlite"
search_key = "{folder}/search.key"
[spool]
path = "{folder}/spool"
reserve_bytes = 0
[log]
level = "debug"
"""
)

# A distinctive value for every attribute of the patient, the visit and the people (PS3.15 table
# E.1-1) that comes before the pixels.
PLANTED = {
    "AccessionNumber": "ACC-8841207", "PatientID": "PID-7351942", "PatientName": "Quisling^Zaphod",
    "PatientBirthDate": "19310227", "PatientSex": "O", "OtherPatientNames": "Beeblebrox^Trillian",
    "PatientAddress": "Milliways 42", "PatientTelephoneNumbers": "+44 555 0199",
    "PatientComments": "likes tea", "EthnicGroup": "Betelgeusian", "Occupation": "President",
    "MedicalRecordLocator": "MRL-5512", "IssuerOfPatientID": "Magrathea Trust",
    "InstitutionName": "Sector ZZ9", "InstitutionAddress": "Plural Zed Alpha",
    "ReferringPhysicianName": "Prefect^Ford", "PerformingPhysicianName": "Dentrassi^Arthur",
    "OperatorsName": "Marvin^Paranoid", "PhysiciansOfRecord": "Slartibartfast^F",
    "NameOfPhysiciansReadingStudy": "Agrajag^Poor", "StudyID": "STUDY-66231",
    "StudyDescription": "Vogon constructor", "AdmissionID": "ADM-90210",
    "RequestingPhysician": "Lunkwill^Deep", "StationName": "HEARTOFGOLD",
    "ProtocolName": "Improbability", "DeviceSerialNumber": "SN-1942-7",
    "PerformedProcedureStepID": "PPS-31337", "RequestedProcedureID": "RP-60061",
}  # fmt: skip
SECRETS = [
    part.casefold() for value in PLANTED.values() for part in value.split("^") if len(part) > 3
]


def test_what_arrives_is_found_and_nobody_is_named(tmp_path: Path) -> None:
    """A classic and a multi-frame series with a distinctive value in each attribute of a person go
    through `receive`. Commands find them; the ledger's bytes, the log and the file names have none
    of the values.
    """
    port, config = free_port(), tmp_path / "config.toml"
    config.write_text(CONFIG.format(port=port, folder=tmp_path, pacs_port=1, pacs_ae="PACS"))
    classic = head_series(3)
    frames = to_enhanced(head_series(3))
    frames.SeriesInstanceUID += ".7"
    frames.SOPInstanceUID += ".7"
    for ds in (*classic, frames):
        for keyword, value in PLANTED.items():
            setattr(ds, keyword, value)
    frames.AccessionNumber = f"{PLANTED['AccessionNumber']}-F"
    contexts = [(uid, (ExplicitVRLittleEndian,)) for uid in (CT, EnhancedCTImageStorage)]
    command = [sys.executable, "-m", "ich_node", "--config", str(config), "receive"]
    with running(command, port=port, log=tmp_path / "log"):
        with associated(port, contexts=contexts) as assoc:
            assert {assoc.send_c_store(ds).Status for ds in (*classic, frames)} == {0}
        traces = bytes_of_the_node(tmp_path)  # with what is in the WAL only
        of_patient = found(config, "--patient", PLANTED["PatientID"].lower())
        of_accession = found(config, "--accession", f" {PLANTED['AccessionNumber']} ")
        of_frames = found(config, "--accession", str(frames.AccessionNumber))
    traces |= {f"{name} afterwards": data for name, data in bytes_of_the_node(tmp_path).items()}
    assert {job["series_instance_uid"] for job in of_patient} == {
        classic[0].SeriesInstanceUID,
        frames.SeriesInstanceUID,
    }
    assert [job["series_instance_uid"] for job in of_accession] == [classic[0].SeriesInstanceUID]
    assert [job["series_instance_uid"] for job in of_frames] == [frames.SeriesInstanceUID]
    assert not any("hmac" in name for job in of_patient for name in job)
    assert (tmp_path / "search.key").stat().st_mode & 0o777 == 0o600
    assert any(name.endswith("-wal") for name in traces)
    for name, data in traces.items():
        lower = data.lower()
        assert [secret for secret in SECRETS if secret.encode() in lower] == [], name


def found(config: Path, *options: str) -> list[dict[str, Any]]:
    done: Ran = ich_node("jobs", "list", "--json", *options, config=config)
    assert done.exit_code == 0, done.stderr
    jobs: list[dict[str, Any]] = json.loads(done.stdout)["jobs"]
    return jobs


def bytes_of_the_node(folder: Path) -> dict[str, bytes]:
    """Its ledger, with all files of SQLite, its log, and the names of all its files."""
    files = [*folder.glob("ledger.sqlite*"), folder / "log", folder / "search.key"]
    names = "\n".join(str(path) for path in folder.rglob("*")).encode()
    return {path.name: path.read_bytes() for path in files} | {"file names": names}


def test_a_receiver_without_the_key_does_not_start(tmp_path: Path) -> None:
    """It says which file to copy, and makes no other one."""
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(port=free_port(), folder=tmp_path, pacs_port=1, pacs_ae="PACS"))
    with opened_ledger(f"sqlite:///{tmp_path}/ledger.sqlite") as ledger:
        ledger.search_keys.for_receiving(tmp_path / "search.key", now=datetime.now(UTC))
    (tmp_path / "search.key").unlink()
    refused = ich_node_process("receive", config=config)
    assert refused.exit_code == 2
    assert "search.key is missing" in refused.stderr
    assert not (tmp_path / "search.key").exists()
