"""A sender asks for commitment of what it sent: it gets the truth, and its series need not wait any
longer.
"""

import json
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.dimse_messages import N_EVENT_REPORT_RSP
from pynetdicom.events import Event

from ich_node.config.settings import Source
from ich_node.network.storage_commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, REQUEST_COMMITMENT
from tests.support.heads import head_series, head_slice
from tests.support.listening import ListeningNode, StartNode, store
from tests.support.peers import CT, free_port, orthanc, shut_down, wait_until
from tests.support.standing_clock import START

ASKS = Source(name="ct", ae_title="CT1", hosts=("127.0.0.0/8",), storage_commitment=True)


@pytest.fixture
def node(start_node: StartNode) -> ListeningNode:
    return start_node(sources=(ASKS,))


def question(datasets: Sequence[Dataset]) -> Dataset:
    asked = Dataset()
    asked.TransactionUID = "2.25.4711"
    asked.ReferencedSOPSequence = [reference(ds) for ds in datasets]
    return asked


def reference(ds: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return item


def ask(
    port: int, asked: Dataset, *, wait: bool = True
) -> tuple[int | None, list[tuple[int, Dataset]]]:
    """The status of the question, and the reports that came on its association."""
    entity, reports, came = AE("CT1"), [], threading.Event()
    entity.add_requested_context(PUSH_MODEL, ExplicitVRLittleEndian)

    def on_report(event: Event) -> tuple[int, None]:
        reports.append((event.event_type, event.event_information))
        return 0x0000, None

    def on_sent(event: Event) -> None:
        if isinstance(event.message, N_EVENT_REPORT_RSP):
            came.set()

    handlers = [(evt.EVT_N_EVENT_REPORT, on_report), (evt.EVT_DIMSE_SENT, on_sent)]
    association = entity.associate("127.0.0.1", port, ae_title="ICHNODE", evt_handlers=handlers)
    status, _ = association.send_n_action(
        asked, REQUEST_COMMITMENT, PUSH_MODEL, PUSH_MODEL_INSTANCE
    )
    if wait and status.get("Status") == 0x0000:
        came.wait(10)
        association.release()
    else:
        association.abort()
    return status.get("Status"), reports


def uids(report: Dataset, sequence: str) -> list[str]:
    return [str(item.ReferencedSOPInstanceUID) for item in report.get(sequence) or ()]


def test_what_is_stored_is_committed(node: ListeningNode) -> None:
    """All objects are on disk and in the ledger: event type 1, with the transaction."""
    series = head_series(3)
    store(node, *series)
    status, ((kind, report),) = ask(node.port, question(series))
    assert (status, kind, report.TransactionUID) == (0x0000, 1, "2.25.4711")
    assert uids(report, "ReferencedSOPSequence") == [ds.SOPInstanceUID for ds in series]
    assert "FailedSOPSequence" not in report


def test_what_is_not_stored_is_reported_as_failed(node: ListeningNode) -> None:
    """Never sent, gone from the disk, cut short, or of another class: event type 2, each with its
    reason; the good one is committed.
    """
    good, lost, cut, other = head_series(4)
    store(node, good, lost, cut, other)
    kept = {
        row.sop_instance_uid: node.spool.absolute(row.path)
        for row in node.ledger.operator.instances(node.ledger.operator.list()[0])
    }
    kept[lost.SOPInstanceUID].unlink()
    kept[cut.SOPInstanceUID].write_bytes(b"cut")
    other.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    never = head_slice(9)
    _, ((kind, report),) = ask(node.port, question([good, lost, cut, other, never]))
    assert kind == 2
    assert uids(report, "ReferencedSOPSequence") == [good.SOPInstanceUID]
    failed = {
        str(item.ReferencedSOPInstanceUID): item.FailureReason for item in report.FailedSOPSequence
    }
    gone = {ds.SOPInstanceUID: 0x0112 for ds in (lost, cut, never)}
    assert failed == {**gone, other.SOPInstanceUID: 0x0119}


def test_a_request_for_all_objects_ends_the_wait_of_the_series(node: ListeningNode) -> None:
    """The sender has sent all of it: no quiet time, though the stack has a gap."""
    series = [ds for index, ds in enumerate(head_series(16)) if index != 7]
    store(node, *series)
    ask(node.port, question(series))
    wait_until(lambda: node.ledger.operator.list()[0].ready_at == START, what="the end of the wait")


def test_a_request_for_some_objects_ends_no_wait(node: ListeningNode) -> None:
    """Some senders request commitment after each object."""
    series = head_series(4)
    store(node, *series)
    ask(node.port, question(series[:3]))
    assert node.ledger.operator.list()[0].ready_at > START


def test_a_source_without_storage_commitment_is_refused(start_node: StartNode) -> None:
    """Not authorised, and no report: the sender keeps its copy."""
    node = start_node()
    store(node, head_slice(0))
    status, reports = ask(node.port, question([head_slice(0)]))
    assert (status, reports) == (0x0124, [])


@pytest.mark.parametrize("asked", [Dataset(), question([])], ids=["no transaction", "no objects"])
def test_a_malformed_request_is_refused(node: ListeningNode, asked: Dataset) -> None:
    """Invalid argument value; the node goes on."""
    asked.PatientID = "1"
    assert ask(node.port, asked) == (0x0115, [])
    assert store(node, head_slice(0))[0].Status == 0x0000


@contextmanager
def modality_that_listens() -> Iterator[tuple[int, list[tuple[int, Dataset]]]]:
    """A modality that listens for reports: its port, and what came."""
    entity, reports = AE("CT1"), []
    entity.add_supported_context(PUSH_MODEL, ExplicitVRLittleEndian, scu_role=True, scp_role=True)

    def on_report(event: Event) -> tuple[int, None]:
        reports.append((event.event_type, event.event_information))
        return 0x0000, None

    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, on_report)]
    )
    try:
        yield server.server_address[1], reports
    finally:
        shut_down(entity)


