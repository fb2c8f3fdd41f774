# SPDX-License-Identifier: Apache-2.0
"""Revocation goes through to the CA, and who may ask for it (RFC 8555 §7.6)."""

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.background import Background
from support.ca_faults import answer
from support.certificates import Authority, new_key
from support.waiting import wait_until


@pytest.fixture
def issued(current_site, responder):
    """A client with a certificate: (client, leaf, its key)."""
    client, key = current_site.gateway.client(), new_key()
    return client, client.issue([fresh_name()], HttpProver(responder(current_site.gateway)), key)[0], key


def assert_not_revoked(site, certificate):
    assert certificate.serial_number not in site.ca.revoked()
    rows = site.gateway.query(
        "SELECT revocation FROM v_certificates WHERE serial = ?", f"{certificate.serial_number:x}"
    )
    assert rows in ([], [{"revocation": None}])


REASONS = {
    1: "keyCompromise",
    3: "affiliationChanged",
    4: "superseded",
    5: "cessationOfOperation",
    9: "privilegeWithdrawn",
}


@pytest.mark.check(48)
@pytest.mark.parametrize("code", REASONS)
def test_the_crl_holds_serial_and_reason(current_site, issued, code):
    client, certificate, _ = issued
    reply = client.revoke(certificate, code)
    assert reply.status == 200 and reply.body == b""
    assert current_site.ca.revoked()[certificate.serial_number] == REASONS[code]


def test_without_a_reason_it_is_unspecified(current_site, issued):
    client, certificate, _ = issued
    assert client.revoke(certificate).status == 200
    assert current_site.ca.revoked()[certificate.serial_number] in (None, "unspecified")


@pytest.mark.check(48)
def test_by_the_certificate_key_without_an_account(current_site, issued):
    client, certificate, key = issued
    client.account = None
    assert client.revoke(certificate, 1, key).status == 200
    assert current_site.ca.revoked()[certificate.serial_number] == "keyCompromise"


@pytest.mark.check(48)
def test_by_another_account_that_controls_the_names(current_site, responder):
    name, prover = fresh_name(), HttpProver(responder(current_site.gateway))
    certificate = current_site.gateway.client().issue([name], prover)[0]
    other = current_site.gateway.client()
    other.ready_order([name], prover)
    assert other.revoke(certificate, 4).status == 200
    assert current_site.ca.revoked()[certificate.serial_number] == "superseded"


@pytest.mark.check(48)
def test_a_foreign_account_may_not(current_site, issued):
    _, certificate, _ = issued
    reply = current_site.gateway.client().revoke(certificate, 1)
    assert (reply.status, reply.problem) == (403, "unauthorized")
    assert_not_revoked(current_site, certificate)


@pytest.mark.check(48)
def test_a_foreign_key_may_not(current_site, issued):
    client, certificate, _ = issued
    reply = client.revoke(certificate, 1, new_key())
    assert (reply.status, reply.problem) == (403, "unauthorized")
    assert_not_revoked(current_site, certificate)


@pytest.mark.check(48)
@pytest.mark.parametrize("by_key", [False, True], ids=["account", "key"])
@pytest.mark.parametrize("reason", [6, 7, 8, 11, -1])
def test_P1_a_reason_that_does_not_revoke_is_refused(current_site, issued, reason, by_key):
    client, certificate, key = issued
    reply = client.revoke(certificate, reason, key if by_key else None)
    assert (reply.status, reply.problem) == (400, "badRevocationReason")
    assert_not_revoked(current_site, certificate)
    assert certificate.serial_number not in current_site.ca.revoked()


# ---- corrections ----


def revoked_by_an_older_version(gateway, ca, certificate, reason):
    """It took any reason, and so does the CA."""
    ca.revoke_directly(certificate, reason)
    gateway.stop()
    gateway.execute(
        "UPDATE certificates SET status = 'revoked', revocation_requested_at = unixepoch(), revocation_reason = ?,"
        " revocation_requested_by = 'account', revoked_at = unixepoch() WHERE serial = ?",
        reason,
        f"{certificate.serial_number:x}",
    )
    gateway.start()


def row_of(gateway, certificate):
    (row,) = gateway.query("SELECT * FROM v_certificates WHERE serial = ?", f"{certificate.serial_number:x}")
    return row


def is_settled(gateway, certificate, reason):
    row = row_of(gateway, certificate)
    return (row["state"], row["revocation_reason"], row["revocation_correction"]) == ("revoked", reason, None)


