"""Certificates of the servers that are told, and a message for them."""

import ssl

import pytest

from ich_node.alerts.channels import AlertMessage
from tests.support.certificates import authority
from tests.support.standing_clock import START


@pytest.fixture(scope="session")
def trusted(tmp_path_factory):
    """The test's authority, with a certificate for 127.0.0.1."""
    made = authority(tmp_path_factory.mktemp("alerts") / "ca")
    made.issue("/CN=127.0.0.1", name="server")
    return made


@pytest.fixture(scope="session")
def server_tls(trusted):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted.folder / "server.pem", trusted.folder / "server.key")
    return context


@pytest.fixture
def message():
    return AlertMessage(
        key="msg_alert_1",
        kind="alert.troubles",
        at=START,
        title="[ich-node ich1] Größe: 3 Köpfe",
        text="Köpfe warten.\n",
        facts={"host": "ich1", "begun": []},
    )
