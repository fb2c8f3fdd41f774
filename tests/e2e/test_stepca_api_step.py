# SPDX-License-Identifier: Apache-2.0
"""step-ca's own API through the gateway, with the real step CLI (docs/stepca-api.md)."""

import datetime

import pytest

from client_scenarios import fresh_name
from support.certificates import key_pem, lifetime, names_of, new_key, pem, renewal_identifier
from support.stepca_api import StepCaApiClient
from support.provisioner_keys import ProvisionerKey
from support.step_ca import PROVISIONER, StepCA
from support.step_cli import StepCli
from support.waiting import wait_until

BACKDATE = datetime.timedelta(minutes=1)


PEOPLE = "people"  # the gateway does not hand out the key of its own provisioner


def keys():
    return {PROVISIONER: ProvisionerKey(), PEOPLE: ProvisionerKey()}


@pytest.fixture(scope="module")
def step_ca(tmp_path_factory):
    ca = StepCA(tmp_path_factory.mktemp("step-ca-of-people") / "ca", provisioner_keys=keys()).start()
    yield ca
    ca.stop()


@pytest.fixture
def gateway(step_ca, new_gateway):
    return start(new_gateway(step_ca))


def start(gateway, **profile):
    gateway.configuration["profiles"]["default"].update(names={"allow": ["*.e2e.internal"]}, **profile)
    gateway.configuration["stepca_api"] = {"profile": "default"}
    return gateway.start()


@pytest.fixture
def new_step(tmp_path):
    """Makes a step for a gateway in front of a CA."""

    def make(gateway, ca):
        return StepCli(tmp_path / "step", ca, gateway.configuration["base_url"], PEOPLE)

    return make


@pytest.fixture
def step(gateway, step_ca, new_step):
    return new_step(gateway, step_ca)


def stored(gateway, certificate):
    """The inventory's row."""
    (row,) = gateway.query("SELECT * FROM v_certificates WHERE serial = ?", f"{certificate.serial_number:x}")
    return row


def same_key(one, other):
    return one.public_numbers() == other.public_numbers()


def event_of(gateway, kind):
    (event,) = gateway.query("SELECT * FROM events WHERE kind = ?", kind)
    return event


def test_what_a_host_asks_before_its_first_certificate(step, step_ca):
    step.run("ca", "bootstrap", "--ca-url", step.url, "--fingerprint", step_ca.fingerprint)
    assert step.run("ca", "health").strip() == "ok"
    root = pem(step_ca.root.certificate).decode().strip()
    assert step.call("roots").strip() == root
    step.run("ca", "root", step.folder / "root.crt", "--ca-url", step.url, "--fingerprint", step_ca.fingerprint)
    assert (step.folder / "root.crt").read_text().strip() == root
    listed = step.call("provisioner list")
    assert all(key.key_id in listed for key in step_ca.keys.values())


def test_a_certificate_lands_in_the_inventory(gateway, step):
    name, other = fresh_name(), fresh_name()
    step.certificate(name, "--san", name, "--san", other)
    chain = step.chain(name)
    assert names_of(chain[0]) == sorted([name, other])
    assert len(chain) == 2 and same_key(chain[0].public_key(), step.key(name).public_key())
    row = stored(gateway, chain[0])
    assert (row["names"], row["state"], row["origin"]) == (", ".join(sorted([name, other])), "good", "external")
    assert (row["account"], row["order_id"], row["issuer"]) == (None, None, "main")
    event = event_of(gateway, "sign.issued")
    assert (event["who"], event["certificate_id"]) == ("client 127.0.0.1", row["id"])
    assert event["detail"] == "profile default, provisioner people"


def test_S15_the_gateways_own_provisioner_is_not_handed_out(gateway, step_ca, tmp_path):
    own = StepCli(tmp_path / "own", step_ca, gateway.configuration["base_url"])
    assert "is not handed out; use another provisioner" in own.certificate(fresh_name(), fails=True)
    native = StepCaApiClient(gateway, step_ca)
    for prefix in ("", "/1.0"):
        assert native.call("GET", f"{prefix}/provisioners/{step_ca.keys[PROVISIONER].key_id}/encrypted-key").status == 404
        people = step_ca.keys[PEOPLE]
        assert native.call("GET", f"{prefix}/provisioners/{people.key_id}/encrypted-key").json() == {"key": people.compact()}
        listed = {one["name"]: one for one in native.call("GET", f"{prefix}/provisioners").json()["provisioners"]}
        assert "encryptedKey" not in listed[PROVISIONER] and listed[PROVISIONER]["key"]["kid"] == step_ca.keys[PROVISIONER].key_id
        assert listed[PEOPLE]["encryptedKey"] == people.compact()


