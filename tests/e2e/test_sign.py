# SPDX-License-Identifier: Apache-2.0
"""`acmegate sign`: a certificate for a host that cannot speak ACME, under the policies that orders have."""

import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from client_scenarios import fresh_name
from support.certificates import Authority, der, key_pem, lifetime, names_of, new_csr, new_key, pem, read_chain
from support.checks import assert_chains_to, same_key
from support.gateway import Gateway, run_command
from support.processes import Process
from support import tools


@pytest.fixture
def request_file(tmp_path):
    """Makes a request: request_file(names) gives (path, key)."""

    def make(*names, key=None, **members):
        key = key or new_key()
        path = tmp_path / f"{fresh_name()}.csr"
        path.write_bytes(pem(new_csr(key, list(names), **members)))
        return path, key

    return make


@pytest.fixture
def gateway(new_gateway, step_ca):
    """With a database; it does not run."""
    gateway = new_gateway(step_ca)
    gateway.configuration["profiles"] |= {
        "web": {"issuer": "main", "max_ttl": "1h", "names": {"allow": ["*.e2e.internal"]}, "key_types": ["P-256"]}
    }
    gateway.configuration["endpoints"]["acme"] |= {"profiles": ["default", "web"], "names": {"deny": ["secret.e2e.internal"]}}
    gateway.start().stop()
    return gateway


def sign(gateway, csr, *arguments, expected=0, profile="web"):
    status, said, words = gateway.run("sign", csr, "--profile", profile, *arguments)
    assert status == expected, said + words
    return said, words


def rows(gateway, name):
    return gateway.query("SELECT * FROM v_certificates WHERE names = ?", name)


def events(gateway):
    return gateway.query("SELECT * FROM v_events WHERE kind LIKE 'sign.%' OR kind = 'certificate.rejected' ORDER BY id")


def assert_signed(gateway, ca, text, key, names):
    chain = read_chain(text)
    assert names_of(chain[0]) == sorted(names) and same_key(chain[0], key)
    assert_chains_to(chain, ca.root.certificate)
    (row,) = gateway.query("SELECT * FROM v_certificates WHERE serial = ?", f"{chain[0].serial_number:x}")
    assert row["origin"] == "external" and row["state"] == "good" and row["account"] is row["order_id"] is None
    assert row["names"] == ", ".join(sorted(names))
    asked, issued = events(gateway)[-2:]
    assert (asked["kind"], issued["kind"]) == ("sign.requested", "sign.issued") and asked["who"] == issued["who"] == "operator"
    assert issued["certificate_id"] == row["id"] and asked["detail"][-64:] == issued["detail"][-64:]
    return chain[0]


@pytest.mark.parametrize("running", [True, False], ids=["beside a server", "without one"])
@pytest.mark.parametrize("version", tools.STEP_CA_VERSIONS)
def test_signed_checked_stored_and_printed(new_gateway, step_cas, request_file, version, running):
    ca = step_cas(version)
    gateway = new_gateway(ca).start()
    if not running:
        gateway.stop()
    names = [fresh_name(), fresh_name()]
    csr, key = request_file(*names)
    said, words = sign(gateway, csr, profile="default")
    assert_signed(gateway, ca, said, key, names)
    assert words == "" or "chmod" in words


def test_max_ttl_holds(gateway, step_ca, request_file):
    name = fresh_name()
    csr, key = request_file(name)
    said, _ = sign(gateway, csr)
    assert lifetime(assert_signed(gateway, step_ca, said, key, [name])).total_seconds() <= 3660


def test_out_is_written_and_never_over_a_file(gateway, step_ca, request_file, tmp_path):
    name, out = fresh_name(), tmp_path / "host.crt"
    csr, key = request_file(name)
    said, _ = sign(gateway, csr, "--out", out)
    assert said == ""
    assert_signed(gateway, step_ca, out.read_bytes(), key, [name])
    before = out.read_bytes()
    _, words = sign(gateway, csr, "--out", out, expected=1)
    assert "File exists" in words and "the CA was not asked" in words
    assert out.read_bytes() == before and len(rows(gateway, name)) == 1 and len(events(gateway)) == 2


