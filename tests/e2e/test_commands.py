# SPDX-License-Identifier: Apache-2.0
"""The operator's commands on the database: account, order, cert, db backup, while the server runs and without it."""

import json
import sqlite3

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver, Refused
from support.background import Background
from support.gateway import run_command
from support.tools import acmegate
from support.waiting import wait_until


@pytest.fixture
def gateway(new_gateway, step_ca):
    return new_gateway(step_ca).start()


def run(gateway, *words):
    status, said, complaint = gateway.run(*words)
    assert status == 0, complaint
    return said


def rows(gateway, *words):
    return [json.loads(line) for line in run(gateway, *words, "--json").splitlines()]


def last(url):
    return url.rsplit("/", 1)[1]


# ---- account ----


def test_accounts_are_listed_and_shown(gateway):
    gateway.configuration["endpoints"]["other"] = {"profiles": ["default"]}
    gateway.stop()
    gateway.start()
    clients = [gateway.client(), gateway.client(endpoint="other"), gateway.client()]
    clients[0].post(clients[0].account, {"contact": ["mailto:ops@e2e.internal"]})
    ids = [int(last(client.account)) for client in clients]
    assert [row["id"] for row in rows(gateway, "account", "list")] == ids[::-1]
    assert [row["id"] for row in rows(gateway, "account", "list", "--endpoint", "other")] == [ids[1]]
    assert [row["id"] for row in rows(gateway, "account", "list", "--limit", "1", "--before", ids[2])] == [ids[1]]
    assert rows(gateway, "account", "list", "--state", "revoked") == []
    table = run(gateway, "account", "list").splitlines()
    assert table[0].split()[:2] == ["id", "endpoint"] and table[3].split()[:3] == [str(ids[0]), "acme", "valid"]
    (shown,) = rows(gateway, "account", "show", ids[0])
    assert (shown["contacts"], shown["orders"]) == (["mailto:ops@e2e.internal"], 0)
    assert f"id                       {ids[0]}\n" in run(gateway, "account", "show", clients[0].account)
    assert gateway.run("account", "show", "1")[0] == 1


def test_an_account_that_the_operator_ended(gateway):
    client = gateway.client()
    run(gateway, "account", "deactivate", last(client.account))
    with pytest.raises(Refused, match="unauthorized.*revoked"):
        client.order([fresh_name()])
    (event,) = gateway.query("SELECT who, account FROM v_events WHERE kind = 'account.revoked'")
    assert event == {"who": "operator", "account": int(last(client.account))}
    assert [row["state"] for row in rows(gateway, "account", "list", "--state", "revoked")] == ["revoked"]
    status, _, words = gateway.run("account", "deactivate", last(client.account))
    assert status == 1 and "is already revoked" in words
    assert "no account with the id 77" in gateway.run("account", "deactivate", "77")[2]


# ---- order ----


def test_orders_are_listed_and_shown(gateway, responder):
    client, name = gateway.client(), fresh_name()
    client.issue([name], HttpProver(responder(gateway)))
    waiting = client.order([fresh_name(), name])
    gateway.client().order([fresh_name()])
    assert [row["state"] for row in rows(gateway, "order", "list", "--name", name)] == ["pending", "valid"]
    assert len(rows(gateway, "order", "list", "--account", last(client.account))) == 2
    assert [row["names"] for row in rows(gateway, "order", "list", "--state", "valid")] == [[name]]
    assert [last(waiting.location), "pending"] in [line.split()[:2] for line in run(gateway, "order", "list").splitlines()]
    (shown,) = rows(gateway, "order", "show", waiting.location)
    assert shown["id"] == int(last(waiting.location)) and "has not asked" in shown["blocked_on"]
    status, said, words = gateway.run("order", "list", "--limit", "1")
    assert status == 0 and len(said.splitlines()) == 2 and "--before" in words


# ---- gateway ----