def test_names_that_the_profile_refuses(gateway, step):
    for arguments in (["a.example"], [fresh_name(), "--san", fresh_name(), "--san", "a.example"]):
        assert "a.example is not allowed: profile default allows only *.e2e.internal" in step.certificate(*arguments, fails=True)
    said = step.certificate(fresh_name(), "--san", "ops@e2e.internal", fails=True)
    assert 'ops@e2e.internal": only DNS names and IP addresses' in said or "an e-mail address" in said
    assert gateway.query("SELECT count(*) AS n FROM certificates")[0]["n"] == 0


def test_the_cap_holds(step_ca, new_gateway, new_step):
    gateway = start(new_gateway(step_ca), max_ttl="1h")
    step, name = new_step(gateway, step_ca), fresh_name()
    step.certificate(name)
    assert lifetime(step.chain(name)[0]) == datetime.timedelta(hours=1) + BACKDATE
    step.certificate(name, "--not-after", "10m")
    assert lifetime(step.chain(name)[0]) == datetime.timedelta(minutes=10) + BACKDATE
    assert "certificates live 1h at most here" in step.certificate(name, "--not-after", "8h", fails=True)


def test_the_cas_own_default_holds_under_the_cap(new_step_ca, new_gateway, new_step):
    ca = new_step_ca(provisioner_keys=keys(), claims={"defaultTLSCertDuration": "2h"})
    gateway = start(new_gateway(ca))
    step, name = new_step(gateway, ca), fresh_name()
    step.certificate(name)
    assert lifetime(step.chain(name)[0]) == datetime.timedelta(hours=2) + BACKDATE


def test_renewal_by_token(new_step_ca, new_gateway, new_step):
    """This step makes a renewal token only when the certificate has expired; newer ones also with --mtls=false."""
    ca = new_step_ca(provisioner_keys=keys(), claims={"minTLSCertDuration": "1s", "allowRenewalAfterExpiry": True})
    gateway = start(new_gateway(ca))
    step, name = new_step(gateway, ca), fresh_name()
    step.certificate(name, "--not-after", "4s")
    old = step.chain(name)[0]
    wait_until(lambda: datetime.datetime.utcnow() > old.not_valid_after + datetime.timedelta(seconds=1), "its end")
    step.renew(name)
    new = step.chain(name)[0]
    assert new.serial_number != old.serial_number and same_key(new.public_key(), old.public_key())
    assert names_of(new) == [name]
    assert stored(gateway, new)["origin"] == "external"
    event = event_of(gateway, "sign.renewed")
    assert event["detail"] == f"profile default, replaces certificate {old.serial_number:x}"
    assert event["certificate_id"] == stored(gateway, new)["id"]


def test_what_only_the_own_tls_key_could_do_says_which_way_works(step, step_ca):
    name = fresh_name()
    step.certificate(name)
    before = step.chain(name)[0]
    assert "--mtls=false" in step.renew(name, fails=True)
    files = step.chain_path(name), step.key_path(name)
    assert "with the CA's own URL" in step.call("rekey", *files, "--force", fails=True)
    assert "the serial number alone" in step.call("revoke", "--cert", files[0], "--key", files[1], fails=True)
    assert step.chain(name)[0] == before
    step.renew(name, url=step_ca.url)
    assert step.chain(name)[0].serial_number != before.serial_number


def test_revocation(gateway, step, step_ca):
    name = fresh_name()
    step.certificate(name)
    leaf = step.chain(name)[0]
    step.revoke(str(leaf.serial_number), "--reasonCode", "4", "--reason", "a newer one")
    row = stored(gateway, leaf)
    assert (row["state"], row["revocation"], row["revocation_reason"]) == ("revoked", "confirmed by the CA", 4)
    assert row["revocation_requested_by"] == "token of provisioner people"
    assert step_ca.revoked()[leaf.serial_number] == "superseded"
    event = event_of(gateway, "certificate.revoked")
    assert (event["who"], event["certificate_id"]) == ("client 127.0.0.1", row["id"])
    assert "is already revoked" in step.revoke(str(leaf.serial_number), fails=True)
    assert event_of(gateway, "certificate.revoked") == event