def test_a_request_in_der_and_one_with_a_common_name_only(gateway, step_ca, request_file, tmp_path):
    name, key = fresh_name(), new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    (tmp_path / "request.der").write_bytes(der(csr))
    said, _ = sign(gateway, tmp_path / "request.der")
    assert_signed(gateway, step_ca, said, key, [name])


def foreign_name(request_file, _):
    return request_file("www.elsewhere.internal")[0], [], ["www.elsewhere.internal is not allowed", 'profile "web"']


def endpoint_denies(request_file, _):
    return request_file("secret.e2e.internal")[0], ["--endpoint", "acme"], ["secret.e2e.internal", 'endpoint "acme"']


def other_key_type(request_file, _):
    return request_file(fresh_name(), key=new_key("P-384"))[0], [], ["P-384", "P-256"]


def no_names(request_file, _):
    return request_file()[0], [], ["has no names"]


def not_a_request(_, tmp_path):
    (tmp_path / "key.pem").write_bytes(key_pem(new_key()))
    return tmp_path / "key.pem", [], ["key.pem: it holds a PEM block PRIVATE KEY, not CERTIFICATE REQUEST: give the CSR"]


def not_pem_nor_der(_, tmp_path):
    (tmp_path / "words").write_text("a certificate, please")
    return tmp_path / "words", [], ["words: it is not a certificate request (CSR) in PEM or DER"]


def pem_of_something_else(_, tmp_path):
    (tmp_path / "x.csr").write_text("-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n")
    return tmp_path / "x.csr", [], ["x.csr: it is not a certificate request (CSR) in PEM or DER"]


def no_file(_, tmp_path):
    return tmp_path / "missing.csr", [], ["missing.csr: No such file"]


def no_endpoint(request_file, _):
    return request_file(fresh_name())[0], ["--endpoint", "nowhere"], ["no endpoint named nowhere"]


@pytest.mark.parametrize(
    "spoil",
    [foreign_name, endpoint_denies, other_key_type, no_names, not_a_request, not_pem_nor_der, pem_of_something_else, no_file, no_endpoint],
    ids=lambda spoil: spoil.__name__,
)
def test_what_the_policies_forbid_is_not_asked_for(gateway, request_file, tmp_path, spoil):
    csr, arguments, expected = spoil(request_file, tmp_path)
    said, words = sign(gateway, csr, *arguments, expected=1)
    assert said == "" and all(word in words for word in expected), words
    assert events(gateway) == []


def test_what_the_ca_refuses_is_told_in_its_words(new_gateway, new_step_ca, request_file):
    gateway = new_gateway(new_step_ca(policy={"x509": {"allow": {"dns": ["localhost"]}}}))
    gateway.start().stop()
    csr, _ = request_file(fresh_name())
    said, words = sign(gateway, csr, expected=1, profile="default")
    assert said == "" and "the CA refused" in words
    assert [one["kind"] for one in events(gateway)] == ["sign.requested", "sign.refused"]


def test_a_ca_that_is_away_is_told_at_once(new_gateway, new_step_ca, request_file):
    ca = new_step_ca()
    gateway = new_gateway(ca)
    gateway.start().stop()
    ca.stop()
    csr, _ = request_file(fresh_name())
    _, words = sign(gateway, csr, expected=1, profile="default")
    assert "did not sign" in words and events(gateway)[-1]["kind"] == "sign.failed"


# ---- answers that are lost or wrong ----


def other_certificate(exchange):
    """In the place of the one that the CA signed."""
    authority = Authority("another root")
    chain = [pem(one).decode() for one in (authority.issue(new_key().public_key(), ["other.internal"]), authority.certificate)]
    exchange.answer = json.dumps({"crt": chain[0], "ca": chain[1], "certChain": chain}).encode()


@pytest.fixture
def proxied(new_gateway, ca_proxy):
    gateway = new_gateway(ca_proxy.ca, url=ca_proxy.url)
    gateway.start().stop()
    return gateway


