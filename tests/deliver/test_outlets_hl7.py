"""HL7 v2: the content of an ORU^R01, which acknowledgements count, and what happens without one."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hl7.mllp
import pytest

from ich_node.answer import Answer
from ich_node.config.settings import TlsSettings
from ich_node.deliver.echo import echo
from ich_node.deliver.outlets.hl7_patient import date, date_and_time, person_names
from ich_node.deliver.outlets.hl7_text import escaped
from ich_node.deliver.outlets.oru import oru_r01
from ich_node.deliver.retry import RETRY_FOR
from ich_node.ledger import DeliveryState
from ich_node.network.tls import server_context
from ich_node.notification import Identifiers
from tests.support.certificates import authority
from tests.support.mllp_receiver import MllpReceiver, acknowledged, mllp_receiver
from tests.support.mllp_receiver import hl7 as destination
from tests.support.node import open_node
from tests.support.notifications import HOLE, METAL, UNREAD, notification, without_secrets
from tests.support.notifying import NotifyingNode
from tests.support.peers import free_port, wait_until
from tests.support.sending import sender_process
from tests.support.standing_clock import START

POSITIVE, NEGATIVE, REFUSED = (
    notification(),
    notification(positive=False),
    notification(positive=None),
)

UNDETERMINED = replace(
    NEGATIVE, series_answer=Answer.UNDETERMINED, missing=(HOLE, UNREAD), warnings=(METAL,)
)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NotifyingNode]:
    with open_node(tmp_path, NotifyingNode) as opened:
        yield opened


@pytest.fixture
def ris() -> Iterator[MllpReceiver]:
    with mllp_receiver() as receiver:
        yield receiver


def fields(message: str, segment: str, index: int = 0) -> list[str]:
    """A segment's fields, by python-hl7: another library than the one that wrote them."""
    return [str(field) for field in hl7.parse(message).segments(segment)[index]]


@pytest.mark.parametrize(
    ("notified", "answer", "abnormal", "status", "order_status"),
    [
        (POSITIVE, "SUSPECTED", "A", "P", "P"),
        (NEGATIVE, "NOT_FOUND", "N", "P", "P"),
        (UNDETERMINED, "UNDETERMINED", "", "P", "P"),
        (REFUSED, "NOT_ANALYSED", "", "X", "I"),
        (replace(REFUSED, study_answer=Answer.PRESENT), "SUSPECTED", "A", "P", "P"),
        (replace(NEGATIVE, replaces="2.25.1"), "NOT_FOUND", "N", "C", "C"),
    ],
)
def test_the_first_observation_is_the_answer(notified, answer, abnormal, status, order_status):
    """OBX-5, OBX-8 and OBX-11; a later revision is a correction, a refused series is never "not
    found".
    """
    message = oru_r01(notified, destination(1)).text.decode()
    first = fields(message, "OBX")
    assert first[3].startswith("1386000^")
    assert (first[5].split("^")[0], first[8], first[11]) == (answer, abnormal, status)
    assert fields(message, "OBR")[25] == order_status
    assert "research use only" in message


def test_numbers_and_names_of_the_reading():
    """Probability in percent beside its threshold, lesions, UIDs and the bundle, each once."""
    message = oru_r01(POSITIVE, destination(1)).text.decode()
    observations = {
        fields(message, "OBX", index)[3].split("^")[0]: fields(message, "OBX", index)
        for index in range(12)
    }
    assert observations["PROBABILITY"][5:8] == ["97", "%^percent^UCUM", "<50"]
    assert observations["LESIONS"][5] == "2"
    assert observations["113014"][5] == POSITIVE.study_instance_uid
    assert observations["112002"][5] == POSITIVE.series_instance_uid
    assert observations["MODEL_SHA256"][5] == POSITIVE.bundle_sha256


