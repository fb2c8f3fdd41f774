# SPDX-License-Identifier: Apache-2.0
"""CRL and OCSP when something goes wrong or changes: at the CA, on the way to it, among the pinned roots."""

import http.client
import subprocess

import pytest
from cryptography.x509 import ocsp

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.background import Background
from support.ca_faults import Hang, answer
from support.ca_proxy import CaProxy
from support.certificates import Authority, pem, read_chain
from support.gateway import stepca_issuer
from support.stepca_api import StepCaApiClient
from support.ocsp_responder import RESPONDER, ResponderFiles
from support.ports import free_port
from support.provisioner_keys import ProvisionerKey
from support.status import StatusClient, question
from support.step_ca import PROVISIONER, new_root
from support.waiting import wait_until
from test_reload import reload

NO_LIST = answer(404, message="no CRL")


class Site:
    """A gateway whose issuer answers OCSP with a certificate from files, and which reaches its CA by a proxy."""

    def __init__(self, ca, proxy, gateway, folder, kind="P-256"):
        self.ca, self.proxy, self.gateway = ca, proxy, gateway
        self.port = free_port()
        self.files = ResponderFiles(ca, folder)
        self.files.write(kind=kind)
        gateway.configuration["pki_listen"] = [f"127.0.0.1:{self.port}"]
        gateway.configuration["issuers"]["main"]["ocsp"] = self.files.configuration
        self.status = StatusClient(self.port)

    def start(self):
        self.gateway.start()
        wait_until(lambda: self.status.by_serial("1").ocsp.response_status.name == "SUCCESSFUL", "an OCSP responder")
        return self

    def of(self, certificate):
        return self.status.status(certificate, self.ca.issuing.certificate)

    def reload(self):
        said = reload(self.gateway)
        assert "was taken in" in said, said

    def asked(self):
        return len(self.proxy.sent("crl"))


@pytest.fixture
def new_site(new_step_ca, new_gateway, tmp_path):
    """new_site(crl=…, kind=…): not started yet."""
    proxies = []

    def make(kind="P-256", **members):
        ca = new_step_ca(**members)
        proxies.append(CaProxy(ca, tmp_path / "proxy").__enter__())
        return Site(ca, proxies[-1], new_gateway(ca, url=proxies[-1].url), tmp_path, kind)

    yield make
    for proxy in proxies:
        proxy.__exit__()


@pytest.fixture
def issue(responder):
    """issue(gateway): (client, leaf)."""
    provers = {}

    def one(gateway):
        if gateway not in provers:
            provers[gateway] = HttpProver(responder(gateway))
        client = gateway.client()
        return client, client.issue([fresh_name()], provers[gateway])[0]

    return one


# ---- looks at the CA ----


def test_a_reload_while_a_list_is_on_its_way_asks_once_more_after_it(new_site):
    site, hang = new_site(), Hang()
    site.proxy.replace["crl"] = answer(500, message="out to lunch")
    site.gateway.start()
    wait_until(lambda: len(site.proxy.sent("crl")) >= 2, "two questions that fail")
    site.proxy.replace["crl"] = hang
    asked = len(site.proxy.sent("crl"))
    wait_until(lambda: len(site.proxy.sent("crl")) > asked, "a question that hangs", 40)
    site.reload()
    site.reload()
    assert len(site.proxy.sent("crl")) == asked + 1
    del site.proxy.replace["crl"]
    hang.let_go()
    wait_until(lambda: site.status.crl_reply().status == 200, "the list", 40)


def test_a_reload_during_a_look_has_the_new_issuer_asked(new_site):
    site = new_site()
    hold = site.proxy.hold_answer("crl")
    site.gateway.start()
    hold.wait()
    site.reload()
    hold.let_go()
    wait_until(lambda: site.asked() == 2, "the second look")


def test_looks_that_change_nothing_leave_the_responses_that_were_made(new_site, issue):
    site = new_site(crl={"enabled": True, "cacheDuration": "1h"}).start()
    _, leaf = issue(site.gateway)
    site.proxy.replace["crl"] = answer(500)
    site.gateway.process.hang_up()
    wait_until(lambda: site.asked() > 2, "two looks that failed")
    # One connection: each loop makes its own.
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)

    def ask():
        connection.request("GET", f"{site.status.ocsp_path}/{leaf.serial_number:x}")
        return connection.getresponse().read()

    before, asked = ask(), site.asked()
    assert ocsp.load_der_ocsp_response(before).certificate_status.name == "GOOD"
    wait_until(lambda: site.asked() > asked + 1, "another look that failed", 60)
    assert ask() == before
    connection.close()