def test_the_report_goes_to_the_commitment_port_of_the_source(start_node: StartNode) -> None:
    """Also if the modality ends its association at once."""
    with modality_that_listens() as (port, reports):
        node = start_node(sources=(ASKS.model_copy(update={"commitment_port": port}),))
        store(node, head_slice(0))
        _, same = ask(node.port, question([head_slice(0)]), wait=False)
        wait_until(lambda: [*same, *reports], what="the answer")
    assert [kind for kind, _ in [*same, *reports]] == [1]


def post(url: str, body: Any) -> Any:
    request = urllib.request.Request(url, data=json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_orthanc_asks_and_believes_us(start_node: StartNode, tmp_path: Path) -> None:
    """A real peer sends its series by C-STORE, asks for commitment, and lists every object as
    committed.
    """
    node_port = free_port()
    modality = {
        "AET": "ICHNODE",
        "Host": "127.0.0.1",
        "Port": node_port,
        "AllowStorageCommitment": True,
    }
    with orthanc(tmp_path / "orthanc", DicomModalities={"node": modality}) as peer:
        source = Source(
            name="orthanc",
            ae_title="ORTHANC",
            storage_commitment=True,
            commitment_port=peer.dicom_port,
        )
        node = start_node(sources=(source,), port=node_port)
        entity = AE("LOADER")
        entity.add_requested_context(CT, ExplicitVRLittleEndian)
        association = entity.associate("127.0.0.1", peer.dicom_port, ae_title="ORTHANC")
        series = head_series(4)
        assert [association.send_c_store(ds).Status for ds in series] == [0x0000] * 4
        association.release()
        with urllib.request.urlopen(f"{peer.url}/instances", timeout=10) as answer:
            ids = json.load(answer)
        sent = post(
            f"{peer.url}/modalities/node/store", {"Resources": ids, "StorageCommitment": True}
        )
        transaction = sent["StorageCommitmentTransactionUID"]

        def report() -> Any:
            with urllib.request.urlopen(
                f"{peer.url}/storage-commitment/{transaction}", timeout=10
            ) as answer:
                return json.load(answer)

        wait_until(lambda: report()["Status"] != "Pending", what="our answer")
        assert report()["Status"] == "Success"
        assert len(report()["Success"]) == 4
    wait_until(
        lambda: node.ledger.operator.list()[0].ready_at <= START + timedelta(seconds=5),
        what="the end of the wait",
    )
