"""Mail through a real SMTP server: encrypted with a certificate that is verified, or not at all."""

from dataclasses import replace

import pytest

from ich_node.alerts.channels import open_channel
from ich_node.config.alerts import MailAlert
from ich_node.errors import ConfigError, PeerUnavailable
from tests.support.mail_receiver import mail_receiver
from tests.support.peers import free_port

# the server says it of the connection that is encrypted from its beginning
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
USERS = {"node": "geheim"}


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text("geheim\n")
    return path


@pytest.fixture
def channel(trusted):
    """To a server on this port."""

    def make(port, **settings):
        given = {
            "name": "it",
            "kind": "mail",
            "to": ("pacs@hospital.example", "it@hospital.example"),
            "sender": "node@hospital.example",
            "host": "127.0.0.1",
            "port": port,
            "ca": trusted.ca,
        }
        return open_channel(MailAlert(**{**given, **settings}))

    return make


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_a_mail_arrives_encrypted_after_signing_in(
    channel, server_tls, password_file, message, encryption
):
    with mail_receiver(**{encryption: server_tls}, users=USERS) as server:
        answer = channel(
            server.port, encryption=encryption, username="node", password_file=password_file
        ).tell(message)
    (mail,) = server.mails
    assert server.was_encrypted == [True]
    assert server.recipients == [["pacs@hospital.example", "it@hospital.example"]]
    assert mail["Subject"] == "[ich-node ich1] Größe: 3 Köpfe"
    assert mail["From"] == "node@hospital.example"
    assert mail["To"] == "pacs@hospital.example, it@hospital.example"
    assert mail["Date"].datetime == message.at
    assert mail["Message-ID"] == "<msg_alert_1@hospital.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().splitlines() == ["Köpfe warten."]
    assert mail.get_content_type() == "text/plain"
    where = f"127.0.0.1:{server.port}"
    assert answer == f"{where} takes the mail for pacs@hospital.example, it@hospital.example"


def test_a_mail_is_readable_as_it_is(channel, message):
    """As a pager shows it: a long subject is one line, and so is a long sentence."""
    title, sentence = f"[ich-node ich1] {'a' * 90}; one is over", f"A {'long ' * 40}sentence."
    with mail_receiver() as server:
        channel(server.port, encryption="none", ca=None).tell(
            replace(message, title=title, text=f"{sentence}\n")
        )
    (mail,) = server.mails
    lines = mail.as_string(policy=mail.policy.clone(refold_source="none")).splitlines()
    assert f"Subject: {title}" in lines
    assert sentence in lines


def test_a_relay_without_encryption_gets_mail_without_a_password(channel, message):
    with mail_receiver() as server:
        channel(server.port, encryption="none", ca=None).tell(message)
    assert len(server.mails) == 1


def test_a_server_that_offers_no_encryption_gets_nothing(channel, message):
    with mail_receiver() as server, pytest.raises(PeerUnavailable, match="STARTTLS"):
        channel(server.port).tell(message)
    assert server.mails == []


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_a_server_with_a_strange_certificate_gets_nothing(channel, server_tls, message, encryption):
    """The authorities of the system do not know it."""
    with (
        mail_receiver(**{encryption: server_tls}) as server,
        pytest.raises(PeerUnavailable, match="TLS fails: certificate refused"),
    ):
        channel(server.port, encryption=encryption, ca=None).tell(message)
    assert server.mails == []


def test_a_wrong_password_is_named_and_not_quoted(channel, server_tls, tmp_path, message):
    wrong = tmp_path / "wrong"
    wrong.write_text("falsch")
    with (
        mail_receiver(starttls=server_tls, users=USERS) as server,
        pytest.raises(PeerUnavailable, match="does not accept username and password_file") as told,
    ):
        channel(server.port, username="node", password_file=wrong).tell(message)
    assert "falsch" not in told.value.detail


def test_who_is_refused_does_not_cost_the_others_their_mail(channel, message):
    with mail_receiver() as server:
        server.refuse["it@hospital.example"] = "550 no such user"
        sends = channel(server.port, encryption="none", ca=None)
        answer = sends.tell(message)
        assert answer.endswith(
            "takes the mail for pacs@hospital.example; it refuses it@hospital.example"
            " (550 no such user)"
        )
        server.refuse["pacs@hospital.example"] = "550 nor this one"
        with pytest.raises(PeerUnavailable, match=r"refuses every recipient \(550 nor this one"):
            sends.tell(message)
    assert server.recipients == [["pacs@hospital.example"]]


def test_nobody_answers(channel, message):
    with pytest.raises(PeerUnavailable, match="nothing answers: Connection refused"):
        channel(free_port()).tell(message)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ca": "gone.pem"}, r"\[\[alerts\]\] it: ca: cannot read gone.pem"),
        (
            {"username": "node", "password_file": "gone"},
            r"\[\[alerts\]\] it: password_file: cannot read gone",
        ),
    ],
)
def test_own_files_that_cannot_be_used_are_named(channel, message, settings, words):
    broken = channel(1, **settings)
    for use in (broken.require_own_files, lambda: broken.tell(message)):
        with pytest.raises(ConfigError, match=words):
            use()
