"""DICOM over TLS: which peers are admitted, why others are not; silent peers block nobody."""

import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from typer.testing import CliRunner

from ich_node.cli import app
from ich_node.config.config import Config
from ich_node.config.destinations import DicomDestination
from ich_node.config.settings import ScpSettings, SeriesSettings, Source, TlsSettings
from ich_node.deliver.echo import echo
from ich_node.errors import ConfigError
from ich_node.ledger import open_ledger
from ich_node.network.acceptor.waiting_room import MOST_PENDING
from ich_node.network.certificate import certificate_ends
from ich_node.network.tls import client_context, server_context
from ich_node.receive import Listener
from ich_node.spool import Spool
from tests.support.certificates import Authority, Certificate, authority
from tests.support.heads import head_series
from tests.support.peers import CT, associated, free_port, need, pacs, running, wait_until

CT1 = Source(name="ct", ae_title="CT1", certificate_subject="CN=ct1,O=Hospital")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory) -> Authority:
    return authority(tmp_path_factory.mktemp("strangers") / "ca")


StartListener = Callable[..., Listener]


@pytest.fixture
def start(tmp_path: Path, tls: TlsSettings) -> Iterator[StartListener]:
    """Starts a listener with and without TLS. Keyword arguments are [scp] settings; `sources` and
    `tls` replace the defaults.
    """
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    listeners: list[Listener] = []

    def start_one(
        *, sources: tuple[Source, ...] = (CT1,), tls: TlsSettings = tls, **scp: Any
    ) -> Listener:
        settings = ScpSettings(bind_address="127.0.0.1", port=0, **scp)
        spool, clock = Spool(tmp_path / "spool"), lambda: datetime.now(UTC)
        listener = Listener(
            scp=settings,
            sources=sources,
            series=SeriesSettings(),
            spool=spool,
            ledger=ledger.receiving,
            clock=clock,
            tls=tls,
        )
        listeners.append(listener.__enter__())
        return listeners[-1]

    yield start_one
    for listener in listeners:
        listener.__exit__(None, None, None)
    ledger.dispose()


def as_settings(certificate: Certificate, ca: Path) -> TlsSettings:
    return TlsSettings(certificate=certificate.certificate, key=certificate.key, ca=ca)


def destination(port: int, **settings: Any) -> DicomDestination:
    return DicomDestination(
        name="node", ae_title="ICHNODE", host="127.0.0.1", port=port, tls=True, **settings
    )


def test_a_source_gets_in_with_its_certificate(
    start: StartListener, ct1: Certificate, ours: Authority
) -> None:
    """C-ECHO over TLS: both show a certificate of the CA, and the subject is the source's."""
    result = echo(destination(start().tls_port), "CT1", as_settings(ct1, ours.ca))
    assert result.ok, result.words


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_are_spoken(
    start: StartListener, ct1: Certificate, ours: Authority, version: ssl.TLSVersion
) -> None:
    """PS3.15 B.12: TLS 1.2 must be, 1.3 may be; objects go through either, one larger than a TLS
    record.
    """
    context = client_context(as_settings(ct1, ours.ca))
    context.minimum_version = context.maximum_version = version
    entity = AE("CT1")
    entity.add_requested_context(CT, ExplicitVRLittleEndian)
    assoc = entity.associate(
        "127.0.0.1", start().tls_port, ae_title="ICHNODE", tls_args=(context, "127.0.0.1")
    )
    answers = [assoc.send_c_store(ds).Status for ds in head_series(12)]
    assoc.release()
    assert answers == [0x0000] * 12


def test_what_is_older_than_tls_1_2_is_not_spoken(
    start: StartListener, ct1: Certificate, ours: Authority
) -> None:
    """BCP 195 retires TLS 1.0 and 1.1, and every cipher without forward secrecy."""
    port = start().tls_port
    old = client_context(as_settings(ct1, ours.ca))
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    weak = client_context(as_settings(ct1, ours.ca))
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("AES128-GCM-SHA256:AES256-SHA256")
    for context in (old, weak):
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
            pytest.raises(ssl.SSLError),
        ):
            context.wrap_socket(connection, server_hostname="127.0.0.1")


