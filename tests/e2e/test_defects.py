# SPDX-License-Identifier: Apache-2.0
"""The defects that a connector to step-ca is known to have had, one test each; what else of 11 and 12, certificates that do
not fit and a CA that refuses or fails, stands in test_ca_failures.py. Number 14, a hot swap that drops the old connector,
stands in test_issuer_changes.py."""

import datetime
import hashlib
import os
import pathlib
import time

import pytest

from client_scenarios import fresh_name
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from support.acme_client import HttpProver
from support.ca_faults import answer, answer_with
from support.certificates import lifetime
from support.checks import assert_chains_to
from support.jose import compact_claims
from support.provisioner_keys import STEP_ROUNDS, ProvisionerKey
from support.step_ca import PROVISIONER
from support.waiting import wait_until

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def gateway(new_gateway, step_ca, ca_proxy):
    return new_gateway(step_ca, url=ca_proxy.url).start()


def issue(gateway, responder, **members):
    client = gateway.client()
    return client, client.issue([fresh_name()], HttpProver(responder(gateway)), **members)


def certificate_row(gateway, certificate):
    (row,) = gateway.query("SELECT * FROM v_certificates WHERE serial = ?", f"{certificate.serial_number:x}")
    return row


def order_row(gateway, order):
    (row,) = gateway.query("SELECT * FROM v_orders WHERE id = ?", int(order.location.rsplit("/", 1)[1]))
    return row


# ---- 1 and 2: revocation ----


@pytest.mark.check(48)
def test_defect_01_revocation_is_recorded_when_the_ca_confirmed_it_and_not_before(
    gateway, responder, step_ca, ca_proxy
):
    client, chain = issue(gateway, responder)
    ca_proxy.replace["revoke"] = answer(500, message="The certificate authority is out to lunch")
    reply = client.revoke(chain[0], 1)
    assert reply.status == 503 and "out to lunch" in reply.detail and reply.headers["Retry-After"]
    row = certificate_row(gateway, chain[0])
    assert (row["state"], row["revocation"], row["revoked_at"]) == ("good", "not confirmed yet", None)
    assert "out to lunch" in row["revocation_error"]
    assert chain[0].serial_number not in step_ca.revoked()

    del ca_proxy.replace["revoke"]
    wait_until(lambda: certificate_row(gateway, chain[0])["state"] == "revoked", "the revocation to go through", 90)
    assert step_ca.revoked()[chain[0].serial_number] == "keyCompromise"
    _, claims = compact_claims(ca_proxy.sent("revoke")[-1].json()["ott"])
    assert claims["aud"].endswith("/1.0/revoke") and claims["sub"] == str(chain[0].serial_number)


def test_defect_02_the_reason_arrives(gateway, responder, step_ca, ca_proxy):
    client, chain = issue(gateway, responder)
    assert client.revoke(chain[0], 4).status == 200
    body = ca_proxy.sent("revoke")[-1].json()
    assert (body["reasonCode"], body["passive"], body["serial"]) == (4, True, str(chain[0].serial_number))
    assert step_ca.revoked()[chain[0].serial_number] == "superseded"


# ---- 3 and 4: validity ----


def test_defect_03_a_cap_is_no_wish(new_gateway, new_step_ca, responder):
    ca = new_step_ca(claims={"maxTLSCertDuration": "720h", "defaultTLSCertDuration": "12h"})
    gateway = new_gateway(ca)
    gateway.configuration["profiles"]["default"]["max_ttl"] = "720h"
    gateway.start()
    _, chain = issue(gateway, responder)
    assert abs(lifetime(chain[0]) - 12 * HOUR) <= datetime.timedelta(minutes=1)


def test_defect_04_the_ca_backdates(gateway, responder, ca_proxy):
    before = datetime.datetime.utcnow()
    _, chain = issue(gateway, responder)
    assert not ca_proxy.sent("sign")[-1].json().get("notBefore")
    assert chain[0].not_valid_before <= before - datetime.timedelta(seconds=50)


# ---- 5, 8, 9 and 10: the provisioner's key ----


@pytest.mark.parametrize("kind", ["P-384", "P-521"])
def test_defect_05_and_08_larger_curves_and_compact_jwe(new_gateway, new_step_ca, responder, kind):
    ca = new_step_ca(provisioner_keys={PROVISIONER: ProvisionerKey(kind)})
    gateway = new_gateway(ca, form="compact JWE").start()
    _, chain = issue(gateway, responder)
    assert_chains_to(chain, ca.root.certificate)


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_defect_09_the_key_is_opened_once(new_gateway, new_step_ca, responder):
    """Issuances together cost less than opening the key for each of them would."""
    gateway = new_gateway(new_step_ca(provisioner_keys={PROVISIONER: ProvisionerKey(rounds=STEP_ROUNDS)})).start()
    client, prover, count = gateway.client(), HttpProver(responder(gateway)), 10
    client.issue([fresh_name()], prover)
    started = time.process_time()
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt" * 4, STEP_ROUNDS)
    opening = time.process_time() - started
    before = processor_seconds(gateway.process.pid)
    for _ in range(count):
        client.issue([fresh_name()], prover)
    assert processor_seconds(gateway.process.pid) - before < count * opening