def test_what_is_missing_is_an_observation_of_its_own():
    """Where it is, in mm and in Instance Numbers; warnings too."""
    message = oru_r01(UNDETERMINED, destination(1)).text.decode()
    observations = [
        (fields(message, "OBX", index)[3].split("^")[0], fields(message, "OBX", index)[5])
        for index in range(5)
    ]
    assert observations[0][1].endswith("^82334004^Indeterminate^SCT")
    assert observations[1:4] == [
        (
            "MISSING",
            f"{HOLE.detail} (from 60.0 to 155.0 mm; slices missing: 18; Instance Numbers 12, 32).",
        ),
        ("MISSING", "2 objects could not be decoded."),
        ("WARNING", "metal: 3 slices that show brain show metal too"),
    ]


def test_nobody_is_named_by_default():
    """Without identifiers there is no PID, and the order is the series."""
    message = oru_r01(POSITIVE, destination(1)).text.decode()
    assert without_secrets(message)
    assert "\rPID|" not in message
    assert fields(message, "OBR")[3] == POSITIVE.series_instance_uid


def test_with_identifiers_patient_and_order_can_be_matched():
    """PID-3, PID-5 with suffix and prefix in HL7's order, OBR-2, OBR-3 and OBR-18."""
    message = oru_r01(POSITIVE, destination(1, identifiers=True)).text.decode()
    patient, order = fields(message, "PID"), fields(message, "OBR")
    assert patient[3] == "MRN-4711-X^^^HOSP"
    assert patient[5].startswith("Nobodysname^Zuzana^^Jr^Dr")
    assert patient[7:9] == ["19430607", "F"]
    assert [order[2], order[3], order[7], order[18]] == [
        "PLACER-77",
        "ACC-0815",
        "20251231235900",
        "ACC-0815",
    ]


def test_a_name_cannot_break_out_of_its_field():
    """Delimiters are escaped, line ends are not there any more; Japanese groups are repetitions."""
    hostile = Identifiers(
        patient_id="1|2^3~4&5\\6\rOBX|1|ST|evil", patient_name="O|Neil^A&B=山田^太郎=やまだ^たろう"
    )
    message = oru_r01(
        replace(POSITIVE, identifiers=hostile), destination(1, identifiers=True)
    ).text.decode()
    assert [line[:3] for line in message.split("\r")[:4]] == ["MSH", "PID", "OBR", "OBX"]
    assert len(fields(message, "PID")) == 9
    assert [name.split("^")[-1] for name in person_names(hostile.patient_name)] == ["A", "I", "P"]
    assert escaped("a|b\r\n") == "a\\F\\b  "


def receivers_value(field: str) -> str:
    """As python-hl7 unescapes it: another library than the one that wrote it."""
    return str(hl7.parse("MSH|^~\\&|").unescape(field))


@pytest.mark.parametrize(
    "value", ["4711\tA", "47\\11", "A|B^C~D&E", "7" * 66, "1\rOBX|2", "é\x85ß", "a "]
)
def test_the_receiver_gets_the_value_of_the_header(value):
    """However illegal: results are matched by it. Nothing is cut, and nothing made to fit."""
    who = Identifiers(patient_id=value, accession_number=value, patient_name="Doe^J")
    message = oru_r01(replace(POSITIVE, identifiers=who), destination(1, identifiers=True))
    patient, order = (fields(message.text.decode(), name) for name in ("PID", "OBR"))
    assert [receivers_value(field) for field in (patient[3], order[3], order[18])] == [value] * 3
    assert message.left_out == ""


def test_an_unidentified_patient_has_a_name_that_says_so():
    """HL7 requires PID-5: no legal name, then one that is unspecified."""
    who = Identifiers(patient_id="TRAUMA-17")
    message = oru_r01(replace(POSITIVE, identifiers=who), destination(1, identifiers=True))
    assert fields(message.text.decode(), "PID")[3:6] == ["TRAUMA-17", "", "~^^^^^^U"]
    assert message.left_out == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("19430607", "19430607"),
        ("1943.06.07", "19430607"),
        ("1943", "1943"),
        ("19431307", ""),
        ("07.06.1943", ""),
        ("19430607-", ""),
        ("", ""),
    ],
)
def test_a_date_is_right_or_not_there(text, expected):
    """Dates with dots are those of ACR-NEMA."""
    assert date(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("235901", "20251231235901"),
        ("23:59:01", "20251231235901"),
        ("235901.123", "20251231235901"),
        ("2359", "202512312359"),
        ("2560", "20251231"),
        ("noon", "20251231"),
    ],
)
def test_a_time_is_right_or_not_there(text, expected):
    """Then the date stands alone."""
    assert date_and_time("20251231", text) == expected


