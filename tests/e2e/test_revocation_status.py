# SPDX-License-Identifier: Apache-2.0
"""CRL and OCSP: what the gateway says of an issuer's certificates, checked with openssl and with cryptography."""

import datetime
import ssl
import subprocess
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.certificates import Authority, der, key_pem, new_key, pem
from support.ocsp_responder import RESPONDER, ResponderFiles, with_responder
from support.ports import free_port
from support.processes import Process
from support.provisioner_keys import ProvisionerKey
from support.status import StatusClient, documented, openssl_ocsp, question
from support.step_ca import PROVISIONER
from support.waiting import wait_until

class Site:
    """A gateway with its plain listener, and a client of each kind."""

    def __init__(self, ca, gateway):
        self.ca = ca
        self.gateway = gateway
        self.port = free_port()
        gateway.configuration["pki_listen"] = [f"127.0.0.1:{self.port}"]
        self.status = StatusClient(self.port)

    @property
    def issuer(self):
        return self.ca.issuing.certificate

    def of(self, certificate):
        return self.status.status(certificate, self.issuer)

    def wait_for_responder(self):
        wait_until(lambda: self.status.by_serial("1").ocsp.response_status.name == "SUCCESSFUL", "an OCSP responder")


@pytest.fixture
def site(responder_ca, new_gateway, tmp_path):
    ca = responder_ca()
    made = Site(ca, with_responder(ca, new_gateway(ca), tmp_path))
    made.gateway.start()
    made.wait_for_responder()
    return made


@pytest.fixture
def issue(responder):
    """issue(gateway): (client, leaf)."""
    provers = {}

    def one(gateway):
        prover = provers.setdefault(gateway, None) or HttpProver(responder(gateway))
        provers[gateway] = prover
        client = gateway.client()
        return client, client.issue([fresh_name()], prover)[0]

    return one


def restart(gateway):
    gateway.stop()
    gateway.start()


# ---- lists ----


