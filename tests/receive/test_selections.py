"""Key Object Selections of readers, sent to the AE title of [verdicts]."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian
from structlog.testing import capture_logs

from ich_node.config.settings import Source, VerdictSettings
from ich_node.dicom.identity import IMPLEMENTATION_CLASS_UID
from ich_node.ledger import Job, Verdict
from ich_node.network.entity import application_entity
from ich_node.network.requestor import Requestor
from ich_node.receive import selection_store
from ich_node.report import ReportOptions
from tests.support.heads import head_series
from tests.support.ledger_examples import LEASE, finish, results
from tests.support.listening import CT1, ListeningNode, StartNode, store
from tests.support.peers import (
    COMPREHENSIVE_3D_SR,
    CT,
    KEY_OBJECTS,
    associated,
    orthanc,
)
from tests.support.raw_dicom import answer, associate_rq, c_store_rq, connect, encoded
from tests.support.report.report_examples import make_source, of_kind, positive_reading, report
from tests.support.results import result_object
from tests.support.selections import (
    LABEL_AE,
    QUALITY_ISSUE,
    TO_LABELS,
    changed,
    implicit,
    selection,
)

VERDICTS = VerdictSettings(ae_title=LABEL_AE)
EXPLICIT = (ExplicitVRLittleEndian,)


@pytest.fixture
def labelled(start_node: StartNode) -> ListeningNode:
    """A node that takes verdicts, and holds one head."""
    node = start_node(verdicts=VERDICTS)
    assert {each.Status for each in store(node, *head_series())} == {0x0000}
    return node


def send(node: ListeningNode, *documents: Dataset) -> list[tuple[int, str]]:
    answers = store(node, *documents, **TO_LABELS)
    return [(each.Status, each.get("ErrorComment", "")) for each in answers]


def verdicts(node: ListeningNode) -> list[Verdict]:
    return node.ledger.verdicts.since(None)


def test_a_selection_is_a_verdict_about_its_series(labelled: ListeningNode) -> None:
    """Success means that it is in the ledger, with the slices and the reader; nothing is stored,
    and the same object again changes nothing. The log names no reader.
    """
    marked = head_series()[3:5]
    with capture_logs() as lines:
        assert send(labelled, selection(marked), selection(marked)) == [(0x0000, "")] * 2
    (verdict,) = verdicts(labelled)
    assert (verdict.job_id, verdict.bleeding, verdict.who) == (labelled.job.id, True, "Lee^Ann")
    assert verdict.slice_uids == tuple(ds.SOPInstanceUID for ds in marked)
    assert (verdict.origin, verdict.origin_uid) == ("key objects", "2.25.900")
    assert labelled.job.objects == 12
    assert len(labelled.ledger.operator.list()) == 1
    received = [line for line in lines if line["event"] == "verdict_received"]
    assert [line["outcomes"] for line in received] == [["new"], ["same"]]
    assert "Lee" not in str(lines)


def test_a_quality_issue_does_not_say_whether_there_is_bleeding(labelled: ListeningNode) -> None:
    """Titles are compared by meaning or value, in any case."""
    marked = head_series()[:1]
    assert send(labelled, selection(marked, title=QUALITY_ISSUE)) == [(0x0000, "")]
    (verdict,) = verdicts(labelled)
    assert (verdict.bleeding, verdict.type) == (None, "quality")
    german = Code("113000", "DCM", "Von Interesse")
    assert send(labelled, selection(marked, title=german, uid="2.25.901")) == [(0x0000, "")]
    assert [each.bleeding for each in verdicts(labelled)] == [None, True]


def test_titles_are_the_site_s(start_node: StartNode) -> None:
    """A title that is not configured answers C003."""
    node = start_node(verdicts=VerdictSettings(ae_title=LABEL_AE, positive=("SITE-7",), quality=()))
    store(node, *head_series())
    marked = head_series()[:1]
    own = Code("SITE-7", "99SITE", "Bleed")
    assert send(node, selection(marked, title=own), selection(marked, uid="2.25.902")) == [
        (0x0000, ""),
        (0xC003, "its title is not in [verdicts] positive or quality"),
    ]
    assert [each.origin_uid for each in verdicts(node)] == ["2.25.900"]


def test_a_selection_without_an_author_is_the_source_s(labelled: ListeningNode) -> None:
    """A selection that names the patient as its author, too: the ledger names no patient."""
    documents = [
        selection(head_series()[:1], reader="Doe^Jane", uid="2.25.903"),
        selection(head_series()[:1], uid="2.25.904"),
    ]
    documents[1].ContentSequence = [
        item for item in documents[1].ContentSequence if item.ValueType == "IMAGE"
    ]
    assert send(labelled, *documents) == [(0x0000, "")] * 2
    assert [each.who for each in verdicts(labelled)] == ["a reader at ct"] * 2


def test_a_selection_of_our_results_is_about_their_series(labelled: ListeningNode) -> None:
    """A reader may mark an overlay; the series is also found when its slices were removed."""
    job = read(labelled)
    overlay = result_object(0)
    overlay.SOPInstanceUID = results(job)[1].sop_instance_uid
    assert send(labelled, selection([overlay])) == [(0x0000, "")]
    (verdict,) = verdicts(labelled)
    assert (verdict.job_id, verdict.bleeding, verdict.slice_uids) == (job.id, True, ())


def test_a_selection_of_nothing_that_we_know_answers_c004(labelled: ListeningNode) -> None:
    """The sender can send it again when the series was received."""
    unknown = head_series(StudyInstanceUID="2.25.51", SeriesInstanceUID="2.25.52")[:1]
    unknown[0].SOPInstanceUID = "2.25.53"
    assert send(labelled, selection(unknown)) == [
        (0xC004, "it refers to no object that this node knows")
    ]
    assert verdicts(labelled) == []


def read(node: ListeningNode) -> Job:
    """The head is read, with two results."""
    node.ledger.operator.close(node.job.id, now=node.clock.now)
    job = node.ledger.reading.claim(owner="x", now=node.clock.now, lease=LEASE, max_attempts=3)
    assert job is not None
    finish(node.ledger, job, at=node.clock.now)
    return job


def our_selection() -> Dataset:
    """The Key Object Selection that this node made of the head."""
    source = make_source()
    (made,) = of_kind(
        report(source, positive_reading(source), options=ReportOptions(ae_title="ICHNODE")),
        "key_objects",
    )
    document = changed(made)
    marked = head_series()[2:5]
    images = [item for item in document.ContentSequence if item.ValueType == "IMAGE"]
    for item, image in zip(images, marked, strict=True):
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = image.SOPInstanceUID
    return document


def without(document: Dataset, *concepts: str) -> Dataset:
    """Without these content items."""
    document.ContentSequence = [
        item
        for item in document.ContentSequence
        if not item.get("ConceptNameCodeSequence")
        or item.ConceptNameCodeSequence[0].CodeValue not in concepts
    ]
    return document


DESCRIPTION, OBSERVER = "113012", ("121012", "121013", "121014", "121015", "121016")
STRIPPED: dict[str, Any] = {
    "Manufacturer": "Archive",
    "ManufacturerModelName": "PACS",
    "SeriesDescription": "KO",
    "SOPInstanceUID": "2.25.61",
    "SeriesInstanceUID": "2.25.62",
    "PatientID": "COERCED",
    "PatientName": "Roe^Richard",
}


def returned() -> Iterator[Dataset]:
    """What is left of it: all, or one trace alone."""
    yield our_selection()
    yield implicit(changed(our_selection(), PatientID="COERCED", SOPInstanceUID="2.25.61"))
    by_words = changed(our_selection(), **{**STRIPPED, "Manufacturer": "ICH-NODE "})
    yield without(by_words, *OBSERVER, DESCRIPTION)
    of_series = changed(our_selection(), **{**STRIPPED, "SeriesDescription": "ICH AI key slices"})
    yield without(of_series, *OBSERVER, DESCRIPTION)
    yield without(changed(our_selection(), **STRIPPED), DESCRIPTION, *OBSERVER[1:])
    yield without(changed(our_selection(), **STRIPPED), DESCRIPTION, OBSERVER[0])
    yield without(changed(our_selection(), **STRIPPED), *OBSERVER)


def test_what_this_node_made_is_no_verdict(labelled: ListeningNode) -> None:
    """However it comes back: each trace alone is enough. Without any it is somebody else's."""
    for document in returned():
        syntax = document.file_meta.TransferSyntaxUID
        contexts = ((KEY_OBJECTS, (syntax,)),)
        (status,) = store(labelled, document, called_ae=LABEL_AE, contexts=contexts)
        assert (status.Status, status.ErrorComment) == (
            0xC005,
            "this node made it: it is no verdict of a reader",
        )
    assert verdicts(labelled) == []
    other = without(changed(our_selection(), **STRIPPED), DESCRIPTION, *OBSERVER)
    assert send(labelled, other) == [(0x0000, "")]