def test_an_identifier_that_hl7_cannot_carry_does_not_stop_the_message(node, ris):
    """Message, ledger and log say what is left out, and do not quote it; without the patient's
    number nobody is named at all.
    """
    who = replace(POSITIVE.identifiers, accession_number="A" * 200)
    node.owe("ris", identifiers=who)
    sender = node.sender(destination(ris.port, identifiers=True))
    sender.send_due()
    said = "without an identifier: the accession number has more than 199 characters"
    assert node.states() == [DeliveryState.SENT]
    assert node.detail() == said
    assert fields(ris.received[0], "PID")[3] == "MRN-4711-X^^^HOSP"
    assert f"identifiers: this message is {said}" in ris.received[0]
    node.owe("ris", series=2, identifiers=replace(who, patient_id="4" * 200))
    sender.send_due()
    said = "without identifiers: the patient id has more than 199 characters"
    assert [delivery.detail for delivery in node.ledger.operator.deliveries(2)] == [said]
    assert "\rPID|" not in ris.received[1]
    assert said in ris.received[1]
    assert without_secrets(ris.received[1])


# --- delivery


@pytest.mark.parametrize("code", ["AA", "CA"])
def test_an_acknowledged_message_is_sent(node, ris, code):
    """Once, and nothing is due after it."""
    node.owe("ris")
    ris.answer = lambda message: acknowledged(message, code)
    sender = node.sender(destination(ris.port))
    assert [sender.send_due(), sender.send_due()] == [1, 0]
    assert node.states() == [DeliveryState.SENT]
    assert ris.received == [oru_r01(POSITIVE, destination(ris.port)).text.decode()]


@pytest.mark.parametrize("code", ["AE", "AR", "CE", "CR"])
def test_a_refusal_is_kept_in_the_receivers_words(node, ris, code):
    """Postponed, tried again under the same control id, and given up after 24 hours with the
    reason; then retried by hand.
    """
    node.owe("ris")
    ris.answer = lambda message: acknowledged(message, code, "unknown procedure")
    sender = node.sender(destination(ris.port))
    sender.send_due()
    assert node.states() == [DeliveryState.PENDING]
    assert node.detail() == f"the peer refuses the message: {code} (unknown procedure)"
    node.clock.now += timedelta(seconds=30)
    sender.send_due()
    assert len(set(ris.received)) == 1
    assert len(ris.received) == 2
    node.clock.now = START + RETRY_FOR
    sender.send_due()
    assert node.states() == [DeliveryState.FAILED]
    ris.answer = acknowledged
    node.ledger.operator.retry(1, now=node.clock.now)
    sender.send_due()
    assert node.states() == [DeliveryState.SENT]


def test_a_complaint_in_hl7_s_own_spelling_is_masked_too(node, ris):
    """As the message wrote the value, or with the control character as a space."""
    node.owe("ris", identifiers=Identifiers(patient_id="47\t11&A", patient_birth_date="1943.06.07"))
    ris.answer = lambda message: acknowledged(
        message, "AE", "47\\X09\\11\\T\\A; 47\t11&A; born 19430607"
    )
    node.sender(destination(ris.port, identifiers=True)).send_due()
    assert node.detail() == "the peer refuses the message: AE (***; ***; born ***)"


