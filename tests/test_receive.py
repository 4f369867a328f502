"""The door: what C-STORE answers, who is let in, and when a series is complete. Attacks are in test_attacks.py."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from heads import head_series, head_slice
from listening import EXPLICIT, START, Node, StartNode, echo_status, store
from peers import COMPREHENSIVE_3D_SR, CT, SECONDARY_CAPTURE, associated, free_port, need, running, wait_until
from pydicom import Dataset, dcmread
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, EnhancedCTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from real import real

from ich_node.config import ScpSettings, SeriesSettings, Source
from ich_node.errors import ConfigError
from ich_node.jobs import JobState, open_ledger
from ich_node.receive import Listener
from ich_node.receive.admission import Caller, Rejection, admit
from ich_node.spool import Spool
from ich_node.transfer_syntaxes import ACCEPTED_TRANSFER_SYNTAXES

LEASE = timedelta(minutes=1)
SEQUENCE = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff"


def only_job(node: Node) -> Any:
    (job,) = node.jobs.list()
    return job


def released(node: Node) -> bool:
    """The release of the last association has reached the ledger: the wait is no longer the one of an open association."""
    return all(job.ready_at - node.clock.now < timedelta(seconds=60) for job in node.jobs.list())


# What C-STORE answers: the rows of docs/c-store-status.md


def test_success_means_on_disk_and_in_the_ledger(node: Node) -> None:
    """0x0000 comes with a spool file whose data set is byte for byte what was sent, and a row with its UIDs."""
    ds = head_slice(0)
    (answer,) = store(node, ds)
    assert answer.Status == 0x0000
    (instance,) = node.jobs.instances(only_job(node))
    kept = dcmread(node.spool.absolute(instance.path))
    assert kept == ds
    assert kept.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    assert (instance.sop_instance_uid, instance.source, instance.position_mm) == (ds.SOPInstanceUID, "ct", 0.0)


def test_the_same_object_again_is_a_success_and_no_change(node: Node) -> None:
    """An identical resend answers 0x0000 and adds neither a file nor a row nor a revision."""
    ds = head_slice(0)
    assert [answer.Status for answer in store(node, ds, ds)] == [0x0000, 0x0000]
    assert len(node.jobs.instances(only_job(node))) == 1


def test_other_bytes_under_one_uid_are_kept_beside_the_first(node: Node) -> None:
    """A changed object under a known UID answers 0x0000; both files stay, and the newest is read."""
    first, second = head_slice(0), head_slice(0, SeriesDescription="changed")
    assert [answer.Status for answer in store(node, first, second)] == [0x0000, 0x0000]
    (newest,) = node.jobs.instances(only_job(node))
    assert dcmread(node.spool.absolute(newest.path)).SeriesDescription == "changed"
    assert len(list(node.spool.absolute(newest.path).parents[1].rglob("*.dcm"))) == 2


def test_a_full_spool_answers_a700_and_keeps_nothing(start_node: StartNode, tmp_path: Path) -> None:
    """Without room the modality is told so, keeps its copy, and neither a file nor a row is left."""
    node = start_node(spool=Spool(tmp_path / "full", reserve_bytes=1 << 60))
    (answer,) = store(node, head_slice(0))
    assert (answer.Status, answer.ErrorComment) == (0xA700, "the spool is full")
    assert node.jobs.list() == []
    assert [path for path in (tmp_path / "full").rglob("*") if path.is_file()] == []


def test_a_ledger_that_cannot_be_written_answers_a700(node: Node, tmp_path: Path) -> None:
    """While another process holds the database, the object is refused for now, and taken later."""
    with sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None) as blocker:
        blocker.execute("BEGIN EXCLUSIVE")
        (answer,) = store(node, head_slice(0))
        blocker.execute("ROLLBACK")
    blocker.close()
    assert (answer.Status, answer.ErrorComment) == (0xA700, "the ledger cannot be written; send again")
    assert store(node, head_slice(0))[0].Status == 0x0000


def test_an_object_over_the_limit_answers_a701(start_node: StartNode) -> None:
    """An object larger than max_object_bytes is read to its end, not kept, and its sender learns the limit."""
    node = start_node(max_object_bytes=1 << 20)
    too_large, next_one = head_slice(0, PixelData=bytes(3 << 20)), head_slice(1)
    answers = store(node, too_large, next_one)
    assert [answer.Status for answer in answers] == [0xA701, 0x0000]
    assert answers[0].ErrorComment == "larger than 1048576 bytes"


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SOPClassUID"])
def test_a_data_set_that_is_not_what_the_command_says_answers_a900(node: Node, keyword: str) -> None:
    """The command's SOP class and instance UIDs must be those of the data set."""
    ds = head_slice(0)
    claimed = {"SOPInstanceUID": ds.SOPInstanceUID, "SOPClassUID": ds.SOPClassUID}
    setattr(ds, keyword, "1.2.3.4")
    answer = store_raw(node, encoded(ds), sop_instance_uid=claimed["SOPInstanceUID"])
    assert (answer.Status, answer.ErrorComment) == (0xA900, f"{keyword} is not that of the command")
    assert node.jobs.list() == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x08\x00\x05\x00CS\xff\x00" + b"x" * 8,  # an element longer than the data set
        b"\xff" * 64,
        SEQUENCE + (b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + SEQUENCE) * 10_000,
    ],
    ids=["truncated", "noise", "sequences nested 10,000 deep"],
)
def test_a_header_that_cannot_be_read_answers_cxxx(node: Node, garbage: bytes) -> None:
    """Bytes that are no data set answer "cannot understand", and the association goes on."""
    answer = store_raw(node, garbage, sop_instance_uid="1.2.3")
    assert answer.Status in (0xC000, 0xC001)
    assert store(node, head_slice(0))[0].Status == 0x0000


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_a_missing_uid_answers_c001(node: Node, keyword: str) -> None:
    """Without its UIDs an object has no place; the comment says which one."""
    answer = store_raw(node, encoded(head_slice(0, **{keyword: None})), sop_instance_uid=head_slice(0).SOPInstanceUID)
    assert (answer.Status, answer.ErrorComment) == (0xC001, f"{keyword} is missing or empty")


