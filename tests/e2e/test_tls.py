# SPDX-License-Identifier: Apache-2.0
"""TLS at the listeners: which versions, suites and protocols there are, and how a handshake ends that fails."""

import socket
import ssl

import pytest

from support.admin import Admin
from support.metrics import scrape
from support.waiting import wait_until


@pytest.fixture(scope="module")
def gateway(new_module_gateway, step_ca):
    gateway = new_module_gateway(step_ca)
    gateway.configuration["admin"] = {"socket": str(gateway.folder / "admin")}
    return gateway.start()


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
            return error.reason or str(error)


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


def old_version():
    context = context_for(minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def other_protocol(version):
    context = context_for(maximum_version=version)
    context.set_alpn_protocols(["h2", "acme-tls/1"])
    return context


def plain_http(port):
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        return plain.recv(100)


def begun(port):
    """A client that leaves before it has said anything."""
    socket.create_connection(("127.0.0.1", port), 10).close()


# What a client does, what it is told (words of the alert), and how that is counted.
FAILURES = {
    "TLS 1.1": (lambda port: shake(port, old_version()), "PROTOCOL_VERSION", "protocol_version"),
    "no suite in common": (lambda port: shake(port, context_for("ECDHE-ECDSA-AES128-SHA")), "HANDSHAKE_FAILURE", "no_shared_cipher"),
    "static RSA": (lambda port: shake(port, context_for("AES128-SHA")), "HANDSHAKE_FAILURE", "no_shared_cipher"),
    "another protocol, TLS 1.3": (lambda port: shake(port, other_protocol(ssl.TLSVersion.TLSv1_3)), "no application protocol", "no_application_protocol"),
    "another protocol, TLS 1.2": (lambda port: shake(port, other_protocol(ssl.TLSVersion.TLSv1_2)), "no application protocol", "no_application_protocol"),
    "a client without the root": (lambda port: shake(port, ssl.create_default_context()), "CERTIFICATE_VERIFY_FAILED", "refused_by_client"),
    "plain HTTP": (plain_http, None, None),
    "nothing": (begun, None, "unfinished"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_P6_a_handshake_that_fails_ends_with_its_alert_and_is_counted(gateway, case):
    exchange, words, reason = FAILURES[case]
    admin = Admin.on_socket(gateway.folder / "admin")
    name = "tls_handshakes_failed_total"

    def counted():
        return {key[1]: n for key, n in scrape(admin).since(before).items() if key[0] == name}

    before = scrape(admin)
    came = exchange(gateway.port)
    if words:  # newer libraries write a name in the place of the words
        assert words.lower().replace("_", " ") in came.lower().replace("_", " "), came
    found = wait_until(counted, "the failure to be counted")
    assert sum(found.values()) == 1 and (reason is None or found == {reason: 1}), found


def test_P6_http_1_1_among_others_is_chosen(gateway):
    context = context_for()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            assert tls.selected_alpn_protocol() == "http/1.1"