def test_a_complaint_does_not_carry_the_patient_into_the_ledger(node, ris):
    """The receiver quotes the message; what we record has no name."""
    node.owe("ris")
    ris.answer = lambda message: acknowledged(
        message, "AE", "no patient MRN-4711-X (Nobodysname) for ACC-0815"
    )
    node.sender(destination(ris.port, identifiers=True)).send_due()
    assert node.detail() == "the peer refuses the message: AE (no patient *** (***) for ***)"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda _: None, "the peer does not acknowledge within 0.3 s"),
        (lambda _: b"", "the peer closed the connection without an acknowledgement"),
        (lambda _: b"\x0bHTTP/1.1 400\x1c\r", "the peer's answer is not HL7 v2"),
        (lambda _: b"\x0bMSH|^~\\&|RIS\rNTE|1\r\x1c\r", "the peer's answer has no MSA segment"),
        (
            lambda message: acknowledged(message, control_id="OTHER"),
            "the peer does not acknowledge within 0.3 s; it acknowledged another message than ours",
        ),
        (
            lambda message: acknowledged(message, "YES"),
            "the peer's acknowledgement has no code that HL7 knows",
        ),
        (
            lambda _: b"\x0b" + b"x" * 70_000,
            "the peer's answer has more than 65536 bytes and no end",
        ),
    ],
)
def test_whatever_else_comes_back_is_no_acknowledgement(node, ris, answer, words):
    """The message waits, and says why."""
    node.owe("ris")
    ris.answer = answer
    node.sender(destination(ris.port, timeout_seconds=0.3)).send_due()
    assert node.states() == [DeliveryState.PENDING]
    assert node.detail() == words


ACK = "MSH|^~\\&|RIS|HOSP|||20260101||ACK|1|P|2.3\rMSA|{code}|{id}\r"


def ack(message: str, code: str = "AA", control_id: str = "") -> bytes:
    return ACK.format(code=code, id=control_id or message.split("|")[9]).encode()


FRAMES = {
    "FS without CR": lambda message: b"\x0b" + ack(message) + b"\x1c",
    "FS with LF": lambda message: b"\x0b" + ack(message) + b"\x1c\n",
    "no FS": lambda message: b"\x0b" + ack(message),
    "no VT": lambda message: ack(message) + b"\x1c\r",
    "no frame": ack,
    "no frame, no last CR": lambda message: ack(message).rstrip(b"\r"),
    "no frame, line feeds": lambda message: ack(message).replace(b"\r", b"\r\n"),
    "a late one before it": lambda message: (
        b"\x0b" + ack(message, "AE", "LATE") + b"\x1c\r\x0b" + ack(message) + b"\x1c\r"
    ),
    "a late one without a frame before it": lambda message: (
        ack(message, "AE", "LATE") + b"\x0b" + ack(message) + b"\x1c\r"
    ),
    "one of the transport and one of the application": lambda message: (
        b"\x0b" + ack(message, "CA") + b"\x1c\r\x0b" + ack(message) + b"\x1c\r"
    ),
}


@pytest.mark.parametrize("stays_open", [True, False])
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_an_acknowledgement_as_receivers_frame_it(node, ris, frame, stays_open):
    """Two messages, each acknowledged once or twice."""
    ris.answer, ris.stays_open = frame, stays_open
    for series in (1, 2):
        node.owe("ris", series=series)
    sender = node.sender(destination(ris.port, timeout_seconds=5))
    while sender.send_due():
        node.clock.now += timedelta(minutes=1)
    assert node.states() == [DeliveryState.SENT] * 2
    assert len(ris.received) == 2


def test_a_late_acknowledgement_is_not_that_of_the_next_message(node, ris):
    """The receiver refuses the first message a second time, before it takes the second."""
    first: list[str] = []

    def answer(message: str) -> bytes:
        first.append(message)
        again = ack(first[0], "AR") if len(first) > 1 else b""
        return b"\x0b" + again + b"\x1c\r\x0b" + ack(message) + b"\x1c\r"

    ris.answer, ris.stays_open = answer, True
    node.owe("ris", series=1)
    node.owe("ris", series=2)
    sender = node.sender(destination(ris.port, timeout_seconds=5))
    assert [sender.send_due(), sender.send_due(), sender.send_due()] == [1, 1, 0]
    assert node.states() == [DeliveryState.SENT] * 2


