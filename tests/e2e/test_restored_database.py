# SPDX-License-Identifier: Apache-2.0
"""A back-up that was put back: what was under way when it was made is not signed again, and no URL is given out twice."""

import shutil
import sqlite3

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver, Refused
from support.background import Background
from support.ca_faults import answer, names_in
from support.certificates import names_of, new_key
from support.waiting import wait_until

pytestmark = pytest.mark.sqlite("it tells a copy by the mark beside the file")

DETAIL = "restored from a copy"


@pytest.fixture
def gateway(new_gateway, step_ca, ca_proxy):
    gateway = new_gateway(step_ca, url=ca_proxy.url)
    gateway.configuration["finalize"] = {"hold_reply": "1s"}
    return gateway.start()


def by_backup(gateway, copy):
    """sqlite3's .backup"""
    source, target = sqlite3.connect(gateway.database), sqlite3.connect(copy)
    source.backup(target)
    source.close()
    target.close()


def by_cp(gateway, copy):
    """cp, of the file and its log."""
    shutil.copy(gateway.database, copy)
    log = gateway.database.with_name(gateway.database.name + "-wal")
    if log.exists():
        shutil.copy(log, copy.with_name(copy.name + "-wal"))


def beside(path, suffix):
    return path.with_name(path.name + suffix)


def put_back(gateway, copy):
    for suffix in ("-wal", "-shm"):
        beside(gateway.database, suffix).unlink(missing_ok=True)
        if beside(copy, suffix).exists():
            shutil.copy(beside(copy, suffix), beside(gateway.database, suffix))
    shutil.copy(copy, gateway.database)


def order_id(order):
    return int(order.location.rsplit("/", 1)[1])


def events(gateway, kind="database.restored"):
    return gateway.query("SELECT detail FROM v_events WHERE kind = ?", kind)


def under_way(gateway, ca_proxy, client, prover):
    """An order that waits for the CA, and one that is ready."""
    waiting_name, ready_name = fresh_name(), fresh_name()
    waiting, ready = client.ready_order([waiting_name], prover), client.ready_order([ready_name], prover)
    ca_proxy.replace["sign"] = answer(500, message="out to lunch")
    client.finalize(waiting, [waiting_name])
    wait_until(lambda: gateway.query("SELECT id FROM attempts WHERE status = 'failed'"), "an attempt")
    return (waiting, waiting_name), (ready, ready_name)


def assert_not_signed_again(gateway, ca_proxy, client, waiting, name, asked):
    ended = client.get(waiting.location)
    assert ended["status"] == "invalid" and ended["error"]["type"].endswith(":serverInternal")
    assert DETAIL in ended["error"]["detail"]
    assert [name] not in [names_in(one)[0] for one in ca_proxy.sent("sign")[asked:]]
    (row,) = gateway.query("SELECT state, blocked_on FROM v_orders WHERE id = ?", order_id(waiting))
    assert row["state"] == "invalid" and DETAIL in row["blocked_on"]


@pytest.mark.parametrize("copy_by", [by_backup, by_cp])
def test_what_was_in_processing_is_not_signed_again(gateway, ca_proxy, prover, tmp_path, copy_by):
    client, copy = gateway.client(), tmp_path / "copy.db"
    (waiting, waiting_name), (ready, ready_name) = under_way(gateway, ca_proxy, client, prover)
    copy_by(gateway, copy)

    # Life goes on: the order is signed, another one is made.
    ca_proxy.replace.clear()
    client.certificate(waiting.location, seconds=60)
    later = client.order([fresh_name()])
    gateway.stop()
    put_back(gateway, copy)
    asked = len(ca_proxy.sent("sign"))
    gateway.start()

    assert_not_signed_again(gateway, ca_proxy, client, waiting, waiting_name, asked)
    assert "the database is a restored copy" in gateway.process.output()
    (event,) = events(gateway)
    assert "became invalid: 1" in event["detail"]
    # What needs its client to go on does so.
    client.finalize(ready, [ready_name])
    assert names_of(client.certificate(ready.location)[0]) == [ready_name]
    # No number of the time that was lost is given out again.
    assert order_id(client.order([fresh_name()])) > order_id(later)
    assert client.post(later.location).status == 404

    # It is told once.
    gateway.stop()
    gateway.start()
    assert len(events(gateway)) == 1