# ---- what is said when the CA changes its mind ----


def test_what_was_revoked_stays_so_when_the_ca_gives_up_its_list(new_site, issue):
    site = new_site(crl={"enabled": True, "generateOnRevoke": True, "cacheDuration": "12s"}).start()
    _, leaf = issue(site.gateway)
    _, other = issue(site.gateway)
    site.ca.revoke_directly(leaf, 5)
    wait_until(lambda: site.of(leaf) == "REVOKED", "the CA's word")
    site.proxy.replace["crl"] = NO_LIST

    def given_up():
        """The other one cannot be said to be good before the end of the list, and can be when the CA has no other."""
        assert site.of(leaf) == "REVOKED"
        return site.status.crl_reply().status == 503 and said_good(other)

    def said_good(certificate):
        reply = site.status.post(question(certificate, site.ca.issuing.certificate)).ocsp
        return reply.response_status.name == "SUCCESSFUL" and reply.certificate_status.name == "GOOD"

    wait_until(given_up, "the end of the last list", 60)
    assert site.of(leaf) == "REVOKED"


def test_what_is_kept_with_a_list_does_not_grow(new_site, issue):
    site = new_site()
    site.proxy.replace["intermediates"] = answer(404)
    site.start()
    kept = []
    for _ in range(3):
        client, leaf = issue(site.gateway)
        assert client.revoke(leaf).status == 200
        wait_until(lambda: leaf.serial_number in site.status.revoked(), "the revocation in the list")

        def stored():
            (row,) = site.gateway.query("SELECT crl, chain FROM revocation_lists")
            return row["crl"] == site.status.crl_reply().body and row["chain"]

        kept.append(wait_until(stored, "the list in the database"))
    assert [read_chain(chain) for chain in kept] == [[site.ca.issuing.certificate]] * 3


def test_a_longer_chain_in_the_database_is_cut_and_written_anew(new_site):
    site = new_site(crl={"enabled": True, "cacheDuration": "1h"}).start()
    (row,) = wait_until(lambda: site.gateway.query("SELECT chain FROM revocation_lists"), "the list in the database")
    site.gateway.stop()
    long = row["chain"] + b"".join(pem(Authority(f"another {i}").certificate) for i in range(9)) + row["chain"]
    site.gateway.execute("UPDATE revocation_lists SET chain = ?", long)
    site.gateway.start()
    written = lambda: site.gateway.query("SELECT chain FROM revocation_lists")[0]["chain"] == row["chain"]
    wait_until(written, "the chain as it was")


# ---- roots ----


def test_the_order_of_the_pinned_roots_changes_nothing(new_site, issue, tmp_path):
    site = new_site()
    section = site.gateway.configuration["issuers"]["main"]

    def pin(*roots):
        path = tmp_path / "pinned.pem"
        path.write_bytes(b"".join(pem(root.certificate) for root in roots))
        section["root_cert_path"] = str(path)

    own, other = site.ca.root, new_root("of no use")
    site.gateway.configuration["stepca_api"] = {"profile": "default"}
    pin(own, other)
    site.start()
    _, first = issue(site.gateway)
    client, revoked = issue(site.gateway)
    assert client.revoke(revoked).status == 200
    wait_until(lambda: revoked.serial_number in site.status.revoked(), "the revocation in the list")
    pin(other, own)
    site.reload()
    _, second = issue(site.gateway)
    assert [site.of(one) for one in (first, second, revoked)] == ["GOOD", "GOOD", "REVOKED"]

    # The list of before is found by the next start, with the CA away.
    site.ca.stop()
    site.gateway.stop()
    site.start()
    assert revoked.serial_number in site.status.revoked()
    assert [site.of(one) for one in (first, second, revoked)] == ["GOOD", "GOOD", "REVOKED"]
    site.ca.start()

    # What was issued while the other one stood first is known when it has gone.
    pin(own)
    site.reload()
    assert [site.of(one) for one in (first, second, revoked)] == ["GOOD", "GOOD", "REVOKED"]
    assert StepCaApiClient(site.gateway, site.ca).revoke(second.serial_number).status == 200
    rows = site.gateway.query("SELECT status FROM certificates WHERE serial = ?", f"{second.serial_number:x}")
    assert [row["status"] for row in rows] == ["revoked"]
    assert site.of(second) == "REVOKED"