@pytest.mark.parametrize("uid", ["../../etc/passwd", "/etc/passwd", "1.2\x003", "ID_515961ad20", "1" * 65])
def test_an_illegal_uid_answers_c002(node: Node, tmp_path: Path, uid: str) -> None:
    """A UID is digits and dots, 64 at most; what looks like a path or is too long goes nowhere near a file."""
    ds = head_slice(0)
    ds.SeriesInstanceUID = UID("9" * len(uid))
    stream = encoded(ds).replace(b"9" * len(uid), uid.encode())
    answer = store_raw(node, stream, sop_instance_uid=ds.SOPInstanceUID)
    assert (answer.Status, answer.ErrorComment) == (0xC002, "SeriesInstanceUID is not a UID")
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []


def test_another_sop_class_than_its_context_answers_0122(node: Node) -> None:
    """An MR image sent through the context of CT is not taken."""
    ds = head_slice(0, SOPClassUID="1.2.840.10008.5.1.4.1.1.4")
    answer = store_raw(node, encoded(ds), sop_instance_uid=ds.SOPInstanceUID, sop_class_uid=ds.SOPClassUID)
    assert (answer.Status, answer.ErrorComment) == (0x0122, "the SOP class is not that of its context")


def test_an_association_that_nobody_admitted_answers_0124(start_node: StartNode) -> None:
    """Should the admission itself break (here: by a network that no configuration lets through), nothing is stored."""
    broken = Source.model_construct(name="ct", ae_title="CT1", hosts=("no network",), quiet_seconds=None)
    node = start_node(sources=(broken,))
    (answer,) = store(node, head_slice(0))
    assert (answer.Status, answer.ErrorComment) == (0x0124, "the association was not admitted")
    assert node.jobs.list() == []


def test_a_bug_of_ours_answers_0110_and_the_association_goes_on(node: Node) -> None:
    """A clock that breaks is nothing we foresee: the sender hears of a failure, and the next object is taken again."""
    with associated(node.port, contexts=EXPLICIT) as assoc:
        node.clock.is_broken = True
        failed = assoc.send_c_store(head_slice(0))
        node.clock.is_broken = False
        taken = assoc.send_c_store(head_slice(0))
    assert (failed.Status, failed.ErrorComment) == (0x0110, "internal error; see the log of the node")
    assert taken.Status == 0x0000


def encoded(ds: Dataset) -> bytes:
    stream = encode(ds, is_implicit_vr=False, is_little_endian=True)
    assert stream is not None
    return stream


