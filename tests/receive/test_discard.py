"""Objects of other classes, from a source whose sender gives up the study if they are rejected."""

from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
)
from pynetdicom import AllStoragePresentationContexts
from structlog.testing import capture_logs

from ich_node.config.settings import Source
from ich_node.network.storage_commitment import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    REQUEST_COMMITMENT,
)
from ich_node.receive.discard import is_other_storage
from tests.support.heads import head_slice
from tests.support.listening import ListeningNode, StartNode, store
from tests.support.peers import COMPREHENSIVE_3D_SR, CT, SECONDARY_CAPTURE, associated, wait_until
from tests.support.raw_dicom import answer, associate_rq, c_store_rq, connect
from tests.support.results import result_object

CSA_NON_IMAGE, MODALITY_WORKLIST = "1.3.12.2.1107.5.9.1", "1.2.840.10008.5.1.4.31"
DISCARDS = Source(name="ct", ae_title="CT1", other_classes="discard")
EXPLICIT = (ExplicitVRLittleEndian,)


@pytest.fixture
def discarding(start_node: StartNode) -> ListeningNode:
    return start_node(sources=(DISCARDS,))


def files(node: ListeningNode) -> list[Path]:
    return [path for path in (node.folder / "spool").rglob("*") if path.is_file()]


def other(sop_class: str = SECONDARY_CAPTURE) -> Dataset:
    return result_object(3, sop_class=sop_class)


def test_another_class_is_discarded_where_the_source_says_so(discarding: ListeningNode) -> None:
    """Success, nothing on disk or in the ledger, a count for each class in the log; the CT of the
    same association is stored.
    """
    contexts = tuple((each, EXPLICIT) for each in (CT, SECONDARY_CAPTURE, COMPREHENSIVE_3D_SR))
    with capture_logs() as lines:
        answers = store(
            discarding,
            other(),
            head_slice(0),
            other(),
            other(COMPREHENSIVE_3D_SR),
            contexts=contexts,
        )
        wait_until(
            lambda: [line for line in lines if line["event"] == "association_released"],
            what="the end of the association",
        )
        wait_until(
            lambda: len([line for line in lines if line["event"] == "objects_discarded"]) == 2,
            what="the counts",
        )
    assert [each.Status for each in answers] == [0x0000] * 4
    (job,) = discarding.ledger.operator.list()
    (instance,) = discarding.ledger.operator.instances(job)
    assert instance.sop_class_uid == CT
    assert [path.suffix for path in files(discarding)] == [".dcm"]
    assert {
        line["sop_class_uid"]: line["count"]
        for line in lines
        if line["event"] == "objects_discarded"
    } == {SECONDARY_CAPTURE: 2, COMPREHENSIVE_3D_SR: 1}


def test_nothing_is_written_while_it_arrives(discarding: ListeningNode) -> None:
    """Also not for an object that breaks off."""
    request = associate_rq(contexts=((SECONDARY_CAPTURE, EXPLICIT),))
    command, *pdus = c_store_rq(bytes(100_000), sop_class_uid=SECONDARY_CAPTURE)
    with capture_logs() as lines:
        with connect(discarding.port, request) as connection:
            assert answer(connection)[0] == 0x02
            connection.sendall(command)
            connection.sendall(pdus[0])
        wait_until(
            lambda: [line for line in lines if line["event"] == "objects_discarded"],
            what="the end of the association",
        )
    assert files(discarding) == []


@pytest.mark.parametrize(
    ("sop_class", "syntax"),
    [
        (SECONDARY_CAPTURE, JPEGLosslessSV1),
        (COMPREHENSIVE_3D_SR, DeflatedExplicitVRLittleEndian),
        (CSA_NON_IMAGE, ImplicitVRLittleEndian),
        ("1.2.840.10008.5.1.4.1.1.9", ImplicitVRLittleEndian),  # Standalone Curve, retired
        ("1.2.840.10008.5.1.4.1.1.88.67", "1.2.840.10008.1.2.4.201"),  # a dose report, HTJ2K
    ],
)
def test_every_storage_class_is_negotiated_with_what_the_sender_proposes(
    discarding: ListeningNode, start_node: StartNode, sop_class: str, syntax: str
) -> None:
    """Only from this source."""
    contexts = ((CT, EXPLICIT), (sop_class, (syntax,)))
    for node, expected in ((discarding, {CT, sop_class}), (start_node(), {CT})):
        with associated(node.port, contexts=contexts) as assoc:
            accepted = {str(context.abstract_syntax) for context in assoc.accepted_contexts}
        assert accepted == expected


def test_what_is_no_storage_stays_rejected(discarding: ListeningNode) -> None:
    """A worklist is no object of a study."""
    with associated(
        discarding.port, contexts=((CT, EXPLICIT), (MODALITY_WORKLIST, EXPLICIT))
    ) as assoc:
        assert {context.abstract_syntax for context in assoc.accepted_contexts} == {CT}
    assert not is_other_storage(CT)
    assert is_other_storage(str(AllStoragePresentationContexts[0].abstract_syntax))


def test_an_image_that_is_ours_to_read_is_never_discarded(discarding: ListeningNode) -> None:
    """A CT under the context of another class is an error."""
    (refused,) = store_as(discarding, head_slice(0), SECONDARY_CAPTURE)
    assert refused == 0x0122
    assert discarding.ledger.operator.list() == []


def store_as(node: ListeningNode, ds: Dataset, context_class: str) -> list[int]:
    """C-STORE of an object on a context of another class; the status."""
    request = associate_rq(contexts=((context_class, EXPLICIT),))
    with connect(node.port, request) as connection:
        assert answer(connection)[0] == 0x02
        for pdu in c_store_rq(sop_instance_uid=ds.SOPInstanceUID):
            connection.sendall(pdu)
        response = answer(connection)
    at = response.index(b"\x00\x00\x00\x09\x02\x00\x00\x00") + 8
    return [int.from_bytes(response[at : at + 2], "little")]


def test_a_discarding_source_gets_no_commitment(discarding: ListeningNode) -> None:
    """It could delete what this node did not keep."""
    request: Any = Dataset()
    request.TransactionUID, request.ReferencedSOPSequence = "2.25.1", [Dataset()]
    request.ReferencedSOPSequence[0].ReferencedSOPClassUID = SECONDARY_CAPTURE
    request.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = other().SOPInstanceUID
    with associated(discarding.port, contexts=((PUSH_MODEL, EXPLICIT),)) as assoc:
        status, _ = assoc.send_n_action(
            request, REQUEST_COMMITMENT, PUSH_MODEL, PUSH_MODEL_INSTANCE
        )
    assert status.Status == 0x0124