@pytest.mark.parametrize("standing, name", [(8, "removeFromCRL"), (6, "certificateHold")])
@pytest.mark.parametrize("by", ["account", "key", "operator"])
def test_P1_a_reason_that_does_not_revoke_is_corrected(step_ca, new_gateway, responder, standing, name, by):
    """step-ca keeps the reason that it has: the record is corrected here, and everybody is told."""
    gateway, key = new_gateway(step_ca).start(), new_key()
    client = gateway.client()
    certificate = client.issue([fresh_name()], HttpProver(responder(gateway)), key)[0]
    revoked_by_an_older_version(gateway, step_ca, certificate, standing)
    kept = step_ca.revoked()[certificate.serial_number]
    serial = f"{certificate.serial_number:x}"
    if by == "operator":
        status, said, words = gateway.run("cert", "revoke", serial, "--reason", "superseded")
        assert status == 0 and "requested another reason for the revocation" in said, words
    else:
        reply = client.revoke(certificate, 4, key if by == "key" else None)
        assert (reply.status, reply.problem) == (400, "alreadyRevoked")
        assert "Reason superseded is recorded here" in reply.json()["detail"] and "the CA keeps its old reason" in reply.json()["detail"]
    wait_until(lambda: is_settled(gateway, certificate, 4), "the correction")
    assert step_ca.revoked()[certificate.serial_number] == kept
    events = gateway.query(
        "SELECT kind, detail FROM v_events WHERE certificate_id = ? AND kind LIKE 'revocation.%' ORDER BY kind", row_of(gateway, certificate)["id"]
    )
    # Ids of a command and of the server are not in order within a second.
    assert [event["kind"] for event in events] == ["revocation.corrected", "revocation.requested"]
    corrected, asked = (event["detail"] for event in events)
    assert f"reason superseded instead of {name}" in asked and "the CA keeps its old reason" in corrected
    assert "the CA keeps its old reason" in gateway.run("explain", row_of(gateway, certificate)["names"])[1]
    again = client.revoke(certificate, 4)
    assert (again.status, again.problem) == (400, "alreadyRevoked")
    status, _, words = gateway.run("cert", "revoke", serial, "--reason", "superseded")
    assert status == 1 and "it is already revoked, with reason superseded" in words


def test_P1_key_compromise_takes_the_place_of_another_reason_by_the_key(current_site, issued):
    client, certificate, key = issued
    assert client.revoke(certificate, 4).status == 200
    by_account = client.revoke(certificate, 1)
    assert (by_account.status, by_account.problem) == (400, "alreadyRevoked")
    assert is_settled(current_site.gateway, certificate, 4)
    for reason in (5, 1):
        reply = client.revoke(certificate, reason, key)
        assert (reply.status, reply.problem) == (400, "alreadyRevoked")
        assert is_settled(current_site.gateway, certificate, 1 if reason == 1 else 4)
    assert "Reason keyCompromise is recorded here" in reply.json()["detail"]


def test_P1_a_foreign_account_corrects_nothing(current_site, issued):
    client, certificate, _ = issued
    assert client.revoke(certificate, 4).status == 200
    for reply in (current_site.gateway.client().revoke(certificate, 1), client.revoke(certificate, 1, new_key())):
        assert (reply.status, reply.problem) == (403, "unauthorized")
    assert is_settled(current_site.gateway, certificate, 4)


class Pending:
    """A revocation, reason superseded, that the account asked for and the CA has not answered."""

    def __init__(self, ca, gateway, proxy, prover):
        self.ca, self.gateway, self.proxy = ca, gateway, proxy
        self.key = new_key()
        self.client = gateway.client()
        self.certificate = self.client.issue([fresh_name()], prover, self.key)[0]
        self.by_account = self.by_key = None

    def reason(self):
        return row_of(self.gateway, self.certificate)["revocation_reason"]

    def ask_by_key(self):
        self.by_key = Background(self.client.revoke, self.certificate, 1, self.key)
        wait_until(lambda: self.reason() == 1, "the request by key")


@pytest.fixture
def pending(step_ca, new_gateway, responder, ca_proxy):
    gateway = new_gateway(step_ca, url=ca_proxy.url).start()
    return Pending(step_ca, gateway, ca_proxy, HttpProver(responder(gateway)))


def test_P1_key_compromise_by_the_key_takes_the_place_of_a_reason_that_waits_for_the_ca(pending):
    pending.proxy.replace["revoke"] = answer(503, message="later")
    assert pending.client.revoke(pending.certificate, 4).status == 503
    assert pending.client.revoke(pending.certificate, 1).status == 503 and pending.reason() == 4
    assert pending.client.revoke(pending.certificate, 1, pending.key).status == 503 and pending.reason() == 1
    del pending.proxy.replace["revoke"]
    assert pending.client.revoke(pending.certificate, 4).status == 200
    assert is_settled(pending.gateway, pending.certificate, 1)
    assert pending.ca.revoked()[pending.certificate.serial_number] == "keyCompromise"


