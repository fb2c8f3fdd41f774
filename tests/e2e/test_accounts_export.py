# SPDX-License-Identifier: Apache-2.0
"""Accounts survive their database: export, import, what is refused, and the file that a running server keeps."""

import json
import os
import re
import stat

import pytest

from client_scenarios import fresh_name
from support import jose
from support.acme_client import AcmeClient, HttpProver, Refused
from support.certificates import new_key
from support.eab import add_key, binding
from support.jose import flattened, public_jwk
from support.waiting import wait_until
from test_eab import client_of, register


def lose_database(gateway):
    gateway.lose_database()
    assert gateway.run("db", "migrate")[0] == 0


@pytest.fixture
def keeping(gateway):
    """It keeps an export, brought up to date every second."""
    gateway.configuration["accounts"] = {"export_path": str(gateway.folder / "accounts.export"), "export_every": "1s"}
    return gateway.start()


def exported(gateway):
    """The accounts in the file that it keeps."""
    path = gateway.folder / "accounts.export"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [line for line in lines if line["type"] == "account"]


def ids(gateway):
    return [row["id"] for row in gateway.query("SELECT id FROM accounts ORDER BY id")]


def export(gateway, path):
    status, _, words = gateway.run("account", "export", "--out", path)
    assert status == 0, words
    return path


def test_what_stands_in_an_export(gateway, tmp_path):
    client = client_of(gateway.start()).register(contact=["mailto:ops@e2e.internal"])
    path = export(gateway, tmp_path / "accounts")
    head, account, end = [json.loads(line) for line in path.read_text().splitlines()]
    assert head.keys() == {"type", "version", "exportedAt"} and head["version"] == 1
    assert account["id"] == int(client.account.rsplit("/", 1)[1]) and account["contact"] == ["mailto:ops@e2e.internal"]
    assert account["key"].keys() == {"crv", "kty", "x", "y"}
    assert end == {"type": "end", "accounts": 1, "externalAccountKeys": 0}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    status, said, _ = gateway.run("account", "export")
    assert status == 0 and [json.loads(line)["type"] for line in said.splitlines()] == [head["type"], "account", "end"]


def test_an_import_into_a_running_server(gateway, tmp_path, responder):
    client, prover = gateway.start().client(), HttpProver(responder(gateway))
    ended = gateway.client()
    ended.post(ended.account, {"status": "deactivated"})
    path = export(gateway, tmp_path / "accounts")
    lose_database(gateway)
    gateway.start()
    with pytest.raises(Refused, match="accountDoesNotExist"):
        client.order([fresh_name()])
    assert gateway.run("account", "import", path)[0] == 0
    client.issue([fresh_name()], prover)
    with pytest.raises(Refused, match="unauthorized"):
        ended.order([fresh_name()])
    rows = gateway.query("SELECT who, detail, account FROM v_events WHERE kind = 'account.imported' ORDER BY id")
    assert [row["who"] for row in rows] == ["operator", "operator"] and {row["account"] for row in rows} == set(ids(gateway))
    newer = gateway.client()
    assert int(newer.account.rsplit("/", 1)[1]) > max(ids(gateway)[:-1])
    status, said, _ = gateway.run("account", "import", path)
    assert (status, said.split(" (")[0]) == (0, "added 0, ended 0, changed 0, unchanged 2, refused 0")


def test_clients_that_registered_again_meanwhile(gateway, tmp_path):
    gateway.start()
    again, other = gateway.client(key=new_key()), gateway.client()
    path = export(gateway, tmp_path / "accounts")
    lose_database(gateway)
    gateway.start()
    fresh = AcmeClient(gateway.directory(), gateway.root_path, again.key).register()
    status, said, words = gateway.run("account", "import", path)
    assert status == 1 and said.startswith("added 1, ended 0, changed 0, unchanged 0, refused 1 ")
    assert re.search(r"line 2 is refused: account \d+ .*: its key has account \d+ here", words)
    assert fresh.order([fresh_name()]).status == 201 and other.order([fresh_name()]).status == 201


def test_a_file_that_breaks_off_is_told_and_what_is_there_is_taken(gateway, tmp_path):
    gateway.start()
    clients = [gateway.client() for _ in range(3)]
    lines = export(gateway, tmp_path / "accounts").read_text().splitlines(keepends=True)
    lose_database(gateway)
    torn = tmp_path / "torn"
    torn.write_text("".join(lines[:3]) + lines[3][:50])
    status, said, words = gateway.run("account", "import", torn)
    assert status == 1 and said.startswith("added 2, ") and "line 4 is refused: not JSON" in words
    assert "it ends early, after line 4" in words
    torn.write_text("".join(lines[:2] + lines[3:]))
    status, said, words = gateway.run("account", "import", torn)
    assert status == 1 and said.startswith("added 1, ") and "it had 3 accounts" in words
    gateway.start()
    for client in clients:
        assert client.order([fresh_name()]).status == 201


@pytest.mark.parametrize("text", ["", "{}\n", '{"type":"end","accounts":0,"externalAccountKeys":0}\n', "\0" * 5000, "x" * 70000], ids=len)
def test_what_is_no_export(gateway, tmp_path, text):
    gateway.run("db", "migrate")
    path = tmp_path / "accounts"
    path.write_text(text)
    status, _, words = gateway.run("account", "import", path)
    assert status == 1 and "this is not an export of accounts" in words