def store_raw(node: Node, stream: bytes, *, sop_instance_uid: str, sop_class_uid: str = CT) -> Dataset:
    """C-STORE of bytes that no library would encode, under a command of our choice."""
    with associated(node.port, contexts=EXPLICIT) as assoc:
        assert assoc.is_established
        request = C_STORE()
        request.MessageID, request.Priority = 1, 2
        request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = UID(sop_class_uid), UID(sop_instance_uid)
        request.DataSet = BytesIO(stream)
        assoc._reactor_checkpoint.clear()
        assoc.dimse.send_msg(request, assoc.accepted_contexts[0].context_id)
        _, answer = assoc.dimse.get_msg(block=True)
        assoc._reactor_checkpoint.set()
        assert isinstance(answer, C_STORE), "the association was broken"
        ds = Dataset()
        ds.Status, ds.ErrorComment = answer.Status, getattr(answer, "ErrorComment", None)
        return ds


# What is negotiated


def test_every_transfer_syntax_of_the_table_is_negotiated_and_no_other(node: Node) -> None:
    """Each of ACCEPTED_TRANSFER_SYNTAXES gets a context for CT; Deflated and HTJ2K do not, whatever else is proposed."""
    proposed = [*ACCEPTED_TRANSFER_SYNTAXES, DeflatedExplicitVRLittleEndian, UID("1.2.840.10008.1.2.4.201")]
    with associated(node.port, contexts=[(CT, (syntax,)) for syntax in proposed]) as assoc:
        accepted = {context.transfer_syntax[0] for context in assoc.accepted_contexts}
    assert accepted == set(ACCEPTED_TRANSFER_SYNTAXES)


def test_the_sender_s_first_choice_wins(node: Node) -> None:
    """Of several syntaxes in one context the first that we accept is taken, so compressed objects come as they are."""
    with associated(node.port, contexts=[(CT, (JPEG2000Lossless, ExplicitVRLittleEndian))]) as assoc:
        assert assoc.accepted_contexts[0].transfer_syntax == [JPEG2000Lossless]


def test_enhanced_ct_is_taken_so_that_it_can_be_refused_by_name(node: Node) -> None:
    """A multi-frame object is stored; the analyser says enhanced_multi_frame."""
    ds = head_slice(0, SOPClassUID=EnhancedCTImageStorage)
    contexts = ((EnhancedCTImageStorage, (ExplicitVRLittleEndian,)),)
    assert store(node, ds, contexts=contexts)[0].Status == 0x0000


def test_results_are_not_negotiated(node: Node) -> None:
    """Structured reports and secondary captures, ours or another's, find no context: no result is ever analysed."""
    results = {COMPREHENSIVE_3D_SR, SECONDARY_CAPTURE}
    with associated(node.port, contexts=[(uid, (ExplicitVRLittleEndian,)) for uid in (CT, *results)]) as assoc:
        assert {context.abstract_syntax for context in assoc.rejected_contexts} == results


# Who may come in


@pytest.mark.parametrize(
    ("caller", "verdict"),
    [
        (("CT1", "ICHNODE", "10.1.2.3"), "ct"),
        (("CT1 ", "ICHNODE ", "10.1.2.3"), "ct"),
        (("CT1", "ICHNODE", "::ffff:10.1.2.3"), "ct"),
        (("CT1", "ICHNODE", "192.168.0.9"), "second"),
        (("CT1", "ICHNODE", "172.16.0.1"), Rejection.HOST),
        (("ANYWHERE", "ICHNODE", "172.16.0.1"), "roaming"),
        (("ct1", "ICHNODE", "10.1.2.3"), Rejection.CALLING_AE),
        (("CT1", "OTHER", "10.1.2.3"), Rejection.CALLED_AE),
    ],
)
def test_the_allow_list(caller: tuple[str, str, str], verdict: Any) -> None:
    """Called AE, calling AE and network must all fit one source; padding does not matter, case does."""
    sources = (
        Source(name="ct", ae_title="CT1", hosts=("10.0.0.0/8",)),
        Source(name="second", ae_title="CT1", hosts=("192.168.0.9",)),
        Source(name="roaming", ae_title="ANYWHERE"),
    )
    answer = admit(Caller(calling_ae=caller[0], called_ae=caller[1], address=caller[2]), "ICHNODE", sources)
    assert (answer.name if isinstance(answer, Source) else answer) == verdict