def openssl_crl(folder, ca, data):
    """What openssl says of a list, verified with the CA's certificates."""
    (folder / "crl.der").write_bytes(data)
    (folder / "crl-cas.pem").write_bytes(b"".join(pem(one.certificate) for one in (*ca.chain, ca.root)))
    command = ["openssl", "crl", "-inform", "DER", "-in", folder / "crl.der", "-CAfile", folder / "crl-cas.pem"]
    done = subprocess.run([*map(str, command), "-noout", "-text"], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout + done.stderr


def test_the_list_is_the_cas_own_soon_after_a_revocation(site, issue, tmp_path):
    client, leaf = issue(site.gateway)
    assert site.status.revoked() == set()
    assert client.revoke(leaf, 1).status == 200
    wait_until(lambda: leaf.serial_number in site.status.revoked(), "the revocation in the list", 5)
    reply = site.status.crl_reply()
    words = openssl_crl(tmp_path, site.ca, reply.body)
    assert "verify OK" in words and f"{leaf.serial_number:X}" in words and "Key Compromise" in words
    assert reply.headers["Content-Type"] == "application/pkix-crl"
    assert "max-age=3600" in reply.headers["Cache-Control"]
    assert all(reply.headers[name] for name in ("ETag", "Expires", "Last-Modified"))
    head = site.status.crl_reply("HEAD")
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", reply.headers["ETag"])
    stored = lambda: [row["crl"] for row in site.gateway.query("SELECT crl FROM revocation_lists")]
    wait_until(lambda: stored() == [reply.body], "the list in the database, which is written after it serves", 5)


def test_lists_are_served_with_tls_too_and_nothing_else_without(site):
    context = ssl.create_default_context(cafile=str(site.gateway.root_path))
    url = f"https://localhost:{site.gateway.port}{site.status.crl_path}"
    with urllib.request.urlopen(url, context=context, timeout=10) as reply:
        assert reply.read() == site.status.crl_reply().body
    for path in ("/acme/acme/directory", "/acme/acme/new-nonce", "/health", "/", "/.well-known/acme-challenge/x"):
        assert site.status.call("GET", path).status == 404, path
    assert site.status.call("GET", "/.well-known/pki/crl/nobody").status == 404
    assert site.status.call("GET", "/.well-known/pki/ocsp/nobody/1").status == 404
    assert site.status.call("POST", site.status.crl_path, b"").status == 405


def test_an_unchanged_list_is_not_written_again(responder_ca, new_gateway):
    ca = responder_ca(crl={"enabled": True, "cacheDuration": "1h"})
    made = Site(ca, new_gateway(ca))
    made.gateway.start()
    wait_until(lambda: made.status.crl_reply().status == 200, "the list")
    before = wait_until(lambda: made.gateway.query("SELECT * FROM revocation_lists"), "the list in the database")
    made.gateway.process.hang_up()
    wait_until(lambda: "was taken in" in made.gateway.process.output(), "the reload, which asks the CA again")
    restart(made.gateway)
    wait_until(lambda: made.gateway.process.output().count("our key") == 3, "the CA to be asked")
    assert made.gateway.query("SELECT * FROM revocation_lists") == before and len(before) == 1
    assert made.gateway.process.output().count("revocation list 0x") == 1


SHORT = {"enabled": True, "generateOnRevoke": True, "cacheDuration": "24s", "renewPeriod": "8s"}


def test_while_the_ca_is_away_the_list_holds_until_its_end(responder_ca, new_gateway, issue, tmp_path):
    ca = responder_ca(crl=SHORT)
    made = Site(ca, with_responder(ca, new_gateway(ca), tmp_path))
    made.gateway.start()
    made.wait_for_responder()
    client, revoked = issue(made.gateway)
    _, good = issue(made.gateway)
    assert client.revoke(revoked, 4).status == 200
    wait_until(lambda: revoked.serial_number in made.status.revoked(), "the revocation in the list")
    ca.stop()
    assert (made.of(good), made.of(revoked)) == ("GOOD", "REVOKED")
    restart(made.gateway)
    made.wait_for_responder()
    assert revoked.serial_number in made.status.revoked()
    assert (made.of(good), made.of(revoked)) == ("GOOD", "REVOKED")
    over = wait_until(lambda: (reply := made.status.crl_reply()).status == 503 and reply, "the list's end", 60)
    assert b"ended on" in over.body and b"there is no newer one" in over.body
    assert over.headers["Retry-After"]
    assert made.status.post(question(good, made.issuer)).ocsp.response_status.name == "TRY_LATER"
    assert made.of(revoked) == "REVOKED", "what the CA has confirmed stays"
    restart(made.gateway)
    assert b"ended on" in made.status.crl_reply().body
    ca.start()
    wait_until(lambda: made.status.crl_reply().status == 200, "a new list", 60)
    assert made.of(good) == "GOOD"


def test_what_was_revoked_past_the_gateway_is_seen(responder_ca, new_gateway, issue, tmp_path):
    ca = responder_ca(crl=SHORT)
    made = Site(ca, with_responder(ca, new_gateway(ca), tmp_path))
    made.gateway.start()
    made.wait_for_responder()
    _, leaf = issue(made.gateway)
    assert made.of(leaf) == "GOOD"
    ca.revoke_directly(leaf, 5)
    wait_until(lambda: made.of(leaf) == "REVOKED", "the CA's word")
    assert made.status.by_serial(f"{leaf.serial_number:x}").ocsp.revocation_reason.value == "cessationOfOperation"


@pytest.mark.parametrize("version, crl", [("0.19.0", None), ("0.30.2", {"enabled": False})])
def test_where_the_ca_keeps_no_list_our_own_records_count(responder_ca, new_gateway, issue, tmp_path, version, crl):
    ca = responder_ca(version=version, crl=crl)
    made = Site(ca, with_responder(ca, new_gateway(ca), tmp_path))
    made.gateway.start()
    made.wait_for_responder()
    reply = made.status.crl_reply()
    assert reply.status == 404 and b"ca.json" in reply.body and b"keeps no revocation list" in reply.body
    client, leaf = issue(made.gateway)
    answer = made.status.post(question(leaf, made.issuer)).ocsp
    assert answer.certificate_status.name == "GOOD"
    assert (answer.next_update - answer.this_update).total_seconds() <= 20 * 60
    assert openssl_ocsp(tmp_path, made.status, ca, leaf)[:2] == (True, "good")
    assert client.revoke(leaf, 1).status == 200
    assert made.of(leaf) == "REVOKED"


# ---- lists that are not to be trusted ----


def made_list(authority, number, key=None, seconds=6, age=0):
    """A list as the CA might sign it, its life `seconds`, made `age` seconds ago."""
    now = datetime.datetime.utcnow().replace(microsecond=0)
    builder = x509.CertificateRevocationListBuilder().issuer_name(authority.certificate.subject)
    builder = builder.last_update(now - datetime.timedelta(seconds=age))
    builder = builder.next_update(now + datetime.timedelta(seconds=seconds))
    builder = builder.add_extension(x509.CRLNumber(number), False)
    return der(builder.sign(key or authority.key, hashes.SHA256()))


def give(data):
    def fill(exchange):
        exchange.status, exchange.answer = 200, data

    return fill


@pytest.mark.parametrize(
    "fault, words",
    [
        (lambda ca: made_list(ca.issuing, 6, seconds=120), "lower than"),
        (lambda ca: made_list(ca.issuing, 11, age=60), "before the known one"),
        (lambda ca: made_list(ca.issuing, 11, key=new_key()), "its signature is not by the CA"),
        (lambda ca: made_list(Authority("another CA"), 11), "no certificate of the CA"),
        (lambda ca: made_list(ca.issuing, 11)[:-9], "not a certificate revocation list"),
        (lambda ca: b"", "not a certificate revocation list"),
    ],
    ids=["lower number", "made earlier", "foreign key", "foreign CA", "cut", "empty"],
)
def test_a_list_that_is_older_or_not_the_cas_is_refused_and_logged(step_ca, ca_proxy, new_gateway, fault, words):
    first = made_list(step_ca.issuing, 7, seconds=120)
    ca_proxy.replace["crl"] = give(first)
    made = Site(step_ca, new_gateway(step_ca, url=ca_proxy.url))
    made.gateway.start()
    wait_until(lambda: made.status.crl_reply().status == 200, "the first list")
    assert made.status.crl_reply().body == first
    ca_proxy.replace["crl"] = give(fault(step_ca))
    made.gateway.process.hang_up()
    wait_until(lambda: words in made.gateway.process.output(), "the refusal in the log")
    assert made.status.crl_reply().body == first
    fresh = made_list(step_ca.issuing, 8, seconds=120)
    ca_proxy.replace["crl"] = give(fresh)
    wait_until(lambda: made.status.crl_reply().body == fresh, "the next good one")


def test_a_ca_that_counts_again_is_believed_when_its_last_list_is_over(step_ca, ca_proxy, new_gateway):
    ca_proxy.replace["crl"] = lambda exchange: give(made_list(step_ca.issuing, 70))(exchange)
    made = Site(step_ca, new_gateway(step_ca, url=ca_proxy.url))
    made.gateway.start()
    wait_until(lambda: made.status.crl_reply().status == 200, "the first list")
    restored = made_list(step_ca.issuing, 1, seconds=60)
    ca_proxy.replace["crl"] = give(restored)
    wait_until(lambda: made.status.crl_reply().body == restored, "the restored CA's list", 30)
    assert "lower than" in made.gateway.process.output()


# ---- OCSP ----


@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
@pytest.mark.parametrize("nonce", ["-nonce", "-no_nonce"])
def test_openssl_is_told_and_convinced(site, issue, tmp_path, digest, nonce):
    client, leaf = issue(site.gateway)
    options = (digest, nonce)
    verified, status, words = openssl_ocsp(tmp_path, site.status, site.ca, leaf, *options)
    assert (verified, status) == (True, "good") and "nonce" not in words, words
    assert client.revoke(leaf, 4).status == 200
    verified, status, words = openssl_ocsp(tmp_path, site.status, site.ca, leaf, *options)
    assert (verified, status) == (True, "revoked") and "Reason: superseded" in words, words


def test_what_is_not_known_is_said_so(site, issue, tmp_path):
    stranger = site.ca.sign_directly(new_key(), fresh_name())
    assert openssl_ocsp(tmp_path, site.status, site.ca, stranger)[:2] == (True, "unknown")
    other = Authority("another CA")
    foreign = other.issue(new_key().public_key(), [fresh_name()])
    reply = site.status.post(question(foreign, other.certificate))
    assert reply.ocsp.response_status.name == "UNAUTHORIZED"
    _, leaf = issue(site.gateway)
    unusual = site.status.post(question(leaf, site.issuer, hashes.SHA512))
    assert unusual.ocsp.response_status.name == "UNAUTHORIZED"


def test_every_form_of_the_question_gets_the_same_answer(site, issue):
    _, leaf = issue(site.gateway)
    asked = question(leaf, site.issuer)
    by_post = site.status.post(asked)
    serial = f"{leaf.serial_number:x}"
    colons = ":".join(serial.zfill(len(serial) + len(serial) % 2).upper()[i : i + 2] for i in range(0, len(serial), 2))
    replies = [
        site.status.get(asked),
        site.status.get(asked, "/+="),
        site.status.by_serial(serial),
        site.status.by_serial(serial.upper()),
        site.status.by_serial("00" + serial),
        site.status.by_serial(colons),
    ]
    for reply in (by_post, *replies):
        assert reply.ocsp.certificate_status.name == "GOOD" and reply.ocsp.serial_number == leaf.serial_number
        assert all(reply.headers[name] for name in ("ETag", "Expires", "Last-Modified"))
        assert "max-age=" in reply.headers["Cache-Control"] and "must-revalidate" in reply.headers["Cache-Control"]
    head = site.status.get(asked, method="HEAD")
    assert (head.status, head.body) == (200, b"") and int(head.headers["Content-Length"]) > 500


def test_a_nonce_comes_back_and_is_not_cached(site, issue):
    _, leaf = issue(site.gateway)
    reply = site.status.post(question(leaf, site.issuer, nonce=b"0123456789abcdef"))
    assert reply.ocsp.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"0123456789abcdef"
    assert reply.headers["Cache-Control"] == "no-store"
    again = site.status.post(question(leaf, site.issuer))
    with pytest.raises(x509.ExtensionNotFound):
        again.ocsp.extensions.get_extension_for_class(x509.OCSPNonce)


def test_what_is_no_request_is_malformed(site, issue):
    _, leaf = issue(site.gateway)
    asked = question(leaf, site.issuer)
    for body in (b"", b"hello", asked[:-1], asked + b"x", question(leaf, site.issuer, nonce=b"x" * 33)):
        assert site.status.post(body).ocsp.response_status.name == "MALFORMED_REQUEST", body
        assert site.status.get(body).ocsp.response_status.name == "MALFORMED_REQUEST", body
    for path in ("/zz", "/%", "/MA", "/1g"):
        assert site.status.call("GET", site.status.ocsp_path + path).ocsp.response_status.name == "MALFORMED_REQUEST", path
    assert site.status.post(asked, "application/json").status == 415
    assert site.status.call("PUT", site.status.ocsp_path, asked).status == 405
    assert site.status.post(b"x" * 70000).status == 413


# ---- responders ----


def responder_of(status):
    (certificate,) = status.by_serial("1").ocsp.certificates
    return certificate


def test_the_responders_certificate_is_kept_over_a_restart(site):
    before = responder_of(site.status)
    usage = before.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    assert before.extensions.get_extension_for_class(x509.OCSPNoCheck)
    site.ca.stop()
    restart(site.gateway)
    site.wait_for_responder()
    assert responder_of(site.status) == before
    key = site.gateway.beside("ocsp-main.key")
    assert key.stat().st_mode & 0o777 == 0o600


def test_the_responders_certificate_renews_itself(responder_ca, new_gateway, tmp_path):
    # A minute of it is backdated: two thirds are over after three seconds.
    claims = {"minTLSCertDuration": "5s", "maxTLSCertDuration": "24h", "defaultTLSCertDuration": "36s"}
    ca = responder_ca(claims=claims)
    made = Site(ca, with_responder(ca, new_gateway(ca), tmp_path))
    made.gateway.start()
    made.wait_for_responder()
    first = responder_of(made.status)
    second = wait_until(lambda: (now := responder_of(made.status)) != first and now, "another certificate", 30)
    assert second.serial_number != first.serial_number and second.not_valid_after > first.not_valid_after


def test_a_provisioner_whose_template_makes_no_responders_is_told_of(new_step_ca, new_gateway, tmp_path):
    ca = new_step_ca(provisioner_keys={PROVISIONER: ProvisionerKey(), RESPONDER: ProvisionerKey()})
    made = Site(ca, with_responder(ca, new_gateway(ca), tmp_path))
    made.gateway.start()
    wait_until(lambda: "is not for OCSPSigning" in made.gateway.process.output(), "the fault in the log")
    assert made.status.by_serial("1").ocsp.response_status.name == "TRY_LATER"


@pytest.mark.parametrize("version", ["0.19.0", "0.30.2"])
@pytest.mark.parametrize("kind", ["P-256", "Ed25519", "RSA"])
def test_a_responder_may_come_from_files(step_cas, new_gateway, issue, tmp_path, kind, version):
    ca = step_cas(version)
    files = ResponderFiles(ca, tmp_path)
    given = files.write(kind=kind)
    made = Site(ca, new_gateway(ca))
    made.gateway.configuration["issuers"]["main"]["ocsp"] = files.configuration
    made.gateway.start()
    made.wait_for_responder()
    client, leaf = issue(made.gateway)
    assert responder_of(made.status) == given
    assert openssl_ocsp(tmp_path, made.status, ca, leaf)[:2] == (True, "good")
    assert client.revoke(leaf, 1).status == 200
    assert openssl_ocsp(tmp_path, made.status, ca, leaf)[:2] == (True, "revoked")


def test_files_are_read_again_when_they_change(step_ca, new_gateway, tmp_path):
    files = ResponderFiles(step_ca, tmp_path)
    files.write(usage=ExtendedKeyUsageOID.SERVER_AUTH)
    made = Site(step_ca, new_gateway(step_ca))
    made.gateway.configuration["issuers"]["main"]["ocsp"] = files.configuration
    made.gateway.start()
    for words, fault in [
        ("is not for OCSPSigning", lambda: None),
        ("the CA that issued it is not", lambda: files.write(step_ca.root)),
        ("does not chain to a pinned root", lambda: files.write(Authority("another CA"))),
        ("does not belong to the certificate", lambda: (files.write(), files.key_path.write_bytes(key_pem(new_key())))),
    ]:
        fault()
        made.gateway.process.hang_up()
        wait_until(lambda: words in made.gateway.process.output(), words)  # pylint: disable=cell-var-from-loop
        assert made.status.by_serial("1").ocsp.response_status.name == "TRY_LATER"
    # A minute of it is backdated: two thirds are over, and the file is looked at again, after 20 seconds.
    first = files.write(seconds=60)
    made.gateway.process.hang_up()
    wait_until(lambda: made.status.by_serial("1").ocsp.response_status.name == "SUCCESSFUL", "the good one")
    assert responder_of(made.status) == first
    second = files.write()
    wait_until(lambda: responder_of(made.status) == second, "the next one", 50)


def test_a_responder_is_taken_in_by_a_reload(responder_ca, new_gateway, tmp_path):
    ca = responder_ca()
    made = Site(ca, new_gateway(ca))
    made.gateway.start()
    reply = made.status.by_serial("1")
    assert reply.status == 404 and b"has no OCSP responder" in reply.body
    with_responder(ca, made.gateway, tmp_path, "flattened JWE")
    made.gateway.write_configuration()
    made.gateway.process.hang_up()
    wait_until(lambda: made.status.by_serial("1").status == 200, "the reload")
    made.wait_for_responder()


# ---- the local CA ----


class LocalCA:
    """The files of a local CA, as the helpers above want them."""

    class Certificate:
        def __init__(self, path):
            self.certificate = x509.load_pem_x509_certificate(path.read_bytes())

    def __init__(self, folder):
        self.issuing = self.Certificate(folder / "intermediate_ca.crt")
        self.root = self.Certificate(folder / "root_ca.crt")
        self.chain = [self.issuing]


@pytest.fixture
def local_site(step_ca, new_gateway, tmp_path):
    folder = tmp_path / "local"
    gateway = new_gateway(step_ca)
    gateway.configuration["issuers"]["main"] = {"type": "local", "directory": str(folder)}
    gateway.root_path = folder / "root_ca.crt"
    made = Site(None, gateway)
    gateway.start()
    made.ca = LocalCA(folder)
    made.wait_for_responder()
    return made


def test_the_local_ca_signs_lists_and_responses(local_site, issue, tmp_path):
    made = local_site
    client, leaf = issue(made.gateway)
    before = x509.load_der_x509_crl(made.status.crl_reply().body)
    assert openssl_ocsp(tmp_path, made.status, made.ca, leaf)[:2] == (True, "good")
    assert client.revoke(leaf, 1).status == 200
    assert openssl_ocsp(tmp_path, made.status, made.ca, leaf)[:2] == (True, "revoked")
    wait_until(lambda: leaf.serial_number in made.status.revoked(), "the revocation in the list", 5)
    data = made.status.crl_reply().body
    assert "verify OK" in openssl_crl(tmp_path, made.ca, data)
    after = x509.load_der_x509_crl(data)
    number = [one.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for one in (before, after)]
    assert number[1] > number[0]
    restart(made.gateway)
    assert made.status.crl_reply().body == data, "the list in the database is good still"
    made.wait_for_responder()
    assert made.of(leaf) == "REVOKED"


def listed_reasons(made):
    """The list's serial numbers, and their reasons."""
    crl = x509.load_der_x509_crl(made.status.crl_reply().body)
    return {entry.serial_number: reason_of(entry) for entry in crl}


def reason_of(entry):
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        return None


def test_P1_the_local_ca_lists_what_was_corrected(local_site, responder, tmp_path):
    made, key = local_site, new_key()
    client, prover = made.gateway.client(), HttpProver(responder(made.gateway))
    one, other = (client.issue([fresh_name()], prover, key)[0] for _ in range(2))
    assert client.revoke(one, 4).status == 200 and client.revoke(other, 4).status == 200
    made.gateway.stop()
    register = tmp_path / "local" / "revoked"
    text = register.read_text()
    register.write_text("".join(line.replace(" 4 ", " 8 ") if f"{other.serial_number:x}" in line else line for line in text.splitlines(True)))
    made.gateway.execute("UPDATE certificates SET revocation_reason = 8 WHERE serial = ?", f"{other.serial_number:x}")
    made.gateway.start()
    made.wait_for_responder()
    wait_until(lambda: listed_reasons(made) == {one.serial_number: "superseded", other.serial_number: None}, "the list")
    assert client.revoke(one, 1, key).status == 200
    assert client.revoke(other, 5).status == 200
    corrected = {one.serial_number: "keyCompromise", other.serial_number: "cessationOfOperation"}
    wait_until(lambda: listed_reasons(made) == corrected, "the corrected list")
    for leaf in (one, other):
        assert made.status.by_serial(f"{leaf.serial_number:x}").ocsp.revocation_reason.value == corrected[leaf.serial_number]
    again = client.revoke(one, 1, key)
    assert (again.status, again.problem) == (400, "alreadyRevoked")


@pytest.mark.parametrize("standing", [4, 8])
def test_P1_ocsp_tells_what_was_corrected_though_step_cas_list_does_not(site, responder, standing):
    key = new_key()
    client = site.gateway.client()
    leaf = client.issue([fresh_name()], HttpProver(responder(site.gateway)), key)[0]
    site.ca.revoke_directly(leaf, standing)
    assert client.revoke(leaf, 4).status == 200
    told = lambda: site.status.by_serial(f"{leaf.serial_number:x}").ocsp.revocation_reason
    wait_until(lambda: told() is not None and told().value == "superseded", "the CA's list")
    assert client.revoke(leaf, 1, key).problem == "alreadyRevoked"
    wait_until(lambda: told().value == "keyCompromise", "the corrected response")
    assert site.of(leaf) == "REVOKED"
    assert site.ca.revoked()[leaf.serial_number] == {4: "superseded", 8: "removeFromCRL"}[standing]


# ---- what the documentation says ----


def test_the_documented_template_names_both_urls(responder_ca, new_gateway, issue):
    ca = responder_ca(template=documented("crlDistributionPoints"))
    gateway = new_gateway(ca).start()
    _, leaf = issue(gateway)
    points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert points[0].full_name[0].value == "http://acme.internal/.well-known/pki/crl/main"
    (access,) = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert access.access_location.value == "http://acme.internal/.well-known/pki/ocsp/main"


# ---- servers that staple ----


def test_openssl_staples_what_the_gateway_said(site, tmp_path, responder):
    key, name = new_key(), fresh_name()
    leaf = site.gateway.client().issue([name], HttpProver(responder(site.gateway)), key)[0]
    (tmp_path / "staple.der").write_bytes(site.status.by_serial(f"{leaf.serial_number:x}").body)
    (tmp_path / "leaf.pem").write_bytes(key_pem(key) + pem(leaf))
    (tmp_path / "chain.pem").write_bytes(pem(site.issuer))
    port = free_port()
    files = ["-cert", tmp_path / "leaf.pem", "-cert_chain", tmp_path / "chain.pem", "-status_file", tmp_path / "staple.der"]
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *files, "-www"]
    server = Process("s_server", list(map(str, command)), tmp_path / "s_server.log")
    try:
        words = wait_until(lambda: stapled(site, port, name), "a stapled response")
    finally:
        server.stop()
    assert_stapled(words)