def test_P1_key_compromise_by_the_key_is_kept_while_the_ca_is_asked_with_another_reason(pending):
    hold = pending.proxy.hold_answer("revoke")
    pending.by_account = Background(pending.client.revoke, pending.certificate, 4)
    hold.wait()
    pending.ask_by_key()
    hold.let_go()
    assert pending.by_account.end().status == 200
    assert pending.by_key.end().status == 503
    wait_until(lambda: is_settled(pending.gateway, pending.certificate, 1), "the correction")
    reply = pending.client.revoke(pending.certificate, 1, pending.key)
    assert (reply.status, reply.problem) == (400, "alreadyRevoked")
    assert "Reason keyCompromise is recorded here" in reply.json()["detail"]


def test_P1_key_compromise_by_the_key_outlasts_a_failed_attempt_with_another_reason(pending):
    pending.proxy.replace["revoke"] = answer(503, message="later")
    hold = pending.proxy.hold_request("revoke")
    pending.by_account = Background(pending.client.revoke, pending.certificate, 4)
    hold.wait()
    pending.ask_by_key()
    hold.let_go()
    assert {pending.by_account.end().status, pending.by_key.end().status} == {503}
    assert pending.reason() == 1
    del pending.proxy.replace["revoke"]
    assert pending.client.revoke(pending.certificate, 1, pending.key).status == 200
    assert pending.ca.revoked()[pending.certificate.serial_number] == "keyCompromise"


def test_P1_key_compromise_by_the_key_is_kept_while_the_ca_is_asked_for_a_correction(pending):
    client, certificate = pending.client, pending.certificate
    revoked_by_an_older_version(pending.gateway, pending.ca, certificate, 8)
    hold = pending.proxy.hold_answer("revoke")
    pending.by_account = Background(client.revoke, certificate, 4)
    hold.wait()
    pending.by_key = Background(client.revoke, certificate, 1, pending.key)
    wait_until(lambda: row_of(pending.gateway, certificate)["revocation_correction"] == 1, "the request by key")
    hold.let_go()
    assert pending.by_account.end().status == 400 and pending.by_key.end().status == 503
    wait_until(lambda: is_settled(pending.gateway, certificate, 1), "the correction of the correction")


@pytest.mark.check(48)
def test_twice_is_already_revoked(issued):
    client, certificate, _ = issued
    assert client.revoke(certificate, 1).status == 200
    reply = client.revoke(certificate, 1)
    assert (reply.status, reply.problem) == (400, "alreadyRevoked")


def test_a_certificate_of_another_ca_is_unknown(current_site):
    key = new_key()
    certificate = Authority("another root").issue(key.public_key(), [fresh_name()])
    reply = current_site.gateway.client().revoke(certificate, 1, key)
    assert (reply.status, reply.problem) == (404, "malformed")


@pytest.mark.check(48)
@pytest.mark.parametrize("fresh", [False, True], ids=["database in use", "database just made"])
def test_one_that_the_ca_signed_without_us_by_its_key(step_ca, new_gateway, responder, fresh):
    """A host that was on native sign before, or a database that was lost."""
    gateway, key, name = new_gateway(step_ca).start(), new_key(), fresh_name()
    client = gateway.client()
    if not fresh:
        client.issue([fresh_name()], HttpProver(responder(gateway)))
    certificate = step_ca.sign_directly(key, name)
    stored = "SELECT * FROM v_certificates WHERE names = ?"
    for reply in (client.revoke(certificate, 1, new_key()), client.revoke(certificate, 1)):
        assert (reply.status, reply.problem) == (403, "unauthorized"), reply
        assert gateway.query(stored, name) == []
    assert client.revoke(certificate, 4, key).status == 200
    assert step_ca.revoked()[certificate.serial_number] == "superseded"
    (row,) = gateway.query(stored, name)
    assert (row["state"], row["origin"], row["revocation_requested_by"]) == ("revoked", "external", "certificate key")
    assert row["account"] is None and row["issuer"] == "main"
    kinds = [event["kind"] for event in gateway.query("SELECT kind FROM events WHERE certificate_id = ?", row["id"])]
    assert kinds == ["certificate.found", "revocation.requested", "certificate.revoked"]
    again = client.revoke(certificate, 4, key)
    assert (again.status, again.problem) == (400, "alreadyRevoked")
    url = client.directory["newOrder"].replace("new-order", f"certificate/{row['id']}")
    assert (client.post(url).status, client.post(url).problem) == (404, "malformed")


def test_revoked_at_the_ca_already_counts_as_confirmed(current_site, issued):
    """Someone revoked it there, with the CA's own tools: ours is confirmed, not failed."""
    client, certificate, _ = issued
    current_site.ca.revoke_directly(certificate, 4)
    reply = client.revoke(certificate, 1)
    assert reply.status == 200 or reply.problem == "alreadyRevoked"
    (row,) = current_site.gateway.query(
        "SELECT state FROM v_certificates WHERE serial = ?", f"{certificate.serial_number:x}"
    )
    assert row["state"] == "revoked"