def test_defect_10_a_wrong_password_stops_the_start(new_gateway, step_ca):
    gateway = new_gateway(step_ca)
    issuer = gateway.configuration["issuers"]["main"]
    pathlib.Path(issuer["provisioner_password_file"]).write_text("wrong\n")
    gateway.launch()
    assert gateway.process.wait_end() == 1
    assert "password" in gateway.process.output() and "main" in gateway.process.output()


def test_defect_10_a_key_that_is_not_the_provisioners_is_told_before_anything_is_signed(new_gateway, step_ca):
    gateway = new_gateway(step_ca)
    issuer = gateway.configuration["issuers"]["main"]
    pathlib.Path(issuer["provisioner_key_path"]).write_text(ProvisionerKey().text("JWK"))
    status, output, words = gateway.run("check")
    assert status == 1 and PROVISIONER in output + words


# ---- 6 and 11: what the CA answers ----


@pytest.mark.check(46)
def test_defect_06_every_intermediate_is_in_the_chain(new_gateway, new_step_ca, responder):
    ca = new_step_ca(intermediates=3)
    gateway = new_gateway(ca).start()
    _, chain = issue(gateway, responder)
    assert len(chain) == 4
    assert_chains_to(chain, ca.root.certificate)


# ---- 7: trust ----


def test_defect_07_another_root_is_not_trusted(new_gateway, new_step_ca, step_ca):
    gateway = new_gateway(step_ca)
    gateway.configuration["issuers"]["main"]["root_cert_path"] = str(new_step_ca().root_path)
    asked = step_ca.process.output().count("/sign")
    status, output, words = gateway.run("check")
    assert status == 1 and "root" in output + words
    gateway.launch()
    with pytest.raises((RuntimeError, TimeoutError)):
        gateway.process.wait_ready(gateway.serves, 5)
    assert step_ca.process.output().count("/sign") == asked, "a token went to a CA that is not the pinned one"


@pytest.mark.parametrize("content", [None, b"", b"no certificate"], ids=["missing", "empty", "no PEM"])
def test_defect_07_without_a_root_it_does_not_start(new_gateway, step_ca, tmp_path, content):
    gateway = new_gateway(step_ca)
    root = tmp_path / "root.crt"
    if content is not None:
        root.write_bytes(content)
    gateway.configuration["issuers"]["main"]["root_cert_path"] = str(root)
    gateway.launch()
    assert gateway.process.wait_end() == 1
    assert str(root) in gateway.process.output()


# ---- 12: the CA's refusals ----


@pytest.mark.check(45)
def test_defect_12_a_name_that_the_policy_of_a_real_step_ca_forbids(new_gateway, new_step_ca, responder):
    gateway = new_gateway(new_step_ca(policy={"x509": {"deny": {"dns": ["*.e2e.internal"]}}})).start()
    client, name = gateway.client(), fresh_name()
    order = client.ready_order([name], HttpProver(responder(gateway)))
    client.finalize(order, [name])
    ended = client.wait_while(order.location, "processing", "ready")
    assert ended["status"] == "invalid" and ended["error"]["type"].endswith(":rejectedIdentifier"), ended
    assert name in ended["error"]["detail"]
    row = order_row(gateway, order)
    assert row["last_outcome"] == "refused" and name in row["ca_message"] and name in row["error"]


# ---- 13: serial numbers ----


@pytest.mark.parametrize("serial", [0x7, 0xABCDEF, 0x80 << 120 | 0x5, 0x0F << 120 | 0x123], ids=hex)
def test_defect_13_serials_of_every_shape_are_found_again(gateway, responder, step_ca, ca_proxy, serial):
    def rewrite(exchange):
        csr = x509.load_pem_x509_csr(exchange.json()["csr"].encode())
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        now = datetime.datetime.utcnow()
        leaf = (
            x509.CertificateBuilder(step_ca.issuing.certificate.subject, x509.Name([]), csr.public_key(), serial)
            .not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + HOUR)
            .add_extension(names, critical=True)
            .sign(step_ca.issuing.key, hashes.SHA256())
        )
        answer_with(exchange, leaf, step_ca.issuing.certificate)

    ca_proxy.rewrite["sign"] = rewrite
    client, chain = issue(gateway, responder)
    assert chain[0].serial_number == serial and certificate_row(gateway, chain[0])["serial"] == f"{serial:x}"
    assert client.revoke(chain[0], 1).status == 200
    assert ca_proxy.sent("revoke")[-1].json()["serial"] == str(serial)
    assert certificate_row(gateway, chain[0])["state"] == "revoked"