def stapled(site, port, name):
    """What a client that asks for a staple sees; None while there is none."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-status"]
    command += ["-CAfile", str(site.gateway.root_path), "-verify_return_error"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, input="", check=False)
    return done.stdout if "OCSP Response Data" in done.stdout else None


def assert_stapled(words):
    assert "OCSP Response Status: successful" in words and "Cert Status: good" in words, words
    assert "Verify return code: 0 (ok)" in words, words


APACHE = """
ServerName {name}
ServerRoot {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule socache_shmcb_module {modules}/mod_socache_shmcb.so
LoadModule ssl_module {modules}/mod_ssl.so
DocumentRoot {folder}
Mutex file:{folder} default
SSLStaplingCache shmcb:{folder}/staples(128000)
SSLUseStapling on
SSLStaplingForceURL {url}
<VirtualHost *:{port}>
SSLEngine on
SSLCertificateFile {folder}/server.pem
SSLCertificateKeyFile {folder}/server.key
</VirtualHost>
"""


def test_apache_staples_by_itself(site, tmp_path, responder):
    key, name = new_key(), fresh_name()
    leaf = site.gateway.client().issue([name], HttpProver(responder(site.gateway)), key)[0]
    (tmp_path / "server.pem").write_bytes(pem(leaf) + pem(site.issuer))
    (tmp_path / "server.key").write_bytes(key_pem(key))
    port = free_port()
    modules = "/usr/lib/apache2/modules"
    text = APACHE.format(folder=tmp_path, port=port, modules=modules, url=site.status.ocsp_url, name=name)
    (tmp_path / "apache.conf").write_text(text)
    command = ["/usr/sbin/apache2", "-f", str(tmp_path / "apache.conf"), "-DFOREGROUND"]
    server = Process("apache2", command, tmp_path / "apache.log")
    try:
        words = wait_until(lambda: stapled(site, port, name), "a stapled response")
    finally:
        server.stop()
    assert_stapled(words)
