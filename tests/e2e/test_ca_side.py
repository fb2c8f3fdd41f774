# SPDX-License-Identifier: Apache-2.0
"""What lies at the CA: its policy and templates, its chain, its keys and provisioners, its clock, its database."""

import datetime
import email.utils
import json
import time
import urllib.parse

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver
from support.ca_proxy import CaProxy
from support.certificates import key_pem, new_key, pem
from support.stepca_api import StepCaApiClient
from support.provisioner_keys import ProvisionerKey
from support.step_ca import PROVISIONER
from support.waiting import wait_until

USAGE = '"keyUsage": ["digitalSignature"], "extKeyUsage": ["serverAuth", "clientAuth"]'
FAILS = '{{ fail "not on a Friday" }}'
CRITICAL = (
    '{"subject": {{ toJson .Subject }}, "sans": {{ toJson .SANs }}, ' + USAGE + ", "
    '"extensions": [{"id": "1.3.6.1.4.1.99999.1", "critical": true, "value": "BQA="}]}'
)
OTHER_NAMES = '{"subject": {{ toJson .Subject }}, "sans": [{"type": "dns", "value": "other.test"}], ' + USAGE + "}"


def own_files(ca, folder):
    """The server's own certificate, where the CA would not make a good one."""
    key, (cert_path, key_path) = new_key(), (folder / "own.crt", folder / "own.key")
    cert_path.write_bytes(pem(ca.issuing.issue(key.public_key(), ["localhost"])) + pem(ca.issuing.certificate))
    key_path.write_bytes(key_pem(key))
    key_path.chmod(0o600)
    return {"cert": str(cert_path), "key": str(key_path)}


@pytest.fixture
def site(new_gateway, responder):
    def make(ca, url=None):
        gateway = new_gateway(ca, **({"url": url} if url else {}))
        gateway.configuration["tls"] = own_files(ca, gateway.folder)
        gateway.start()
        gateway.prover = HttpProver(responder(gateway))
        return gateway

    return make


def refused_order(gateway, name):
    client = gateway.client()
    order = client.ready_order([name], gateway.prover)
    client.finalize(order, [name])
    ended = client.wait_while(order.location, "processing")
    assert ended["status"] == "invalid"
    return ended["error"]


@pytest.mark.parametrize(
    "members, cause",
    [
        pytest.param({"policy": {"x509": {"allow": {"dns": ["*.elsewhere.test"]}}}}, "ca-policy", id="policy"),
        pytest.param({"template": FAILS}, "ca-template", id="template"),
    ],
)
def test_C5_a_refusal_of_the_cas_says_whose_turn_it_is(new_step_ca, site, members, cause):
    gateway, name = site(new_step_ca(**members)), fresh_name()
    error = refused_order(gateway, name)
    assert error["type"].endswith(":rejectedIdentifier") and "The refusal is the CA's" in error["detail"], error
    _, told, _ = gateway.run("explain", name)
    assert error["cause"] == cause and f"cause     {cause}\n  turn      the operator of the CA\n" in told, told


def test_C6_an_intermediate_in_the_place_of_the_root_is_refused(new_gateway, step_ca):
    gateway = new_gateway(step_ca)
    gateway.configuration["issuers"]["main"]["root_cert_path"] = str(step_ca.folder / "intermediate_ca.crt")
    status, said, _ = gateway.run("check")
    (line,) = [line for line in said.splitlines() if line.startswith("FAIL")]
    assert status == 1 and "root_cert_path" in line and "intermediate but no root" in line
    gateway.launch()
    wait_until(lambda: not gateway.process.running(), "its end")
    assert "intermediate but no root" in gateway.process.output()


def test_C6_an_own_certificate_that_does_not_fit_is_recorded_and_revoked(new_gateway, new_step_ca):
    ca = new_step_ca(template=OTHER_NAMES)
    gateway = new_gateway(ca).launch()
    wait_until(lambda: rejected(gateway), "the row")
    (row,) = rejected(gateway)
    wait_until(lambda: int(row["serial"], 16) in ca.revoked(), "the revocation")
    assert len(rejected(gateway)) == 1, "the next one would be no better"


def rejected(gateway):
    try:
        return gateway.query("SELECT * FROM v_certificates WHERE rejected_because IS NOT NULL")
    except Exception:  # pylint: disable=broad-except
        return []  # the schema is on its way


def test_C7_a_leaf_that_does_not_verify_is_revoked(new_step_ca, site):
    ca = new_step_ca(template=CRITICAL)
    gateway = site(ca)
    error = refused_order(gateway, fresh_name())
    assert "is being revoked" in error["detail"]
    (row,) = rejected(gateway)
    wait_until(lambda: int(row["serial"], 16) in ca.revoked(), "the revocation")


@pytest.mark.parametrize("end", ["\n\n", " \n", "\t", "\u00a0\n"])
def test_C8_a_password_file_is_read_as_step_reads_it(new_gateway, step_ca, end):
    gateway = new_gateway(step_ca)
    path = gateway.folder / "acmegate.password"
    path.write_text(path.read_text().rstrip() + end)
    status, said, _ = gateway.run("check")
    assert status == 0 and "opens (" in said, said


def test_C8_a_key_that_an_old_step_encrypted_opens(new_gateway, new_step_ca):
    path = tools.ROOT / "tests/unit/data/throwaway-test-key-of-an-old-step.pem"
    key = ProvisionerKey.of_old_step(path.read_bytes(), "pw")
    gateway = new_gateway(new_step_ca(provisioner_keys={PROVISIONER: key}))
    (gateway.folder / "password").write_text("pw \n\n")
    issuer = gateway.configuration["issuers"]["main"]
    issuer.update(provisioner_key_path=str(path), provisioner_password_file=str(gateway.folder / "password"))
    status, said, _ = gateway.run("check")
    assert status == 0 and "a one-time token is accepted" in said, said


