# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at any moment: after a restart the gateway goes on by itself, and a client that asks again ends with one
certificate. What the CA may have signed without our knowing shows as a possible orphan."""

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.background import Background
from support.certificates import der, names_of, new_csr, new_key
from support.checks import assert_chains_to
from support.jose import b64
from support.waiting import wait_until


@pytest.fixture
def gateway(new_gateway, step_ca, ca_proxy):
    return new_gateway(step_ca, url=ca_proxy.url).start()


def wait_until_processing(gateway, name):
    where = "identifier = ? AND status = 'pending' AND challenge_status = 'processing'"
    wait_until(lambda: gateway.query(f"SELECT id FROM authorizations WHERE {where}", name), f"{name} to be in processing")


def attempts(gateway, order):
    """What became of the calls of /sign for an order, in their order."""
    rows = gateway.query("SELECT status FROM attempts WHERE order_id = ? ORDER BY id", order_id(order))
    return [row["status"] for row in rows]


def order_id(order):
    return int(order.location.rsplit("/", 1)[1])


def certificates(gateway, order):
    return gateway.query("SELECT serial, status FROM certificates WHERE order_id = ?", order_id(order))


def restart(gateway):
    gateway.kill()
    gateway.start()


def assert_one_certificate(gateway, client, order, root):
    """However often it is asked for, it is the same; no other was recorded for the order."""
    chain = client.certificate(order.location)
    assert_chains_to(chain, root)
    assert client.certificate(order.location)[0] == chain[0]
    assert certificates(gateway, order) == [{"serial": f"{chain[0].serial_number:x}", "status": "good"}]
    return chain[0]


def test_killed_when_the_order_was_made(gateway, responder, step_ca):
    client, name, prover = gateway.client(), fresh_name(), HttpProver(responder(gateway))
    order = client.order([name])
    restart(gateway)
    assert client.get(order.location) == order.json()
    client.prove(order.json(), prover)
    assert client.finalize(order, [name]).status == 200
    assert_one_certificate(gateway, client, order, step_ca.root.certificate)


def test_killed_while_a_challenge_is_processing(gateway, responder, step_ca):
    client, name, server = gateway.client(), fresh_name(), responder(gateway)
    order = client.order([name])
    server.hold()
    asking = Background(client.prove, order.json(), HttpProver(server))
    assert server.reached.wait(30)
    wait_until_processing(gateway, name)
    restart(gateway)
    server.release()
    asking.end_anyhow()
    assert client.wait_while(order.location, "pending")["status"] == "ready"
    assert client.finalize(order, [name]).status == 200
    assert_one_certificate(gateway, client, order, step_ca.root.certificate)


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("expired", ["orders", "authorizations", "both"])
def test_S2_what_expires_while_a_challenge_is_processing_is_settled_as_expired(
    gateway, responder, expired, restarted
):
    """The answer to the challenge is right, and comes too late."""
    client, names, server = gateway.client(), [fresh_name(), fresh_name()], responder(gateway)
    order = client.order(names)
    client.answer(order.json()["authorizations"][1], HttpProver(server))
    client.wait_while(order.json()["authorizations"][1], "pending")
    server.hold()
    asking = Background(client.answer, order.json()["authorizations"][0], HttpProver(server))
    assert server.reached.wait(30)
    wait_until_processing(gateway, names[0])
    past = "expires_at = unixepoch() - 5"
    if expired != "authorizations":
        gateway.execute(f"UPDATE orders SET {past} WHERE id = ?", order_id(order))
    if expired != "orders":
        gateway.execute(f"UPDATE authorizations SET {past} WHERE identifier = ?", names[0 if restarted else 1])
    if restarted:
        restart(gateway)
    server.release()
    asking.end_anyhow()
    wait_until(lambda: reason(gateway, order), "the order to end")
    which = f"The authorization for {names[0 if restarted else 1]}" if expired == "authorizations" else "The order"
    error = client.get(order.location)["error"]
    assert error["type"].endswith(":unauthorized") and which in error["detail"] and "expired at" in error["detail"]
    assert reason(gateway, order) == [error["detail"]]
    assert gateway.query("SELECT count(*) AS n FROM authorizations WHERE challenge_status = 'processing'") == [{"n": 0}]
    assert gateway.process.running()


def reason(gateway, order):
    """What the events say of an order that became invalid."""
    rows = gateway.query("SELECT detail FROM events WHERE kind = 'order.invalid' AND order_id = ?", order_id(order))
    return [row["detail"] for row in rows]


def test_killed_before_the_ca_saw_the_request(gateway, responder, step_ca, ca_proxy):
    client, name = gateway.client(), fresh_name()
    order = client.ready_order([name], HttpProver(responder(gateway)))
    hold = ca_proxy.hold_request("sign")
    asking = Background(client.finalize, order, [name])
    hold.wait()
    assert attempts(gateway, order) == ["started"]
    restart(gateway)
    hold.drop()
    asking.end_anyhow()
    assert_one_certificate(gateway, client, order, step_ca.root.certificate)
    assert attempts(gateway, order) == ["unknown", "signed"]


def test_killed_when_the_ca_had_signed_and_nothing_was_recorded(gateway, responder, step_ca, ca_proxy):
    client, name = gateway.client(), fresh_name()
    order = client.ready_order([name], HttpProver(responder(gateway)))
    hold = ca_proxy.hold_answer("sign")
    asking = Background(client.finalize, order, [name])
    hold.wait()
    assert certificates(gateway, order) == []
    restart(gateway)
    hold.drop()
    asking.end_anyhow()
    certificate = assert_one_certificate(gateway, client, order, step_ca.root.certificate)
    assert names_of(certificate) == [name]
    assert attempts(gateway, order) == ["unknown", "signed"]
    (row,) = gateway.query("SELECT state, possible_orphans, attempts FROM v_orders WHERE id = ?", order_id(order))
    assert row == {"state": "valid", "possible_orphans": 1, "attempts": 2}


def test_every_attempt_has_a_token_of_its_own(gateway, responder, ca_proxy):
    client, name = gateway.client(), fresh_name()
    order = client.ready_order([name], HttpProver(responder(gateway)))
    hold = ca_proxy.hold_request("sign")
    asking = Background(client.finalize, order, [name])
    hold.wait()
    restart(gateway)
    hold.drop()
    asking.end_anyhow()
    client.certificate(order.location)
    rows = gateway.query("SELECT token_id FROM attempts WHERE order_id = ?", order_id(order))
    assert len({row["token_id"] for row in rows}) == 2


@pytest.mark.check(43)
def test_the_same_finalize_after_a_restart_signs_nothing_more(gateway, responder, step_ca, ca_proxy):
    client, name = gateway.client(), fresh_name()
    order = client.ready_order([name], HttpProver(responder(gateway)))
    request = {"csr": b64(der(new_csr(new_key(), [name])))}
    client.post(order.json()["finalize"], request)
    certificate = assert_one_certificate(gateway, client, order, step_ca.root.certificate)
    signed = len(ca_proxy.sent("sign"))
    restart(gateway)
    assert client.post(order.json()["finalize"], request).json()["status"] == "valid"
    assert client.certificate(order.location)[0] == certificate
    ours = [row for row in attempts(gateway, order) if row == "signed"]
    assert (
        len(ours) == 1 and len(ca_proxy.sent("sign")) <= signed + 1
    )  # its own certificate may be asked for at a start


def test_killed_while_a_revocation_is_under_way(gateway, responder, step_ca, ca_proxy):
    client, name = gateway.client(), fresh_name()
    certificate = client.issue([name], HttpProver(responder(gateway)))[0]
    hold = ca_proxy.hold_answer("revoke")
    asking = Background(client.revoke, certificate, 1)
    hold.wait()
    restart(gateway)
    hold.drop()
    asking.end_anyhow()

    def state():
        (row,) = gateway.query("SELECT state FROM v_certificates WHERE serial = ?", f"{certificate.serial_number:x}")
        return row["state"] == "revoked"

    wait_until(state, "the revocation to be confirmed", 60)
    assert step_ca.revoked()[certificate.serial_number] == "keyCompromise"


def test_a_stop_while_a_revocation_is_under_way_leaves_nothing_behind(gateway, responder, step_ca, ca_proxy):
    """Memory included: `stop` fails where LeakSanitizer speaks."""
    client, name = gateway.client(), fresh_name()
    certificate = client.issue([name], HttpProver(responder(gateway)))[0]
    hold = ca_proxy.hold_request("revoke")
    asking = Background(client.revoke, certificate, 1)
    hold.wait()
    gateway.stop()
    assert "stopping with work in progress; the next start resumes it" in gateway.process.output()
    hold.drop()
    asking.end_anyhow()
    gateway.start()
    wait_until(lambda: certificate.serial_number in step_ca.revoked(), "the revocation", 60)


def test_all_that_clients_were_told_is_there_after_a_kill(gateway):
    clients = [gateway.client() for _ in range(4)]
    told = [[] for _ in clients]

    def order_until_killed(client, urls):
        while True:
            urls.append((client, client.order([fresh_name()]).location))

    asking = [Background(order_until_killed, client, urls) for client, urls in zip(clients, told)]
    wait_until(lambda: sum(map(len, told)) >= 60, "some orders")
    gateway.kill()
    for one in asking:
        one.end_anyhow()
    gateway.start()
    for client, url in sum(told, []):
        assert client.get(url)["status"] == "pending"