def test_a_result_of_the_ledger_is_no_verdict(labelled: ListeningNode) -> None:
    """By its SOP Instance UID, whatever is left of its content; nor is what an ich-node sends."""
    job = read(labelled)
    known = selection(head_series()[:1])
    known.SOPInstanceUID = known.file_meta.MediaStorageSOPInstanceUID = results(job)[
        0
    ].sop_instance_uid
    assert send(labelled, known)[0][0] == 0xC005
    entity = application_entity("CT1", Requestor)
    assert entity.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    entity.add_requested_context(KEY_OBJECTS, list(EXPLICIT))
    assoc = entity.associate("127.0.0.1", labelled.port, ae_title=LABEL_AE)
    assert assoc.send_c_store(selection(head_series()[:1])).Status == 0xC005
    assoc.release()
    assert verdicts(labelled) == []


def test_ours_comes_back_through_orthanc(labelled: ListeningNode, tmp_path: Path) -> None:
    """An archive that was told to give it another patient, and forwards it; a reader's selection
    that it forwards counts.
    """
    http = {"timeout": 60.0}
    modality = {"labels": [LABEL_AE, "127.0.0.1", labelled.port]}
    with orthanc(tmp_path / "orthanc", ae_title="CT1", DicomModalities=modality) as peer:
        for document, expected in (
            (our_selection(), []),
            (selection(head_series()[:1]), [(True, "Lee^Ann")]),
        ):
            stored = httpx.post(f"{peer.url}/instances", content=file_of(document), **http).json()
            coerced = httpx.post(
                f"{peer.url}/instances/{stored['ID']}/modify",
                json={
                    "Replace": {"PatientID": "COERCED", "PatientName": "Roe^Richard"},
                    "Force": True,
                },
                **http,
            )
            again = httpx.post(f"{peer.url}/instances", content=coerced.content, **http).json()
            httpx.post(f"{peer.url}/modalities/labels/store", json=[again["ID"]], **http)
            assert [(each.bleeding, each.who) for each in verdicts(labelled)] == expected