def test_a_binding_and_its_policy_survive(gateway, tmp_path, responder):
    gateway.configuration["endpoints"]["acme"]["eab"] = "required"
    kid, mac_key = add_key(gateway.start(), "--allow", "*.web.internal", "--uses", "2")
    bound = client_of(gateway)
    bound.account = register(bound, externalAccountBinding=binding(bound, kid, mac_key)).location
    path = export(gateway, tmp_path / "accounts")
    lose_database(gateway)
    status, said, words = gateway.run("account", "import", path)
    assert status == 0 and said.startswith("added 2, "), words
    gateway.start()
    bound.issue(["a.web.internal"], HttpProver(responder(gateway)))
    with pytest.raises(Refused, match="rejectedIdentifier"):
        bound.order(["a.internal"])
    for status in (201, 403):  # one use was left
        other = client_of(gateway)
        assert register(other, externalAccountBinding=binding(other, kid, mac_key)).status == status


# ---- the file that a running server keeps ----


def test_the_file_follows_the_accounts(keeping):
    client = keeping.client()
    wait_until(lambda: len(exported(keeping)) == 1, "the export to have the account")
    path = keeping.folder / "accounts.export"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.stat().st_ino
    client.order([fresh_name()])  # no account has changed
    client.post(client.account, {"status": "deactivated"})
    wait_until(lambda: exported(keeping)[0]["status"] == "deactivated", "the export to have its end")
    assert path.stat().st_ino != before
    keeping.client()
    keeping.stop()  # the log is whole: its lines follow the file
    assert keeping.process.output().count("exported 1 accounts") == 2
    assert len(exported(keeping)) == 2
    assert not list(keeping.folder.glob("accounts.export.*"))


def test_a_new_database_does_not_overwrite_the_export(keeping):
    client = keeping.client()
    wait_until(lambda: exported(keeping), "the export")
    lose_database(keeping)
    keeping.start()
    wait_until(lambda: "has 1 accounts or external account keys that this database lacks" in keeping.process.output(), "the complaint")
    assert len(exported(keeping)) == 1
    status, _, words = keeping.run("account", "export", "--out", keeping.folder / "accounts.export")
    assert status == 1 and "lacks" in words
    keeping.client()
    assert keeping.run("account", "import", keeping.folder / "accounts.export")[0] == 0
    wait_until(lambda: len(exported(keeping)) == 2, "the export to go on")
    assert client.order([fresh_name()]).status == 201


def change_key(client, new):
    url = client.directory["keyChange"]
    protected = {"alg": jose.algorithm(new), "jwk": public_jwk(new), "url": url}
    return client.post(url, flattened(new, protected, {"account": client.account, "oldKey": public_jwk(client.key)}))


def put_back_older(gateway, backup):
    gateway.stop()
    gateway.lose_database()
    gateway.database.write_bytes(backup.read_bytes())


@pytest.mark.sqlite("`db backup` and `db restore` are of the file; PostgreSQL has its own")
def test_an_older_database_does_not_overwrite_what_came_after_it(keeping, tmp_path):
    """It has all of the accounts, but not what became of them."""
    backup, path = tmp_path / "backup.db", keeping.folder / "accounts.export"
    ended, rolled = keeping.client(key=new_key()), keeping.client(key=new_key())
    kid, _ = add_key(keeping)
    assert keeping.run("db", "backup", backup)[0] == 0
    ended.post(ended.account, {"status": "deactivated"})
    old, newer = rolled.key, new_key()
    assert change_key(rolled, newer).status == 200
    assert keeping.run("eab", "revoke", "acme", kid)[0] == 0
    keeping.stop()
    after = path.read_text()
    assert '"deactivated"' in after and '"keyChangedAt"' in after

    put_back_older(keeping, backup)
    keeping.start()
    wait_until(lambda: "has 3 accounts or external account keys that this database lacks" in keeping.process.output(), "the complaint")
    assert path.read_text() == after
    status, said, words = keeping.run("account", "import", path)
    assert status == 0 and said.startswith("added 0, ended 2, changed 1, unchanged 0, refused 0"), words
    with pytest.raises(Refused, match="unauthorized"):
        ended.order([fresh_name()])
    rolled.key = newer
    assert rolled.order([fresh_name()]).status == 201
    rolled.key = old
    with pytest.raises(Refused):
        rolled.order([fresh_name()])


def test_keys_alone_are_not_overwritten(keeping):
    add_key(keeping)
    path = keeping.folder / "accounts.export"
    wait_until(lambda: path.exists() and "external account key" in path.read_text(), "the export")
    lose_database(keeping)
    keeping.start()
    wait_until(lambda: "that this database lacks" in keeping.process.output(), "the complaint")
    assert '"external account key"' in path.read_text()


def test_a_key_that_changes_is_no_reason_to_stop(keeping):
    client, path = keeping.client(key=new_key()), keeping.folder / "accounts.export"
    wait_until(lambda: exported(keeping), "the export")
    assert change_key(client, new_key()).status == 200
    wait_until(lambda: "keyChangedAt" in exported(keeping)[0], "the new key")


def test_a_file_that_is_gone_comes_back(keeping):
    keeping.client()
    wait_until(lambda: exported(keeping), "the export")
    (keeping.folder / "accounts.export").unlink()
    wait_until(lambda: exported(keeping), "it to be there again")


def test_what_is_no_file_is_told(gateway, tmp_path):
    gateway.run("db", "migrate")
    os.mkfifo(tmp_path / "pipe")
    status, _, words = gateway.run("account", "export", "--out", tmp_path / "pipe")
    assert status == 1 and "not a regular file" in words