def test_accounts_that_are_imported_before_the_start_do_not_hide_it(gateway, ca_proxy, prover, tmp_path):
    """As docs/recovery.md has it: each account that is added is an event of now."""
    client, copy, accounts = gateway.client(), tmp_path / "copy.db", tmp_path / "accounts"
    (waiting, waiting_name), _ = under_way(gateway, ca_proxy, client, prover)
    by_backup(gateway, copy)
    ca_proxy.replace.clear()
    client.certificate(waiting.location, seconds=60)
    gateway.client(key=new_key())
    assert gateway.run("account", "export", "--out", accounts)[0] == 0
    gateway.stop()
    put_back(gateway, copy)
    asked = len(ca_proxy.sent("sign"))
    status, said, words = gateway.run("account", "import", accounts)
    assert status == 0 and said.startswith("added 1, "), words
    gateway.start()
    assert_not_signed_again(gateway, ca_proxy, client, waiting, waiting_name, asked)
    assert len(events(gateway)) == 1


def test_a_server_that_was_killed_is_not_taken_for_a_copy(gateway, ca_proxy, prover):
    client = gateway.client()
    (waiting, name), _ = under_way(gateway, ca_proxy, client, prover)
    gateway.kill()
    ca_proxy.replace.clear()
    gateway.start()
    assert names_of(client.certificate(waiting.location, seconds=60)[0]) == [name]
    assert events(gateway) == []


def test_a_folder_that_was_put_back_as_a_whole_is_told_too(gateway, ca_proxy, prover, tmp_path):
    """The mark beside the database comes back with it, but it is another file."""
    client = gateway.client()
    (waiting, name), _ = under_way(gateway, ca_proxy, client, prover)
    copies = {path: tmp_path / path.name for path in gateway.folder.glob("acmegate.db*")}
    for path, copy in copies.items():
        shutil.copy2(path, copy)
    ca_proxy.replace.clear()
    client.certificate(waiting.location, seconds=60)
    gateway.stop()
    for path in gateway.folder.glob("acmegate.db*"):
        path.unlink()
    for path, copy in copies.items():
        shutil.copy2(copy, path)
    asked = len(ca_proxy.sent("sign"))
    gateway.start()
    assert_not_signed_again(gateway, ca_proxy, client, waiting, name, asked)


def test_O5_a_missing_database_is_not_made_anew(gateway):
    gateway.client()
    gateway.stop()
    gateway.database.unlink()
    gateway.launch()
    assert gateway.process.wait_end() == 1
    words = gateway.process.output()
    assert "the database is missing" in words and "to begin anew" in words
    assert not gateway.database.exists()
    gateway.database.with_name("acmegate.db.mark").unlink()
    gateway.start()
    gateway.client()


def test_O6_a_database_that_is_taken_away_under_the_server(gateway):
    client, elsewhere = gateway.client(), gateway.folder / "elsewhere"
    site = gateway.directory().split("/acme/")[0]
    assert client.raw("GET", site + "/health").status == 200
    gateway.database.rename(elsewhere)
    reply = client.raw("GET", site + "/health")
    assert reply.status == 503 and b"removed or replaced" in reply.body
    with pytest.raises(Refused, match="serverInternal"):
        client.order([fresh_name()])
    assert "the database file was removed or replaced" in gateway.process.output()
    elsewhere.rename(gateway.database)
    assert client.raw("GET", site + "/health").status == 200
    client.order([fresh_name()])


def test_revocations_stay_due(gateway, step_ca, ca_proxy, prover, tmp_path):
    client, name, copy = gateway.client(), fresh_name(), tmp_path / "copy.db"
    certificate = client.issue([name], prover)[0]
    ca_proxy.replace["revoke"] = answer(500, message="out to lunch")
    Background(client.revoke, certificate, 1).end()
    by_backup(gateway, copy)
    client.order([fresh_name()])
    gateway.stop()
    put_back(gateway, copy)
    ca_proxy.replace.clear()
    gateway.start()
    assert len(events(gateway)) == 1
    wait_until(lambda: certificate.serial_number in step_ca.revoked(), "the revocation", 60)


def test_what_is_older_than_give_up_after_is_not_signed_even_where_the_copy_is_not_noticed(
    new_gateway, step_ca, ca_proxy, responder
):
    """A machine put back as a whole, its mark too: the order's age is left to tell."""
    gateway = new_gateway(step_ca, url=ca_proxy.url)
    gateway.configuration["finalize"] = {"hold_reply": "0s", "give_up_after": "2s"}
    gateway.start()
    client = gateway.client()
    (waiting, name), _ = under_way(gateway, ca_proxy, client, HttpProver(responder(gateway)))
    gateway.kill()
    ca_proxy.replace.clear()
    gateway.execute("UPDATE orders SET processing_since = processing_since - 60 WHERE status = 'processing'")
    asked = len(ca_proxy.sent("sign"))
    gateway.start()
    assert "did not sign within" in client.wait_while(waiting.location, "processing")["error"]["detail"]
    assert [name] not in [names_in(one)[0] for one in ca_proxy.sent("sign")[asked:]]