# ---- the CA's own API ----


def test_nothing_that_was_said_before_a_revocation_is_said_after_it(new_site, issue):
    site = new_site(crl={"enabled": False})
    site.gateway.configuration["stepca_api"] = {"profile": "default"}
    site.start()
    _, leaf = issue(site.gateway)
    connections = [http.client.HTTPConnection("127.0.0.1", site.port, timeout=10) for _ in range(8)]

    def say():
        """By each of some connections, so that all loops have a response."""
        said = set()
        for connection in connections:
            connection.request("GET", f"{site.status.ocsp_path}/{leaf.serial_number:x}")
            said.add(ocsp.load_der_ocsp_response(connection.getresponse().read()).certificate_status.name)
        return said

    wait_until(site.asked, "the CA's word on lists")
    assert say() == {"GOOD"}
    with site.gateway.store.locked():
        revocation = Background(StepCaApiClient(site.gateway, site.ca).revoke, leaf.serial_number)
        asked = site.proxy.sent
        wait_until(lambda: asked("revoke") and asked("revoke")[0].status, "the CA's word on the revocation")
        assert say() == {"GOOD"}
    assert revocation.end().status == 200
    assert say() == {"REVOKED"}
    for connection in connections:
        connection.close()


# ---- responders ----


def test_a_template_that_makes_no_responders_makes_one_certificate_an_hour(new_site, tmp_path):
    site = new_site(provisioner_keys={PROVISIONER: ProvisionerKey(), RESPONDER: ProvisionerKey()})
    second = stepca_issuer(site.ca, tmp_path / "ocsp", provisioner=RESPONDER)
    names = ("provisioner_name", "provisioner_key_path", "provisioner_password_file")
    ocsp_section = {name: second[name] for name in names if name in second}
    site.gateway.configuration["issuers"]["main"]["ocsp"] = ocsp_section
    site.gateway.start()

    def told():
        return site.gateway.process.output().count("is being revoked; another is requested in an hour")

    wait_until(lambda: len(site.ca.revoked()) == 1, "the revocation of the first at the CA")
    wait_until(lambda: len(site.status.revoked()) == 1, "a list with it")
    assert "is not for OCSPSigning" in site.gateway.process.output() and told() == 1
    # A reload may have changed what was wrong.
    site.reload()
    wait_until(lambda: told() == 2, "another try")


def test_a_slow_key_signs_so_often_and_for_one_question_only(new_site, tmp_path):
    site = new_site(kind="RSA").start()
    (tmp_path / "issuer.pem").write_bytes(pem(site.ca.issuing.certificate))
    command = ["openssl", "ocsp", "-issuer", tmp_path / "issuer.pem", "-serial", "1", "-serial", "2", "-no_nonce"]
    subprocess.run([*map(str, command), "-reqout", str(tmp_path / "two.der")], check=True, timeout=30)
    two = (tmp_path / "two.der").read_bytes()
    assert site.status.post(two).ocsp.response_status.name == "MALFORMED_REQUEST"
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)

    def ask(serial):
        connection.request("GET", f"{site.status.ocsp_path}/{serial:x}")
        return ocsp.load_der_ocsp_response(connection.getresponse().read()).response_status.name

    assert ask(1) == "SUCCESSFUL"
    last = next(serial for serial in range(2, 2000) if ask(serial) == "TRY_LATER")
    assert last > 30
    assert ask(1) == "SUCCESSFUL", "what was made before is said still"
    wait_until(lambda: ask(last) == "SUCCESSFUL", "the next second", 5)
    connection.close()


def test_a_quick_key_answers_several_questions(new_site, tmp_path):
    site = new_site().start()
    (tmp_path / "issuer.pem").write_bytes(pem(site.ca.issuing.certificate))
    command = ["openssl", "ocsp", "-issuer", tmp_path / "issuer.pem", "-serial", "1", "-serial", "2", "-noverify"]
    done = subprocess.run([*map(str, command), "-url", site.status.ocsp_url], capture_output=True, text=True, timeout=30, check=True)
    assert "1: unknown" in done.stdout and "2: unknown" in done.stdout