def test_C10_any_kid_goes_through(new_gateway, new_step_ca):
    keys = {PROVISIONER: ProvisionerKey(), "ops": ProvisionerKey()}
    keys["ops"].key_id = "ops@corp.internal:2024 (a,b)"
    ca = new_step_ca(provisioner_keys=keys)
    gateway = new_gateway(ca)
    gateway.configuration["stepca_api"] = {"profile": "default"}
    native = StepCaApiClient(gateway.start(), ca)
    for safe in ("@:", ""):
        reply = native.call("GET", f"/provisioners/{urllib.parse.quote(keys['ops'].key_id, safe=safe)}/encrypted-key")
        assert reply.status == 200 and reply.json()["key"] == keys["ops"].compact(), reply
    own = urllib.parse.quote(keys[PROVISIONER].key_id, safe="")
    assert native.call("GET", f"/provisioners/{own}/encrypted-key").status == 404
    assert native.call("GET", f"/provisioners/%{ord(own[0]):02x}{own[1:]}/encrypted-key").status == 404
    assert native.call("GET", "/provisioners/%2e%2e/encrypted-key").status == 400


def test_C11_a_long_list_of_provisioners_comes_in_pages_that_fit(new_gateway, new_step_ca):
    names = [f"large-{n}" for n in range(6)]
    comment = "{{/* " + "x" * 250_000 + " */}}"
    template = comment + '{"subject": {{ toJson .Subject }}, "sans": {{ toJson .SANs }}, ' + USAGE + "}"
    keys = {name: ProvisionerKey() for name in [*names, PROVISIONER]}
    ca = new_step_ca(provisioner_keys=keys, templates=dict.fromkeys(names, template))
    gateway = new_gateway(ca)
    status, said, _ = gateway.run("check")
    assert status == 0 and "the CA has the JWK provisioner acmegate" in said, said
    gateway.start()
    wait_until(lambda: "provisioner acmegate has our key" in gateway.process.output(), "the list")


def test_C11_a_provisioner_that_is_too_long_is_told_as_that(new_gateway, new_step_ca):
    template = "{{/* " + "x" * 1_200_000 + " */}}{}"
    keys = {PROVISIONER: ProvisionerKey(), "large": ProvisionerKey()}
    gateway = new_gateway(new_step_ca(provisioner_keys=keys, templates={"large": template}))
    status, said, _ = gateway.run("check")
    assert status == 1 and "a provisioner is longer" in said and "step-ca did not write it" not in said, said


class Early:
    """Issues what is valid in two hours only: as to a clock that is behind."""

    def __init__(self, authority):
        self.authority = authority

    def issue(self, public_key, names):
        return self.authority.issue(public_key, names, valid_from=datetime.timedelta(hours=2))


def test_C13_a_clock_that_is_behind_is_named(new_gateway, step_ca, tmp_path):
    proxy = CaProxy(step_ca, tmp_path / "proxy")
    proxy.identify(Early(step_ca.root))
    with proxy:
        status, said, _ = new_gateway(step_ca, url=proxy.url).run("check")
    (line,) = [line for line in said.splitlines() if line.startswith("FAIL")]
    assert status == 1 and "clock" in line and "root_cert_path" not in line, said


@pytest.mark.parametrize("ahead, failing", [(75, False), (-75, True), (600, True)])
def test_C13_check_does_not_contradict_itself(new_gateway, step_ca, ca_proxy, ahead, failing):
    def shift(exchange):
        exchange.answer_headers["Date"] = email.utils.formatdate(time.time() + ahead, usegmt=True)

    ca_proxy.rewrite["health"] = shift
    _, said, _ = new_gateway(step_ca, url=ca_proxy.url).run("check")
    (line,) = [line for line in said.splitlines() if "the CA's clock is" in line]
    assert line.startswith("FAIL" if failing else "warn"), said
    assert ("refuses tokens" in line) == failing, line


def test_C14_a_ca_without_a_database_says_so(new_step_ca, site):
    gateway = site(new_step_ca(crl={}, settings={"db": None, "crl": None}))
    status, said, _ = gateway.run("check")
    assert status == 0 and "warn  issuer main: the CA has no database and revokes nothing: add a `db` to its ca.json" in said, said
    client, name = gateway.client(), fresh_name()
    chain = client.issue([name], gateway.prover)
    reply = client.revoke(chain[0])
    assert reply.status == 503 and "`db`" in reply.detail, reply
    _, told, _ = gateway.run("explain", name)
    assert "`db`" in told


@pytest.mark.parametrize("version", tools.STEP_CA_VERSIONS)
def test_C14_check_tells_whether_the_ca_has_a_database(new_gateway, new_step_ca, step_cas, version):
    _, said, _ = new_gateway(step_cas(version)).run("check")
    assert "ok    issuer main: the CA has a database, which revocations need" in said, said
    _, said, _ = new_gateway(new_step_ca(version=version, crl={}, settings={"db": None, "crl": None})).run("check")
    assert "warn  issuer main: the CA has no database" in said, said


def test_C9_the_servers_own_certificate_is_nobodys_old_way(new_gateway, new_step_ca):
    ca = new_step_ca()
    gateway, name = new_gateway(ca).start(), fresh_name()
    key = new_key()
    ca.sign_directly(key, name)
    status, said, words = gateway.run("import", "--step-ca-log", ca.log)
    assert status == 0, said + words
    _, said, _ = gateway.run("migration", "status", "--json")
    shown = json.loads(said)
    assert {row["name"]: row["state"] for row in shown["names"]} == {name: "old way", "localhost": "own"}
    assert shown["counts"]["old way"] == 1