def test_a_receiver_that_is_down_is_tried_with_one_batch(node):
    """Ten readings, one try; thirty seconds later one more."""
    for series in range(1, 11):
        node.owe("ris", series=series)
    sender = node.sender(destination(free_port()))
    while sender.send_due():
        pass
    assert sum(delivery.attempts for delivery in node.deliveries()) == 1
    assert "nothing answers at 127.0.0.1" in str(node.deliveries()[-1].detail)


def test_python_hl7_s_server_takes_it(node):
    """A listener by another hand: python-hl7's asyncio server, which parses the message and makes
    the acknowledgement.
    """
    received: list[str] = []
    started, stop, port = threading.Event(), threading.Event(), free_port()

    async def serve() -> None:
        async def on_connection(
            reader: hl7.mllp.HL7StreamReader, writer: hl7.mllp.HL7StreamWriter
        ) -> None:
            message = await reader.readmessage()
            received.append(str(message))
            writer.writemessage(message.create_ack())
            await writer.drain()
            writer.close()

        async with await hl7.mllp.start_hl7_server(
            on_connection, "127.0.0.1", port, encoding="utf-8"
        ):
            started.set()
            while not stop.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(10)
        node.owe("ris")
        node.sender(destination(port)).send_due()
    finally:
        stop.set()
        thread.join()
    assert node.states() == [DeliveryState.SENT]
    assert received == [oru_r01(POSITIVE, destination(port)).text.decode()]


# --- TLS, echo, kill


@pytest.fixture
def tls(tmp_path: Path) -> TlsSettings:
    ca = authority(tmp_path / "ca")
    own = ca.issue("/CN=ichnode")
    return TlsSettings(certificate=own.certificate, key=own.key, ca=ca.ca)


def test_over_tls_with_certificates_on_both_sides(node, tls):
    """MLLP over TLS, as DICOM over TLS."""
    node.owe("ris")
    with mllp_receiver(context=server_context(tls)) as ris:
        node.sender(destination(ris.port, tls=True), tls=tls).send_due()
        assert node.states() == [DeliveryState.SENT]
        assert echo(destination(ris.port, tls=True), "ICHNODE", tls).ok


def test_a_receiver_of_another_authority_gets_nothing(node, tls, tmp_path):
    other = authority(tmp_path / "other")
    own = other.issue("/CN=ris")
    node.owe("ris")
    with mllp_receiver(
        context=server_context(TlsSettings(certificate=own.certificate, key=own.key, ca=other.ca))
    ) as ris:
        node.sender(destination(ris.port, tls=True), tls=tls).send_due()
        assert ris.received == []
    assert "certificate refused" in node.detail()


def test_echo_says_what_it_can_and_what_it_cannot(ris):
    """A connection is no proof that messages are accepted; no message is sent."""
    answered = echo(destination(ris.port), "ICHNODE")
    assert answered.ok
    assert (
        "accepts a connection; whether it takes our messages, only the first one will tell"
        in answered.words
    )
    assert ris.received == []
    assert not echo(destination(port := free_port()), "ICHNODE").ok
    assert f"nothing answers at 127.0.0.1:{port}" in echo(destination(port), "ICHNODE").words


def test_a_killed_sender_is_replaced_and_sends_the_same_message(node, ris, tmp_path):
    """kill -9 between the message and its acknowledgement: the next sender sends the same bytes, so
    that the receiver can ignore them.
    """
    node.clock.now = datetime.now(UTC)
    node.owe("ris")
    process = sender_process(tmp_path, destination(ris.port))
    ris.answer = lambda _: os.kill(process.pid, signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    wait_until(lambda: len(ris.received) == 1, what="the message")
    ris.answer = acknowledged
    node.clock.now += timedelta(minutes=5)
    node.sender(destination(ris.port), owner="next").send_due()
    assert node.states() == [DeliveryState.SENT]
    assert ris.received[0] == ris.received[1]