def test_a_peer_without_a_certificate_of_the_ca_is_not_admitted(
    start: StartListener, strangers: Authority, ours: Authority
) -> None:
    """A certificate that another authority signed for the same subject is refused, with a sentence
    for the caller.
    """
    forged = strangers.issue("/O=Hospital/CN=ct1", name="forged")
    result = echo(destination(start().tls_port), "CT1", as_settings(forged, ours.ca))
    assert not result.ok
    assert "TLS with 127.0.0.1" in result.words
    assert "unknown ca" in result.words


def test_an_expired_certificate_is_refused(start: StartListener, ours: Authority) -> None:
    """The caller is told why."""
    expired = ours.issue("/O=Hospital/CN=ct1", days=-1, name="expired")
    result = echo(destination(start().tls_port), "CT1", as_settings(expired, ours.ca))
    assert not result.ok
    assert "certificate expired" in result.words


def test_a_certificate_is_not_another_s(start: StartListener, ours: Authority) -> None:
    """A peer with another certificate of the CA is not admitted as CT1."""
    other = ours.issue("/O=Hospital/CN=ct2", name="ct2")
    result = echo(destination(start().tls_port), "CT1", as_settings(other, ours.ca))
    assert not result.ok
    assert "the peer rejects our calling AE title 'CT1'" in result.words


def test_a_source_with_a_certificate_cannot_come_without(start: StartListener) -> None:
    """Without TLS it is rejected; a source that names no certificate is not."""
    listener = start(sources=(CT1, Source(name="old", ae_title="CT2")))
    with associated(listener.port) as secured, associated(listener.port, calling_ae="CT2") as plain:
        assert secured.is_rejected
        assert plain.is_established


def test_with_required_nothing_listens_without_tls(
    start: StartListener, tls: TlsSettings, ct1: Certificate, ours: Authority
) -> None:
    """[tls] required."""
    port = free_port()
    listener = start(tls=tls.model_copy(update={"required": True, "port": port}))
    with pytest.raises(AssertionError, match="nothing listens without TLS"):
        _ = listener.port
    assert echo(destination(port), "CT1", as_settings(ct1, ours.ca)).ok


@pytest.mark.parametrize(
    "sends",
    [b"", b"\x16\x03\x01", b"\x01\x00\x00\x00\x00\x10"],
    ids=["nothing", "half a record", "plain DICOM"],
)
def test_silent_peers_block_nobody(
    start: StartListener, ct1: Certificate, ours: Authority, sends: bytes
) -> None:
    """As many peers as the waiting room holds do not finish the handshake: another one is served,
    and one of theirs is closed for it, long before their own deadline.
    """
    listener = start(acse_timeout_seconds=300)
    silent = [
        socket.create_connection(("127.0.0.1", listener.tls_port), timeout=5)
        for _ in range(MOST_PENDING)
    ]
    try:
        for connection in silent:
            with suppress(ConnectionError):  # bytes that are no handshake end it at once
                connection.sendall(sends)
        assert echo(destination(listener.tls_port), "CT1", as_settings(ct1, ours.ca)).ok
        wait_until(lambda: any(map(is_closed, silent)), what="the end of one of them")
    finally:
        for connection in silent:
            connection.close()


def is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return not connection.recv(4096) or is_closed(connection)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_a_handshake_has_its_time(start: StartListener) -> None:
    """A handshake that is not complete within acse_timeout_seconds is cut off, also one that goes
    on byte by byte.
    """
    listener = start(acse_timeout_seconds=0.5)
    with socket.create_connection(("127.0.0.1", listener.tls_port), timeout=5) as slow:

        def is_cut_off() -> bool:
            try:
                slow.sendall(b"\x16")
            except ConnectionError:
                return True
            slow.settimeout(0.1)
            try:
                return slow.recv(100) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        wait_until(is_cut_off, seconds=5, what="the cut")