def command(gateway, csr, log):
    arguments = [tools.acmegate(), "sign", csr, "--profile", "default", "--config", gateway.config_path]
    return Process("acmegate sign", arguments, log)


def garbled(exchange):
    """The CA has signed, and nobody can read what."""
    exchange.answer = b"<html>"


def test_a_lost_answer_is_a_possible_orphan(proxied, ca_proxy, request_file):
    name = fresh_name()
    csr, _ = request_file(name)
    ca_proxy.rewrite["sign"] = garbled
    said, words = sign(proxied, csr, expected=1, profile="default")
    assert said == "" and "possible orphan" in words and rows(proxied, name) == []
    asked, lost = events(proxied)
    assert (asked["kind"], lost["kind"]) == ("sign.requested", "sign.unknown") and name in lost["detail"]


def test_a_command_that_is_killed_leaves_its_question_behind(proxied, ca_proxy, request_file, tmp_path):
    csr, _ = request_file(fresh_name())
    hold = ca_proxy.hold_answer("sign")
    signing = command(proxied, csr, tmp_path / "log")
    hold.wait()
    signing.kill()
    hold.let_go()
    assert [one["kind"] for one in events(proxied)] == ["sign.requested"]


def test_a_wrong_certificate_is_not_given_out_and_its_revocation_due(proxied, ca_proxy, request_file):
    ca_proxy.rewrite["sign"] = other_certificate
    name = fresh_name()
    csr, _ = request_file(name)
    said, words = sign(proxied, csr, expected=1, profile="default")
    assert said == "" and "does not fit" in words
    (row,) = proxied.query("SELECT * FROM v_certificates WHERE state = 'rejected'")
    assert row["revocation"] == "not confirmed yet" and row["origin"] == "external"


@pytest.mark.parametrize("fits", [True, False], ids=["the same name", "another name"])
def test_a_certificate_of_before_is_not_given_out_again(proxied, ca_proxy, request_file, fits):
    name, key = fresh_name(), new_key()
    csr, _ = request_file(name, key=key)
    sign(proxied, csr, profile="default")
    of_before = ca_proxy.sent("sign")[-1].answer
    ca_proxy.rewrite["sign"] = lambda exchange: setattr(exchange, "answer", of_before)
    csr, _ = request_file(name if fits else fresh_name(), key=key)
    said, words = sign(proxied, csr, expected=1, profile="default")
    assert said == "" and "issued before" in words
    (row,) = rows(proxied, name)
    assert row["state"] == "good"
    last = events(proxied)[-1]
    assert (last["kind"], last["cause"]) == ("sign.failed", "certificate-of-before")


# ---- the local CA ----


@pytest.fixture
def local(tmp_path):
    """A gateway with a CA of its own, running."""
    gateway = Gateway(tmp_path / "local", {"type": "local", "directory": str(tmp_path / "ca")}, tmp_path / "ca/root_ca.crt")
    yield gateway.launch()
    gateway.stop()


def test_the_local_ca_signs_beside_a_server_that_revokes(local, request_file):
    local.process.wait_ready(local.serves)
    name, key = fresh_name(), new_key()
    csr, _ = request_file(name, key=key)
    said, _ = sign(local, csr, profile="default")
    chain = read_chain(said)
    assert_chains_to(chain, read_chain(local.root_path.read_bytes())[0])
    client = local.client()
    client.account = None
    for _ in range(2):  # a register that is open in both is whole in both
        sign(local, csr, profile="default")
        reply = client.revoke(chain[0], 1, key)
    assert reply.json()["type"].endswith("alreadyRevoked")
    assert f"{chain[0].serial_number:x}" in (local.folder.parent / "ca/revoked").read_text()


@pytest.mark.parametrize("arguments", [[], ["x.csr"], ["x.csr", "y.csr", "--profile", "web"], ["--profile", "web"]])
def test_what_is_missing_is_told(gateway, arguments):
    status, _, words = run_command(tools.acmegate(), "sign", "--config", gateway.config_path, *arguments)
    assert status == 2 and "usage: acmegate sign" in words
