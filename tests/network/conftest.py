"""Certificates that several test files use."""

import pytest

from ich_node.config.settings import TlsSettings
from tests.support.certificates import Authority, Certificate, authority


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ours") / "ca")


@pytest.fixture(scope="session")
def tls(ours: Authority) -> TlsSettings:
    """The node's own certificate."""
    made = ours.issue("/O=Hospital/CN=ichnode", name="node")
    return TlsSettings(port=0, certificate=made.certificate, key=made.key, ca=ours.ca)


@pytest.fixture(scope="session")
def ct1(ours: Authority) -> Certificate:
    return ours.issue("/O=Hospital/CN=ct1", name="ct1")