def test_dcmtk_sends_over_tls(
    start: StartListener, tmp_path: Path, ct1: Certificate, ours: Authority
) -> None:
    """DCMTK's storescu with its certificate; without one it is not admitted."""
    listener = start()
    folder = tmp_path / "series"
    folder.mkdir()
    for ds in head_series(4):
        ds.save_as(folder / f"{ds.InstanceNumber}.dcm", enforce_file_format=True)
    command = [need("storescu"), "-aet", "CT1", "-aec", "ICHNODE", "+cf", str(ours.ca)]
    where = ["127.0.0.1", str(listener.tls_port), "+sd", str(folder)]
    own = ["+tls", str(ct1.key), str(ct1.certificate)]
    sent = subprocess.run([*command, *own, *where], capture_output=True, text=True, check=False)
    assert sent.returncode == 0, sent.stderr
    stranger = subprocess.run(
        [*command, "+tla", *where], capture_output=True, text=True, check=False
    )
    assert stranger.returncode != 0


@contextmanager
def storescp_tls(folder: Path, server: Certificate, ca: Path) -> Iterator[int]:
    """DCMTK's storescp, which asks for a certificate of the CA."""
    folder.mkdir()
    port = free_port()
    options = [
        "+tls",
        str(server.key),
        str(server.certificate),
        "+cf",
        str(ca),
        "--require-peer-cert",
    ]
    command = [
        need("storescp"),
        "--output-directory",
        str(folder),
        "--aetitle",
        "PACS",
        *options,
        str(port),
    ]
    with running(command, port=port, log=folder.with_suffix(".log")):
        yield port


def test_we_call_dcmtk_over_tls(tmp_path: Path, tls: TlsSettings, ours: Authority) -> None:
    """A destination with tls = true: C-ECHO through DCMTK's storescp, which sends TLS 1.3 session
    tickets.
    """
    server = ours.issue("/O=Hospital/CN=pacs", name="pacs")
    with storescp_tls(tmp_path / "got", server, ours.ca) as port:
        peer = DicomDestination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port, tls=True)
        result = echo(peer, "ICHNODE", tls)
        misnamed = echo(peer.model_copy(update={"tls_name": "other.example"}), "ICHNODE", tls)
    assert result.ok, result.words
    assert "certificate refused: Hostname mismatch" in misnamed.words


def test_a_destination_of_another_authority_gets_nothing(
    tmp_path: Path, tls: TlsSettings, strangers: Authority
) -> None:
    """The sentence names the reason, and nothing was sent to the peer."""
    server = strangers.issue("/CN=pacs", name="pacs")
    with storescp_tls(tmp_path / "got", server, strangers.ca) as port:
        result = echo(
            DicomDestination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port, tls=True),
            "ICHNODE",
            tls,
        )
    assert not result.ok
    assert "certificate refused: self-signed certificate in certificate chain" in result.words


def test_a_destination_that_does_not_speak_tls_is_named(tls: TlsSettings) -> None:
    """tls = true for a peer that speaks plain DICOM does not hang."""
    with pacs() as peer:
        result = echo(
            DicomDestination(
                name="pacs", ae_title="PACS", host="127.0.0.1", port=peer.port, tls=True
            ),
            "ICHNODE",
            tls,
        )
    assert not result.ok
    assert "TLS with 127.0.0.1" in result.words


def test_new_certificates_hold_from_the_next_connection_on(
    start: StartListener, tmp_path: Path, ours: Authority, ct1: Certificate
) -> None:
    """Reloading after the files were replaced; files that cannot be used change nothing."""
    made = ours.issue("/CN=first", name="reloaded")
    listener = start(tls=as_settings(made, ours.ca).model_copy(update={"port": 0}))

    def shown() -> str:
        context = client_context(as_settings(ct1, ours.ca))
        with (
            socket.create_connection(("127.0.0.1", listener.tls_port), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname="127.0.0.1") as secure,
        ):
            return str(secure.getpeercert()["subject"][0][0][1])

    assert shown() == "first"
    ours.issue("/CN=second", name="reloaded")
    listener.reload_certificates()
    assert shown() == "second"
    made.certificate.write_text("nothing")
    listener.reload_certificates()
    assert shown() == "second"