def test_the_gateway_that_serves_is_listed(gateway):
    version = json.loads(run_command(acmegate(), "version", "--json")[1])["version"]
    gateway.stop()
    gateway.configuration["gateway_id"] = "the one"
    gateway.start()
    (row,) = rows(gateway, "gateway", "list", "--state", "serving")
    assert (row["name"], row["version"], row["state"], row["number"]) == ("the one", version, "serving", 1)
    table = run(gateway, "gateway", "list").splitlines()
    assert table[0].split() == ["name", "version", "state", "started", "seen"] and len(table) == 3
    assert table[1].split()[:5] == ["the", "one", version, "serving", row["started"]]
    gateway.stop()
    assert [row["state"] for row in rows(gateway, "gateway", "list") if row["name"] == "the one"] == ["stopped"]
    gateway.store.execute("UPDATE gateways SET seen_at = seen_at - 100000", ())
    assert rows(gateway, "gateway", "list") == []
    assert len(rows(gateway, "gateway", "list", "--all")) == 2


# ---- cert ----


@pytest.mark.parametrize("running", [True, False], ids=["server running", "no server"])
def test_a_certificate_is_revoked(gateway, responder, step_ca, running):
    client, name = gateway.client(), fresh_name()
    certificate = client.issue([name], HttpProver(responder(gateway)))[0]
    serial = f"{certificate.serial_number:x}"
    assert [row["serial"] for row in rows(gateway, "cert", "list", "--name", name)] == [serial]
    if not running:
        gateway.stop()
    padded = f"{certificate.serial_number:040X}"
    colons = ":".join(padded[i : i + 2] for i in range(0, 40, 2))
    said = run(gateway, "cert", "revoke", colons, "--reason", "keyCompromise")
    assert ("the running server tells the CA now" if running else "the next start tells the CA") in said
    if not running:
        assert certificate.serial_number not in step_ca.revoked()
        gateway.start()

    def confirmed():
        return [row["state"] for row in rows(gateway, "cert", "show", serial)] == ["revoked"]

    wait_until(confirmed, "the CA to confirm")
    assert step_ca.revoked()[certificate.serial_number] == "keyCompromise"
    (event,) = gateway.query("SELECT who FROM events WHERE kind = 'revocation.requested'")
    assert event["who"] == "operator"
    status, _, words = gateway.run("cert", "revoke", serial)
    assert status == 1 and "already revoked" in words


def test_P1_revocations_that_are_refused(gateway):
    assert "no certificate in this database" in gateway.run("cert", "revoke", "1a2b")[2]
    for reason, words in (("boredom", "is not a reason of RFC 5280"), ("removeFromCRL", "is for delta CRLs"), ("certificatehold", "suspends")):
        status, _, said = gateway.run("cert", "revoke", "1a2b", "--reason", reason)
        assert status == 2 and words in said
    assert gateway.run("cert", "revoke", "no-serial")[0] == 2


# ---- db backup ----


@pytest.mark.sqlite("`db backup` and `db restore` are of the file; PostgreSQL has its own")
def test_a_backup_of_a_busy_server_can_be_served(gateway, tmp_path, responder):
    client = gateway.client()
    told = []

    def order_until_killed():
        while True:
            told.append(client.order([fresh_name()]).location)

    asking = Background(order_until_killed)
    wait_until(lambda: len(told) > 5, "orders")
    known = len(told)
    copy = tmp_path / "copy.db"
    run(gateway, "db", "backup", copy)
    gateway.kill()
    asking.end_anyhow()
    count = sqlite3.connect(copy).execute("SELECT count(*) FROM orders").fetchone()[0]
    assert count >= known
    status, _, words = gateway.run("db", "backup", copy)
    assert status == 1 and "exists" in words
    gateway.lose_database()
    copy.rename(gateway.database)
    assert "the file is whole" in run(gateway, "db", "check")
    gateway.start()
    client.issue([fresh_name()], HttpProver(responder(gateway)))
    assert client.get(told[0])["status"] == "pending"
