# SPDX-License-Identifier: Apache-2.0
"""The gateway's own TLS certificate: never the reason that clients cannot connect."""

import datetime
import socket
import ssl

import pytest
from cryptography import x509

from support.background import Background
from support.ca_proxy import CaProxy
from support.certificates import Authority, key_pem, load_key, names_of, new_key, pem
from support.gateway import Gateway, stepca_issuer
from support.waiting import wait_until

# Certificates of 15 seconds: renewed after 10.
SHORT = {"minTLSCertDuration": "5s", "defaultTLSCertDuration": "15s", "maxTLSCertDuration": "15s"}


def served(gateway, verified_by=None):
    """The certificate that a client is shown; None when there is no handshake, or one that does not verify."""
    context = ssl.create_default_context(cafile=verified_by and str(verified_by))
    if not verified_by:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", gateway.port), 2) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                return x509.load_der_x509_certificate(tls.getpeercert(True))
    except OSError:
        return None


def wait_log(gateway, words, seconds=40):
    wait_until(lambda: words in gateway.process.output(), f"the log to say {words!r}", seconds)


def test_a_restart_keeps_it(new_gateway, step_ca):
    gateway = new_gateway(step_ca).start()
    before = served(gateway, step_ca.root_path)
    gateway.stop()
    gateway.start()
    assert served(gateway, step_ca.root_path) == before
    assert "server TLS certificate from issuer" not in gateway.process.output().split("stopped")[-1]


def test_it_renews_itself(new_gateway, new_step_ca):
    ca = new_step_ca(claims=SHORT)
    gateway = new_gateway(ca).start()
    first = served(gateway, ca.root_path)
    second = wait_until(lambda: (now := served(gateway, ca.root_path)) and now != first and now, "a renewal", 30)
    assert second.not_valid_after > first.not_valid_after
    assert first.not_valid_after > datetime.datetime.utcnow() - datetime.timedelta(seconds=5)


def test_while_the_ca_is_away_it_stays_in_use_over_or_not(new_gateway, new_step_ca):
    ca = new_step_ca(claims=SHORT)
    gateway = new_gateway(ca).start()
    first = served(gateway, ca.root_path)
    ca.stop()
    wait_log(gateway, "server TLS certificate expired at")
    assert served(gateway) == first
    assert "server TLS certificate ends at" in gateway.process.output()

    gateway.stop()
    gateway.launch()
    wait_until(lambda: served(gateway) == first, "the old certificate after a restart")
    wait_log(gateway, "it has expired")

    ca.start()
    second = wait_until(lambda: served(gateway, ca.root_path), "a new certificate", 60)
    assert second != first


def test_a_renewal_that_comes_while_the_server_stops_is_kept_for_the_next_start(new_gateway, new_step_ca, tmp_path):
    ca = new_step_ca(claims=SHORT)
    with CaProxy(ca, tmp_path / "ca-proxy") as proxy:
        gateway = new_gateway(ca, url=proxy.url).start()
        path = gateway.beside("tls.crt")
        before = wait_until(lambda: path.exists() and path.read_bytes(), "the certificate's file")
        hold = proxy.hold_answer("sign")
        hold.wait()
        with socket.create_connection(("127.0.0.1", gateway.port), 5):  # the front end waits for it
            stopping = Background(gateway.stop)
            wait_log(gateway, "stopping on signal")
            hold.let_go()
            wait_until(lambda: path.read_bytes() != before, "the renewed one beside the database", 4)
        stopping.end()


def test_one_that_comes_when_another_ca_serves_already_is_not_taken(new_gateway, new_step_ca, tmp_path):
    ca, other = new_step_ca(claims=SHORT), new_step_ca()
    with CaProxy(ca, tmp_path / "ca-proxy") as proxy:
        gateway = new_gateway(ca, url=proxy.url).start()
        hold = proxy.hold_answer("sign")
        hold.wait()
        gateway.configuration["issuers"]["main"] = stepca_issuer(other, tmp_path / "other")
        gateway.write_configuration()
        gateway.process.hang_up()
        wait_log(gateway, "was taken in")
        before = len(gateway.process.output())
        hold.let_go()
        wait_until(lambda: served(gateway, other.root_path), "a certificate of the CA that serves now", 20)
        told = "server TLS certificate from issuer main"
        words = wait_until(lambda: told in (text := gateway.process.output()[before:]) and text, "the line about it")
        assert "is rejected, and revoked: the certificate does not chain to a pinned root" in words
        assert words.count(told) == 1


def test_what_is_revoked_again_and_again_is_replaced_after_a_pause(new_gateway, step_ca):
    gateway = new_gateway(step_ca).start()
    client = gateway.client()

    def revoke(certificate):
        key = load_key(gateway.beside("tls.key"))
        assert client.revoke(certificate, 1, key).status == 200

    first = served(gateway)
    revoke(first)
    second = wait_until(lambda: (now := served(gateway)) and now != first and now, "another certificate")
    revoke(second)
    wait_log(gateway, "was revoked, like the one before: requesting another one in 60 s")
    assert served(gateway) == second