def test_sighup_reloads(tmp_path: Path, ours: Authority, ct1: Certificate) -> None:
    """The real command shows the certificate that the files hold when the signal comes."""
    made = ours.issue("/CN=before", name="sighup")
    port, config = free_port(), tmp_path / "config.toml"
    config.write_text(
        f'[scp]\nbind_address = "127.0.0.1"\n[tls]\nport = {port}\nrequired = true\n'
        f'certificate = "{made.certificate}"\n'
        f'key = "{made.key}"\nca = "{ours.ca}"\n[database]\nurl = "sqlite:///{tmp_path}/ledger.sqlite"\n'
        f'[spool]\npath = "{tmp_path}/spool"\nreserve_bytes = 0\n'
    )

    def shown() -> str:
        context = client_context(as_settings(ct1, ours.ca))
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname="127.0.0.1") as secure,
        ):
            return str(secure.getpeercert()["subject"][0][0][1])

    command = [sys.executable, "-m", "ich_node", "--config", str(config), "receive"]
    with running(command, port=port, log=tmp_path / "log") as receiver:
        assert shown() == "before"
        ours.issue("/CN=after", name="sighup")
        receiver.send_signal(signal.SIGHUP)
        wait_until(lambda: shown() == "after", what="the new certificate")


def test_the_log_warns_before_the_certificate_expires(
    start: StartListener, tmp_path: Path, ours: Authority, capfd: pytest.CaptureFixture[str]
) -> None:
    """Within warn_days, and not before."""
    for days, is_warned in ((40, False), (20, True)):
        made = ours.issue("/CN=soon", days=days, name=f"days{days}")
        start(tls=as_settings(made, ours.ca).model_copy(update={"port": 0})).warn_of_expiry()
        assert ("certificate_expires" in "".join(capfd.readouterr())) is is_warned


def test_the_port_is_that_of_the_standard() -> None:
    """2762 by PS3.15 and IANA; TLS has a port of its own."""
    assert (TlsSettings().port, ScpSettings().port) == (2762, 11112)


def test_the_end_of_the_certificate_is_known(tls: TlsSettings, ours: Authority) -> None:
    """To the day, for check-config and the log; an expired one is a mistake."""
    now = datetime.now(UTC)
    ends = certificate_ends(tls, now=now)
    assert timedelta(days=89) < ends - now <= timedelta(days=90)
    with pytest.raises(ConfigError, match="certificate refused: certificate has expired"):
        certificate_ends(tls, now=ends + timedelta(seconds=1))
    with pytest.raises(ConfigError, match="certificate refused: certificate is not yet valid"):
        certificate_ends(tls, now=now - timedelta(days=2))
    expired = ours.issue("/CN=old", days=-1, name="old")
    with pytest.raises(ConfigError, match="certificate has expired"):
        certificate_ends(as_settings(expired, ours.ca), now=now)


def test_check_config_warns_before_the_certificate_expires(tmp_path: Path, ours: Authority) -> None:
    """`ich-node check-config` says until when it is valid."""
    soon = ours.issue("/CN=soon", days=10, name="soon")
    config = tmp_path / "config.toml"
    config.write_text(
        f'[tls]\ncertificate = "{soon.certificate}"\nkey = "{soon.key}"\nca = "{ours.ca}"\n'
    )
    done = CliRunner().invoke(app, ["--config", str(config), "check-config"])
    assert "WARNING: the certificate of [tls] is valid until" in done.output


@pytest.mark.parametrize("setting", ["certificate", "key", "ca"])
def test_files_that_cannot_be_used_are_named(
    tls: TlsSettings, tmp_path: Path, setting: str
) -> None:
    """Missing or no PEM: the sentence names the setting and the file."""
    nothing = tmp_path / "nothing.pem"
    with pytest.raises(ConfigError, match="cannot read"):
        server_context(tls.model_copy(update={setting: nothing}))
    nothing.write_text("nothing")
    with pytest.raises(ConfigError, match="cannot be used"):
        server_context(tls.model_copy(update={setting: nothing}))


def test_what_needs_certificates_says_so() -> None:
    """A source's subject or a destination's tls without [tls] is a mistake in the configuration."""
    with pytest.raises(ValueError, match="certificate_subject needs"):
        Config(sources=(CT1,))
    with pytest.raises(ValueError, match="tls needs"):
        Config(destinations=(destination(1),))
    with pytest.raises(ValueError, match="needs both certificate and ca"):
        TlsSettings(certificate=Path("a.pem"))
