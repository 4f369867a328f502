"""What C-STORE answers: the rows of docs/c-store-status.md."""

import sqlite3
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import PresentationContextTuple

from ich_node.config.settings import Source
from ich_node.network.acceptor.c_store import CStoreRequest
from ich_node.network.acceptor.service import CStoreEvent
from ich_node.spool import Spool
from tests.support.heads import head_slice
from tests.support.listening import EXPLICIT, ListeningNode, StartNode, store
from tests.support.peers import CT, associated, wait_until
from tests.support.raw_dicom import answer as answer_of
from tests.support.raw_dicom import associate_rq, c_store_rq, connect, encoded, fragment

SEQUENCE = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff"


def only_job(node: ListeningNode) -> Any:
    (job,) = node.ledger.operator.list()
    return job


def test_success_means_on_disk_and_in_the_ledger(node: ListeningNode) -> None:
    """0x0000 comes with a spool file whose data set is byte for byte what was sent, and a row with
    its UIDs.
    """
    ds = head_slice(0)
    (answer,) = store(node, ds)
    assert answer.Status == 0x0000
    (instance,) = node.ledger.operator.instances(only_job(node))
    kept = dcmread(node.spool.absolute(instance.path))
    assert kept == ds
    assert kept.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    assert (instance.sop_instance_uid, instance.source, instance.position_mm) == (
        ds.SOPInstanceUID,
        "ct",
        0.0,
    )


def test_the_same_object_again_is_a_success_and_no_change(node: ListeningNode) -> None:
    """An identical resend answers 0x0000 and adds neither a file nor a row nor a revision."""
    ds = head_slice(0)
    assert [answer.Status for answer in store(node, ds, ds)] == [0x0000, 0x0000]
    assert len(node.ledger.operator.instances(only_job(node))) == 1


def test_other_bytes_under_one_uid_are_kept_beside_the_first(node: ListeningNode) -> None:
    """A changed object under a known UID answers 0x0000; both files stay, the newest is read."""
    first, second = head_slice(0), head_slice(0, SeriesDescription="changed")
    assert [answer.Status for answer in store(node, first, second)] == [0x0000, 0x0000]
    (newest,) = node.ledger.operator.instances(only_job(node))
    assert dcmread(node.spool.absolute(newest.path)).SeriesDescription == "changed"
    assert len(list(node.spool.absolute(newest.path).parents[1].rglob("*.dcm"))) == 2


def test_a_full_spool_answers_a700_and_keeps_nothing(start_node: StartNode, tmp_path: Path) -> None:
    """The modality gets the reason and keeps its copy; neither a file nor a row is left."""
    node = start_node(spool=Spool(tmp_path / "full", reserve_bytes=1 << 60))
    (answer,) = store(node, head_slice(0))
    assert (answer.Status, answer.ErrorComment) == (0xA700, "the spool is full")
    assert node.ledger.operator.list() == []
    assert [path for path in (tmp_path / "full").rglob("*") if path.is_file()] == []


def test_a_ledger_that_cannot_be_written_answers_a700(node: ListeningNode, tmp_path: Path) -> None:
    """While another process holds the database, the object is refused for now, and taken later."""
    with sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None) as blocker:
        blocker.execute("BEGIN EXCLUSIVE")
        (answer,) = store(node, head_slice(0))
        blocker.execute("ROLLBACK")
    blocker.close()
    assert (answer.Status, answer.ErrorComment) == (
        0xA700,
        "the ledger cannot be written; send again",
    )
    assert store(node, head_slice(0))[0].Status == 0x0000


def test_an_object_over_the_limit_answers_a701(start_node: StartNode) -> None:
    """An object larger than max_object_bytes is read to its end, not kept, and its sender learns
    the limit.
    """
    node = start_node(max_object_bytes=1 << 20)
    too_large, next_one = head_slice(0, PixelData=bytes(3 << 20)), head_slice(1)
    answers = store(node, too_large, next_one)
    assert [answer.Status for answer in answers] == [0xA701, 0x0000]
    assert answers[0].ErrorComment == "larger than 1048576 bytes"