def test_names_that_are_added_ask_for_a_new_one_and_the_old_one_serves_meanwhile(new_gateway, new_step_ca):
    ca = new_step_ca()
    gateway = new_gateway(ca).start()
    first = served(gateway, ca.root_path)
    gateway.stop()
    ca.stop()
    gateway.configuration["alternate_names"] = ["acme.internal:9443"]
    gateway.launch()
    wait_until(lambda: served(gateway, ca.root_path) == first, "the old certificate")
    wait_log(gateway, "names differ from base_url and alternate_names")
    ca.start()
    second = wait_until(lambda: (now := served(gateway)) and now != first and now, "the new certificate", 60)
    assert names_of(second) == ["acme.internal", "localhost"]


def test_a_first_start_without_the_ca_waits_for_it_and_says_so(new_gateway, new_step_ca):
    ca = new_step_ca()
    ca.stop()
    gateway = new_gateway(ca).launch()
    wait_log(gateway, "no server TLS certificate, and no client can connect")
    ca.start()
    wait_until(lambda: served(gateway, ca.root_path), "the first certificate", 60)


def test_files_that_end_are_warned_of(new_gateway, step_ca, tmp_path):
    authority, key = Authority("files"), new_key()
    certificate = authority.issue(key.public_key(), ["localhost"], datetime.timedelta(seconds=10))
    (tmp_path / "tls.crt").write_bytes(pem(certificate) + pem(authority.certificate))
    (tmp_path / "tls.key").write_bytes(key_pem(key))
    gateway = new_gateway(step_ca)
    gateway.configuration["tls"] = {"cert": str(tmp_path / "tls.crt"), "key": str(tmp_path / "tls.key")}
    gateway.launch()
    wait_log(gateway, "replace the files of tls.cert and tls.key")


# ---- check --expiring ----


def expiring(gateway, within):
    """(exit status, {what: verdict}, the text)"""
    status, output, words = gateway.run("check", "--expiring", within)
    lines = [line.split(None, 1) for line in output.splitlines()]
    found = {}
    for verdict, line in lines:
        found.setdefault(line.split(": ")[0] if not line.startswith("issuer") else ": ".join(line.split(": ")[:2]), verdict)
    return status, found, output + words


def from_files(gateway, tmp_path, valid_for):
    authority, key = Authority("files"), new_key()
    (tmp_path / "tls.crt").write_bytes(pem(authority.issue(key.public_key(), ["localhost"], valid_for)))
    (tmp_path / "tls.key").write_bytes(key_pem(key))
    gateway.configuration["tls"] = {"cert": str(tmp_path / "tls.crt"), "key": str(tmp_path / "tls.key")}


def test_expiring_lists_all_that_others_rest_on(new_gateway, step_ca):
    """The tests' root lives 60 days, the intermediate 30, the own certificate one."""
    gateway = new_gateway(step_ca).start()
    whole = {"own certificate", "own certificate's chain", "issuer main: intermediate", "issuer main: root"}
    status, found, output = expiring(gateway, "14d")
    assert status == 0 and set(found) == whole and set(found.values()) == {"ok"}, output
    assert "29.9 days left" in output or "30.0 days left" in output
    for within, ending in (("31d", whole - {"own certificate", "issuer main: root"}), ("61d", whole - {"own certificate"})):
        status, found, output = expiring(gateway, within)
        assert status == 1 and {what for what, verdict in found.items() if verdict == "FAIL"} == ending, output


def test_expiring_looks_at_certificates_from_files(new_gateway, step_ca, tmp_path):
    gateway = new_gateway(step_ca)
    from_files(gateway, tmp_path, datetime.timedelta(days=3))
    assert expiring(gateway, "2d")[:2] == (0, {what: "ok" for what in ("own certificate", "issuer main: intermediate", "issuer main: root")})
    status, found, output = expiring(gateway, "4d")
    assert status == 1 and found["own certificate"] == "FAIL" and found["issuer main: root"] == "ok", output


def test_expiring_knows_a_renewal_that_is_late(new_gateway, step_ca):
    gateway = new_gateway(step_ca)
    certificate = step_ca.issuing.issue(new_key().public_key(), ["localhost"], datetime.timedelta(seconds=8))
    gateway.beside("tls.crt").write_bytes(pem(certificate))
    status, found, output = expiring(gateway, "1d")
    assert status == 1 and found["own certificate"] == "FAIL" and "renewal is late" in output, output


def test_expiring_without_the_ca_says_what_it_could_not_see(new_gateway, new_step_ca):
    ca = new_step_ca()
    gateway = new_gateway(ca)
    ca.stop()
    status, found, output = expiring(gateway, "1d")
    assert status == 0 and found["issuer main: intermediate"] == "warn" and found["issuer main: root"] == "ok", output


@pytest.mark.parametrize("within, intermediate, root", [("90d", "ok", "ok"), ("2000d", "FAIL", "ok"), ("3650d", "FAIL", "FAIL")])
def test_expiring_of_a_local_ca(tmp_path, within, intermediate, root):
    folder = tmp_path / "ca"
    gateway = Gateway(tmp_path / "gateway", {"type": "local", "directory": str(folder)}, folder / "root_ca.crt")
    gateway.start()
    gateway.stop()
    status, found, output = expiring(gateway, within)
    assert (found["issuer main: intermediate"], found["issuer main: root"]) == (intermediate, root), output
    assert status == (1 if "FAIL" in (intermediate, root) else 0)


@pytest.mark.parametrize("within", ["", "soon", "0s", "-1d"])
def test_expiring_takes_a_duration(new_gateway, step_ca, within):
    status, _, words = expiring(new_gateway(step_ca), within)
    assert status == 2 and "--expiring" in words