def test_an_acme_certificate_is_revoked_natively(gateway, step, prover):
    client, name = gateway.client(), fresh_name()
    leaf = client.issue([name], prover)[0]
    step.revoke(str(leaf.serial_number))
    assert (stored(gateway, leaf)["state"], stored(gateway, leaf)["origin"]) == ("revoked", "acme")
    assert client.revoke(leaf).problem == "alreadyRevoked"


def test_by_default_nothing_is_passed_on(new_gateway, step_ca, new_step, ca_proxy):
    gateway = new_gateway(step_ca, url=ca_proxy.url).start()
    step = new_step(gateway, step_ca)
    wait_until(lambda: ca_proxy.sent("roots"), "the gateway to have read what it needs")
    before = len(ca_proxy.sent("sign"))
    step.certificate(fresh_name(), fails=True)
    step.call("roots", fails=True)
    assert (len(ca_proxy.sent("sign")), len(ca_proxy.sent("roots"))) == (before, 1)
    client = gateway.client()
    for path in ("/sign", "/1.0/sign", "/renew", "/rekey", "/revoke", "/roots", "/1.0/roots", "/version", "/provisioners"):
        for method in ("GET", "POST"):
            reply = client.raw(method, step.url + path)
            assert (reply.status, reply.problem) == (404, "malformed"), path


# ---- the road between ACME and native ----


def test_an_acme_certificate_renews_natively_and_acme_goes_on(gateway, step, step_ca, prover):
    client, name, key = gateway.client(), fresh_name(), new_key()
    chain = client.issue([name], prover, key)
    step.chain_path(name).write_bytes(b"".join(pem(one) for one in chain))
    step.key_path(name).write_bytes(key_pem(key))
    step.renew(name, url=step_ca.url)
    renewed = step.chain(name)[0]
    assert renewed.serial_number != chain[0].serial_number and names_of(renewed) == [name]
    order = client.ready_order([name], prover, replaces=renewal_identifier(chain[0]))
    assert order.json()["replaces"] == renewal_identifier(chain[0])
    client.finalize(order, [name])
    newest = client.certificate(order.location)[0]
    assert names_of(newest) == [name]
    # The one that the CA renewed past the gateway is not in the inventory: it may be named, and changes nothing.
    order = client.ready_order([name], prover, replaces=renewal_identifier(renewed))
    assert "replaces" not in order.json()
    client.finalize(order, [name])
    assert names_of(client.certificate(order.location)[0]) == [name]


def test_a_native_certificate_has_renewal_information_and_may_be_replaced(gateway, step, prover):
    client, name, other = gateway.client(), fresh_name(), fresh_name()
    step.certificate(name, "--san", name, "--san", other)
    old = step.chain(name)[0]
    identifier = renewal_identifier(old)
    reply = client.raw("GET", f"{client.directory['renewalInfo']}/{identifier}")
    assert reply.status == 200, reply
    start_of_window = datetime.datetime.fromisoformat(reply.json()["suggestedWindow"]["start"]).replace(tzinfo=None)
    assert old.not_valid_before < start_of_window < old.not_valid_after

    some = client.order([name], replaces=identifier)
    assert "replaces" not in some.json()
    assert "names that the order lacks" in event_of(gateway, "order.replaces_ignored")["detail"]

    order = client.ready_order([name, other], prover, replaces=identifier)
    assert order.json()["replaces"] == identifier
    client.finalize(order, [name, other])
    assert names_of(client.certificate(order.location)[0]) == sorted([name, other])
    identifiers = [{"type": "dns", "value": one} for one in (name, other)]
    again = gateway.client().post(client.directory["newOrder"], {"identifiers": identifiers, "replaces": identifier})
    assert (again.status, again.problem) == (409, "alreadyReplaced"), again


# ---- acmegate check ----


def test_check_tells_whether_the_ca_knows_the_gateways_names(new_gateway, step_ca):
    gateway = new_gateway(step_ca)
    gateway.configuration["stepca_api"] = {"profile": "default"}
    status, output, words = gateway.run("check")
    assert status == 0 and f"stepca_api: the CA accepts tokens that step makes for https://localhost:{gateway.port}" in output + words
    gateway.configuration["alternate_names"] = ["acme.elsewhere.internal"]
    status, output, words = gateway.run("check")
    line = next(one for one in (output + words).splitlines() if "acme.elsewhere.internal" in one)
    assert status == 1 and "FAIL" in line and "dnsNames" in line
    del gateway.configuration["stepca_api"]
    status, output, words = gateway.run("check")
    assert status == 0 and "stepca_api:" not in output + words
