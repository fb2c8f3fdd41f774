"""TLS at the listeners: which versions, suites and protocols there are, and how a handshake ends that fails."""

import socket
import ssl

import pytest

from support.gateway import Gateway, stepca_issuer


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, step_ca):
    folder = tmp_path_factory.mktemp("tls")
    gateway = Gateway(folder / "gateway", stepca_issuer(step_ca, folder / "issuer"), step_ca.root_path)
    yield gateway.start()
    gateway.stop()


def context_for(ciphers=None, **members):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers + ":@SECLEVEL=0")
    for name, value in members.items():
        setattr(context, name, value)
    return context


def shake(port, context):
    """The session's (suite, version), or the alert that ended the handshake."""
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                return tls.cipher()[:2]
        except ssl.SSLError as error:
            return error.reason


SUITES = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": True,
    "ECDHE-ECDSA-AES256-GCM-SHA384": True,
    "ECDHE-ECDSA-CHACHA20-POLY1305": True,
    "ECDHE-ECDSA-AES128-SHA": False,
    "ECDHE-ECDSA-AES256-SHA": False,
    "ECDHE-ECDSA-AES128-SHA256": False,
    "ECDHE-ECDSA-AES256-SHA384": False,
    "ECDHE-ECDSA-AES128-CCM8": False,
}


@pytest.mark.parametrize("suite", SUITES)
def test_S15_tls_1_2_has_forward_secrecy_and_aead_only(gateway, suite):
    came = shake(gateway.port, context_for(suite))
    assert (came == (suite, "TLSv1.2")) == SUITES[suite], came


def test_S15_tls_1_3_is_preferred(gateway):
    assert shake(gateway.port, context_for())[1] == "TLSv1.3"