@pytest.mark.parametrize(
    ("association", "sources", "reason"),
    [
        ({"calling_ae": "STRANGER"}, None, (1, 1, 3)),
        ({"called_ae": "OTHER"}, None, (1, 1, 7)),
        ({}, (), (1, 1, 3)),
        ({}, (Source(name="ct", ae_title="CT1", hosts=("192.0.2.0/24",)),), (1, 1, 3)),
    ],
    ids=["calling AE", "called AE", "no sources at all", "wrong host"],
)
def test_outsiders_are_rejected_with_the_reason(start_node: StartNode, association: Any, sources: Any, reason: Any) -> None:
    """An A-ASSOCIATE-RJ names what is wrong; without [[sources]] nobody comes in."""
    node = start_node(sources=sources)
    with associated(node.port, **association) as assoc:
        assert assoc.is_rejected
        answer = assoc.acceptor.primitive
        assert (answer.result, answer.result_source, answer.diagnostic) == reason


def test_one_association_too_many_is_rejected_for_the_moment(start_node: StartNode) -> None:
    """Over max_associations the answer is transient, and a place that is given back is free again."""
    node = start_node(max_associations=1)
    with associated(node.port) as first, associated(node.port) as second:
        assert first.is_established
        assert second.is_rejected
        assert second.acceptor.primitive.result == 2
    wait_until(lambda: echo_status(node.port) == 0x0000, what="a free place")


def test_a_port_in_use_is_said_in_a_sentence(start_node: StartNode) -> None:
    """A second listener on the port is a mistake of the configuration."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = ScpSettings(bind_address="127.0.0.1", port=taken.getsockname()[1])
        node = start_node()
        with pytest.raises(ConfigError, match="cannot listen on"):
            Listener(settings, (), SeriesSettings(), node.spool, node.jobs, node.clock).__enter__()


# When a series is complete


def test_an_open_association_keeps_its_series_waiting(node: Node) -> None:
    """While the sender is connected, the series is not ready before it could have been silent too long and quiet after that."""
    with associated(node.port, contexts=EXPLICIT) as assoc:
        assoc.send_c_store(head_slice(0))
        assert only_job(node).ready_at == START + timedelta(seconds=60 + 20)


def test_a_whole_head_waits_only_the_grace_time(node: Node) -> None:
    """Released and geometrically complete: ready after grace_seconds."""
    store(node, *head_series(16))
    wait_until(lambda: released(node), what="the release")
    assert only_job(node).ready_at == START + timedelta(seconds=5)


def test_a_stack_with_a_gap_waits_the_quiet_time(node: Node) -> None:
    """Released with a slice missing: ready after quiet_seconds, so that the slice may still come."""
    store(node, *[ds for index, ds in enumerate(head_series(16)) if index != 7])
    wait_until(lambda: released(node), what="the release")
    assert only_job(node).ready_at == START + timedelta(seconds=20)


def test_a_source_may_have_its_own_quiet_time(start_node: StartNode) -> None:
    """quiet_seconds of the source goes over that of [series]."""
    node = start_node(sources=(Source(name="slow", ae_title="CT1", quiet_seconds=45),))
    store(node, head_slice(0))
    wait_until(lambda: released(node), what="the release")
    assert only_job(node).ready_at == START + timedelta(seconds=45)


def test_an_aborted_association_is_not_trusted(node: Node) -> None:
    """After an abort even a complete stack waits the quiet time; what was acknowledged stays."""
    with associated(node.port, contexts=EXPLICIT) as assoc:
        for ds in head_series(16):
            assoc.send_c_store(ds)
        assoc.abort()
    wait_until(lambda: released(node), what="the abort")
    assert only_job(node).ready_at == START + timedelta(seconds=20)
    assert len(node.jobs.instances(only_job(node))) == 16


def test_another_open_association_with_the_series_holds_it(node: Node) -> None:
    """Two associations carry one series: the first one's release shortens nothing, the second one's does."""
    slices = head_series(16)
    with associated(node.port, contexts=EXPLICIT) as second:
        second.send_c_store(slices[0])
        store(node, *slices[1:])
        marker = head_slice(0, SeriesInstanceUID="1.2.3.9", SOPInstanceUID="1.2.3.9.1")
        store(node, marker)
        quiet_over = START + timedelta(seconds=20)
        wait_until(lambda: any(job.ready_at == quiet_over for job in node.jobs.list()), what="the marker's release")
        series = [job for job in node.jobs.list() if job.series_instance_uid != "1.2.3.9"]
        assert series[0].ready_at == START + timedelta(seconds=80)
    wait_until(lambda: released(node), what="the release of the second")
    assert node.jobs.list(limit=9)[-1].ready_at == START + timedelta(seconds=5)


def test_a_late_slice_opens_a_new_revision(node: Node) -> None:
    """What comes after the series was claimed is a new revision of all its objects."""
    slices = head_series(12)
    store(node, *slices[:-1])
    wait_until(lambda: released(node), what="the release")
    assert node.jobs.claim(owner="a", now=START + timedelta(minutes=1), lease=LEASE, max_attempts=3) is not None
    store(node, slices[-1])
    newest = node.jobs.list()[0]
    assert (newest.revision, newest.state, len(node.jobs.instances(newest))) == (2, JobState.WAITING, 12)


# Real peers


@pytest.mark.parametrize(("folder", "option"), [("positive/cq500-sdh-412", "-xv"), ("negative/cq500-47", "-xs")])
def test_storescu_sends_a_real_series(node: Node, folder: str, option: str) -> None:
    """DCMTK's storescu sends a real head CT; each file's data set arrives byte for byte."""
    tool, series = need("storescu"), real(*folder.split("/"))
    command = [tool, "-aet", "CT1", "-aec", "ICHNODE", "--scan-directories", "-R", option]
    sent = subprocess.run([*command, "127.0.0.1", str(node.port), str(series)], capture_output=True, text=True, check=False)
    assert sent.returncode == 0, sent.stderr
    files = {ds.SOPInstanceUID: ds for ds in map(dcmread, sorted(series.rglob("*.dcm")))}
    job = node.jobs.list()[0]
    for instance in node.jobs.instances(job):
        assert dcmread(node.spool.absolute(instance.path)).PixelData == files[instance.sop_instance_uid].PixelData


def test_echoscu_is_answered_and_a_stranger_is_not(node: Node) -> None:
    """DCMTK's echoscu succeeds under an allowed AE title and fails under another."""
    tool = need("echoscu")
    command = [tool, "-aec", "ICHNODE", "127.0.0.1", str(node.port), "-aet"]
    codes = [subprocess.run([*command, aet], capture_output=True, check=False).returncode for aet in ("CT1", "STRANGER")]
    assert codes[0] == 0
    assert codes[1] != 0