def test_large_objects_wait_for_one_another_and_ordinary_ones_for_nobody(
    start_node: StartNode,
) -> None:
    """[scp] max_bytes_in_flight: while a stalled large object holds the slot, another one is
    refused for the moment; slices are stored.
    """
    node = start_node(max_object_bytes=2 << 20, max_bytes_in_flight=4 << 20, max_associations=4)
    large = head_slice(0, PixelData=bytes(1 << 20))
    with connect(node.port, associate_rq()) as stalled:
        answer_of(stalled)
        for part in c_store_rq(encoded(large), sop_instance_uid=large.SOPInstanceUID)[:-1]:
            stalled.sendall(part)
        in_flight = node.listener._services.store.in_flight
        wait_until(lambda: in_flight._slots._value == 0, what="taking the slot")
        answers = store(node, head_slice(1), large, head_slice(2))
        assert [answer.Status for answer in answers] == [0x0000, 0xA700, 0x0000]
        assert answers[1].ErrorComment == "too many large objects at the same time; send again"
    wait_until(lambda: store(node, large)[0].Status == 0x0000, what="releasing the slot")


def test_what_broke_off_leaves_nothing_half_written(node: ListeningNode, tmp_path: Path) -> None:
    """The connection ends in the middle of an object: its file is gone, and nothing is in the
    ledger.
    """
    with connect(node.port, associate_rq()) as broken:
        answer_of(broken)
        broken.sendall(c_store_rq()[0] + fragment(bytes(10_000), is_last=False))
        wait_until(
            lambda: len(list((tmp_path / "spool" / "incoming").iterdir())) == 1, what="the file"
        )
    wait_until(
        lambda: list((tmp_path / "spool" / "incoming").iterdir()) == [], what="the end of the file"
    )
    assert node.ledger.operator.list() == []


def test_a_disk_that_fills_up_in_an_object_answers_a700(
    start_node: StartNode, tmp_path: Path
) -> None:
    """The rest of it is read and dropped, so that its sender hears of it; the next object finds
    room.
    """
    room = iter([1 << 40, 0])
    spool = Spool(tmp_path / "spool", reserve_bytes=1)
    spool.free_bytes = lambda: next(room, 1 << 40)  # type: ignore[method-assign]
    node = start_node(spool=spool)
    answers = store(node, head_slice(0, PixelData=bytes(20 << 20)), head_slice(1))
    assert [(answer.Status, answer.get("ErrorComment")) for answer in answers] == [
        (0xA700, "the spool is full"),
        (0x0000, None),
    ]


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SOPClassUID"])
def test_a_data_set_that_is_not_what_the_command_says_answers_a900(
    node: ListeningNode, keyword: str
) -> None:
    """The command's SOP class and instance UIDs must be those of the data set."""
    ds = head_slice(0)
    claimed = {"SOPInstanceUID": ds.SOPInstanceUID, "SOPClassUID": ds.SOPClassUID}
    setattr(ds, keyword, "1.2.3.4")
    answer = store_raw(node, encoded(ds), sop_instance_uid=claimed["SOPInstanceUID"])
    assert (answer.Status, answer.ErrorComment) == (0xA900, f"{keyword} is not that of the command")
    assert node.ledger.operator.list() == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x08\x00\x05\x00CS\xff\x00" + b"x" * 8,  # an element longer than the data set
        b"\xff" * 64,
        SEQUENCE + (b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + SEQUENCE) * 10_000,
    ],
    ids=["truncated", "noise", "sequences nested 10,000 deep"],
)
def test_a_header_that_cannot_be_read_answers_cxxx(node: ListeningNode, garbage: bytes) -> None:
    """Bytes that are no data set answer "cannot understand", and the association goes on."""
    answer = store_raw(node, garbage, sop_instance_uid="1.2.3")
    assert answer.Status in (0xC000, 0xC001)
    assert store(node, head_slice(0))[0].Status == 0x0000


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_a_missing_uid_answers_c001(node: ListeningNode, keyword: str) -> None:
    """Without its UIDs an object has no place; the comment says which one."""
    answer = store_raw(
        node,
        encoded(head_slice(0, **{keyword: None})),
        sop_instance_uid=head_slice(0).SOPInstanceUID,
    )
    assert (answer.Status, answer.ErrorComment) == (0xC001, f"{keyword} is missing or empty")