def file_of(document: Dataset) -> bytes:
    file = BytesIO()
    document.save_as(file, enforce_file_format=True)
    return file.getvalue()


def test_only_selections_and_only_where_they_belong(labelled: ListeningNode) -> None:
    """The AE title of [verdicts] accepts no CT, that of [scp] no selection; both admit the same
    sources.
    """
    contexts = ((CT, EXPLICIT), (KEY_OBJECTS, EXPLICIT), (COMPREHENSIVE_3D_SR, EXPLICIT))
    accepted = {}
    for title in (LABEL_AE, "ICHNODE"):
        with associated(labelled.port, called_ae=title, contexts=contexts) as assoc:
            accepted[title] = {context.abstract_syntax for context in assoc.accepted_contexts}
    assert accepted == {LABEL_AE: {KEY_OBJECTS}, "ICHNODE": {CT}}
    with associated(
        labelled.port, calling_ae="STRANGER", called_ae=LABEL_AE, contexts=contexts
    ) as assoc:
        assert assoc.is_rejected


def test_without_the_setting_nothing_has_changed(start_node: StartNode) -> None:
    """The title is unknown, and a discarding source's selections are discarded."""
    node = start_node(sources=(Source(name="ct", ae_title="CT1", other_classes="discard"), CT1))
    with associated(node.port, called_ae=LABEL_AE) as assoc:
        assert assoc.is_rejected
    (status,) = store(node, selection(head_series()[:1]), contexts=TO_LABELS["contexts"])
    assert status.Status == 0x0000
    assert verdicts(node) == []


def raw(node: ListeningNode, data: bytes, uid: str = "2.25.900") -> tuple[int, bytes]:
    """Status and response of a data set that no library sends."""
    request = associate_rq(called=LABEL_AE, contexts=((KEY_OBJECTS, EXPLICIT),))
    with connect(node.port, request) as connection:
        assert answer(connection)[0] == 0x02
        for pdu in c_store_rq(data, sop_class_uid=KEY_OBJECTS, sop_instance_uid=uid):
            connection.sendall(pdu)
        response = answer(connection)
    at = response.index(b"\x00\x00\x00\x09\x02\x00\x00\x00") + 8
    return int.from_bytes(response[at : at + 2], "little"), response


def test_damaged_selections_are_answered(labelled: ListeningNode) -> None:
    """Cut anywhere, without a title, with another UID than the command's, or of bytes that are
    nothing: a status and a sentence, and no verdict.
    """
    good = selection(head_series()[:2])
    data = encoded(good)
    for length in range(1, len(data) - 1, len(data) // 12):
        status, _ = raw(labelled, data[:length])
        assert status in (0xC000, 0xC001, 0xC004), length
    assert raw(labelled, bytes(range(256)))[0] in (0xC000, 0xC001)
    untitled = changed(good, ConceptNameCodeSequence=None)
    assert raw(labelled, encoded(untitled))[0] == 0xC000
    assert raw(labelled, data, uid="2.25.7")[0] == 0xA900
    illegal = changed(good, StudyInstanceUID="Doe^Jane")
    assert raw(labelled, encoded(illegal))[0] == 0xC002
    assert verdicts(labelled) == []
    assert raw(labelled, data)[0] == 0x0000


def test_a_selection_over_the_limit_answers_a701(
    labelled: ListeningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the first bytes is kept in memory."""
    monkeypatch.setattr(selection_store, "MOST_BYTES", 1000)
    assert send(labelled, selection(head_series()[:2])) == [(0xA701, "larger than 1000 bytes")]