# Crash

RECEIVER = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from ich_node.config import ScpSettings, SeriesSettings, Source
from ich_node.jobs import open_ledger
from ich_node.receive import receive_forever
from ich_node.spool import Spool
root, port = Path(sys.argv[1]), int(sys.argv[2])
receive_forever(
    ScpSettings(bind_address="127.0.0.1", port=port), (Source(name="ct", ae_title="CT1"),), SeriesSettings(),
    Spool(root / "spool"), open_ledger(f"sqlite:///{root}/ledger.sqlite"), lambda: datetime.now(UTC), threading.Event(),
)
"""


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """The receiver is killed in the middle of storescu's transfer: each object it answered Success for is there, whole."""
    tool, port = need("storescu"), free_port()
    source = tmp_path / "series"
    source.mkdir()
    for ds in head_series(300):
        ds.save_as(source / f"{ds.InstanceNumber:04d}.dcm", enforce_file_format=True)
    acknowledged: list[str] = []
    with running([sys.executable, "-c", RECEIVER, str(tmp_path), str(port)], port=port, log=tmp_path / "log") as receiver:
        command = [tool, "-v", "-aet", "CT1", "-aec", "ICHNODE", "--scan-directories", "127.0.0.1", str(port), str(source)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as sender:
            assert sender.stdout is not None
            sending = ""
            for line in sender.stdout:
                if "Sending file" in line:
                    sending = line.split("Sending file:")[1].strip()
                if "Received Store Response (Success)" in line:
                    acknowledged.append(sending)
                    if len(acknowledged) == 40:
                        os.kill(receiver.pid, signal.SIGKILL)
    assert 40 <= len(acknowledged) < 300
    jobs, spool = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite"), Spool(tmp_path / "spool")
    try:
        kept = {instance.sop_instance_uid: instance for instance in jobs.instances(jobs.list()[0])}
        for path in acknowledged:
            sent = dcmread(path)
            assert dcmread(spool.absolute(kept[sent.SOPInstanceUID].path)) == sent
    finally:
        jobs.dispose()
