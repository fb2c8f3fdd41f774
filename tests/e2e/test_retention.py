# SPDX-License-Identifier: Apache-2.0
"""Retention: what is old goes from the database of a running server, and what is needed stays."""

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.clients import Certbot
from support.waiting import wait_until


def count(gateway, table):
    return gateway.query(f"SELECT count(*) AS n FROM {table}")[0]["n"]


def fail_order(client):
    """An order that ended: its authorization was given up."""
    order = client.order([fresh_name()])
    client.post(order.json()["authorizations"][0], {"status": "deactivated"})
    assert client.get(order.location)["status"] == "invalid"


def restart_with(gateway, **retention):
    gateway.stop()
    gateway.configuration["retention"] = retention
    gateway.start()


def wait_past(gateway):
    """Until all that is there is older than a second."""
    newest = "SELECT unixepoch() - max(at) > 2 AS old FROM events"
    wait_until(lambda: gateway.query(newest)[0]["old"], "a moment to pass")


def test_ended_orders_go_and_those_of_living_certificates_stay(gateway, responder, tmp_path, name_server):
    client, prover = gateway.start().client(), HttpProver(responder(gateway))
    living, revoked = client.issue([fresh_name()], prover)[0], client.issue([fresh_name()], prover)[0]
    assert client.revoke(revoked, 4).status == 200
    for _ in range(3):
        fail_order(client)
    waiting = client.order([fresh_name()])
    wait_past(gateway)
    restart_with(gateway, orders="1s", certificates="1s", events="1s")
    wait_until(lambda: "retention: deleted 3 orders" in gateway.process.output(), "a pass")
    states = [row["state"] for row in gateway.query("SELECT state FROM v_orders ORDER BY id")]
    assert states == ["valid", "valid", "pending"]
    assert count(gateway, "certificates") == 2 and count(gateway, "accounts") == 1
    created = [row["order_id"] for row in gateway.query("SELECT order_id FROM events WHERE kind = 'order.created'")]
    assert created == [int(waiting.location.rsplit("/", 1)[1])]  # the newest event stays
    client.prove(waiting.json(), prover)
    assert client.finalize(waiting, [waiting.json()["identifiers"][0]["value"]]).status == 200
    assert client.revoke(living, 1).status == 200
    assert gateway.run("db", "check")[0] == 0


def test_off_keeps_everything(gateway):
    client = gateway.start().client()
    fail_order(client)
    wait_past(gateway)
    before = count(gateway, "events")
    restart_with(gateway, orders="off", certificates="off", events="1s")
    wait_until(lambda: count(gateway, "events") < before, "events to go")
    wait_until(lambda: "retention: deleted" in gateway.process.output(), "the pass to end")
    assert count(gateway, "orders") == 1 and count(gateway, "authorizations") == 1


def test_a_clock_that_is_far_ahead_deletes_nothing(gateway):
    """As if all had happened 60 days ago, and nothing since."""
    client = gateway.start().client()
    fail_order(client)
    gateway.stop()
    days = 60 * 86400
    gateway.execute("UPDATE events SET at = at - ?, id = id - ?", days, days * 4096000)
    gateway.execute("UPDATE orders SET status_since = status_since - ?", days)
    before = count(gateway, "events")
    restart_with(gateway, orders="1s", certificates="1s", events="1s")
    wait_until(lambda: "retention: nothing is deleted until" in gateway.process.output(), "the warning")
    assert count(gateway, "events") >= before and count(gateway, "orders") == 1


def test_certbot_renews_over_a_pass(gateway, tmp_path, name_server):
    client, name = Certbot(gateway.start(), tmp_path / "certbot", name_server), fresh_name()
    client.issue([name])
    restart_with(gateway, orders="1s", certificates="1s", events="1s")
    first = client.chain(name)[0]
    client.renew(name)
    assert client.chain(name)[0] != first