@pytest.mark.parametrize(
    "uid", ["../../etc/passwd", "/etc/passwd", "1.2\x003", "ID_515961ad20", "1" * 65]
)
def test_an_illegal_uid_answers_c002(node: ListeningNode, tmp_path: Path, uid: str) -> None:
    """A UID is digits and dots, 64 at most; what looks like a path or is too long goes nowhere near
    a file.
    """
    ds = head_slice(0)
    ds.SeriesInstanceUID = UID("9" * len(uid))
    stream = encoded(ds).replace(b"9" * len(uid), uid.encode())
    answer = store_raw(node, stream, sop_instance_uid=ds.SOPInstanceUID)
    assert (answer.Status, answer.ErrorComment) == (0xC002, "SeriesInstanceUID is not a UID")
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []


def test_another_sop_class_than_its_context_answers_0122(node: ListeningNode) -> None:
    """An MR image sent through the context of CT is not taken."""
    ds = head_slice(0, SOPClassUID="1.2.840.10008.5.1.4.1.1.4")
    answer = store_raw(
        node, encoded(ds), sop_instance_uid=ds.SOPInstanceUID, sop_class_uid=ds.SOPClassUID
    )
    assert (answer.Status, answer.ErrorComment) == (
        0x0122,
        "the SOP class is not that of its context",
    )


def test_an_object_that_is_complete_after_the_end_of_its_association_is_not_stored(
    node: ListeningNode,
) -> None:
    """Its sender will not see the response, and sends it again."""
    ds = head_slice(0)
    request = CStoreRequest(
        MessageID=1,
        AffectedSOPClassUID=ds.SOPClassUID,
        AffectedSOPInstanceUID=ds.SOPInstanceUID,
        Priority=0,
        has_data_set=True,
    )
    context = PresentationContextTuple(1, UID(CT), ExplicitVRLittleEndian)
    event = CStoreEvent(
        association=Association(AE(), "acceptor"),
        context=context,
        request=request,
        is_association_open=lambda: False,
    )
    source = Source(name="ct", ae_title="CT1")
    with closing(node.listener._services.store.begin(event, source)) as operation:
        operation.write(memoryview(encoded(ds)))
        response = operation.finish()
    assert response == (0x0110, "the association has ended")
    assert node.ledger.operator.list() == []
    assert list((node.spool._root / "incoming").iterdir()) == []


def test_a_bug_of_ours_answers_0110_and_the_association_goes_on(node: ListeningNode) -> None:
    """A clock that breaks is nothing we foresee: the sender hears of a failure, and the next object
    is taken again.
    """
    with associated(node.port, contexts=EXPLICIT) as assoc:
        node.clock.is_broken = True
        failed = assoc.send_c_store(head_slice(0))
        node.clock.is_broken = False
        taken = assoc.send_c_store(head_slice(0))
    assert (failed.Status, failed.ErrorComment) == (
        0x0110,
        "internal error; see the log of the node",
    )
    assert taken.Status == 0x0000


def store_raw(
    node: ListeningNode, stream: bytes, *, sop_instance_uid: str, sop_class_uid: str = CT
) -> Dataset:
    """C-STORE of bytes that no library would encode, under a command of our choice."""
    with associated(node.port, contexts=EXPLICIT) as assoc:
        assert assoc.is_established
        request = C_STORE()
        request.MessageID, request.Priority = 1, 2
        request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = (
            UID(sop_class_uid),
            UID(sop_instance_uid),
        )
        request.DataSet = BytesIO(stream)
        assoc._reactor_checkpoint.clear()
        assoc.dimse.send_msg(request, assoc.accepted_contexts[0].context_id)
        _, answer = assoc.dimse.get_msg(block=True)
        assoc._reactor_checkpoint.set()
        assert isinstance(answer, C_STORE), "the association was broken"
        ds = Dataset()
        ds.Status, ds.ErrorComment = answer.Status, getattr(answer, "ErrorComment", None)
        return ds
