# SPDX-License-Identifier: Apache-2.0
"""External account binding (RFC 8555 §7.3.4) and the keys' own policies."""

import json
import re
import time

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import AcmeClient, HttpProver, Refused
from support.certificates import names_of, new_key
from support.clients import Certbot, Lego
from support.eab import add_key, binding
from support.jose import b64, public_jwk
from support.page import Host, Page
from support.waiting import wait_until


@pytest.fixture
def gateway(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    gateway.configuration["profiles"]["short"] = {"issuer": "main", "max_ttl": "1h"}
    gateway.configuration["endpoints"] = {
        "acme": {"profiles": ["default", "short"], "eab": "required"},
        "may": {"profiles": ["default"], "eab": "optional"},
        "open": {"profiles": ["default"]},
    }
    return gateway.start()


def client_of(gateway, endpoint="acme", key=None):
    return AcmeClient(gateway.directory(endpoint), gateway.root_path, key)


def register(client, **members):
    return client.post(client.directory["newAccount"], {"termsOfServiceAgreed": True, **members}, with_jwk=True)


@pytest.mark.check(25)
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_bound_account_shows_its_binding(gateway, algorithm):
    kid, mac_key = add_key(gateway, "--comment", "web servers")
    client = client_of(gateway)
    assert client.directory["meta"]["externalAccountRequired"] is True
    bound = binding(client, kid, mac_key, algorithm)
    reply = register(client, externalAccountBinding=bound)
    assert reply.status == 201, reply
    assert reply.json()["externalAccountBinding"] == bound
    (row,) = gateway.query("SELECT eab_kid FROM v_accounts WHERE id = ?", reply.location.split("/")[-1])
    assert row["eab_kid"] == kid
    (key,) = gateway.query("SELECT state, uses, comment FROM v_eab_keys WHERE kid = ?", kid)
    assert key == {"state": "good", "uses": 1, "comment": "web servers"}


@pytest.mark.check(25)
def test_without_a_binding(gateway):
    reply = register(client_of(gateway))
    assert (reply.status, reply.problem) == (403, "externalAccountRequired"), reply
    assert register(client_of(gateway, "may")).status == 201
    assert register(client_of(gateway, "open")).status == 201
    assert "externalAccountRequired" not in client_of(gateway, "may").directory["meta"]


def test_where_it_is_off_a_binding_is_not_looked_at(gateway):
    client = client_of(gateway, "open")
    assert register(client, externalAccountBinding={"nothing": 1}).status == 201


@pytest.mark.check(25)
def test_a_key_that_has_an_account_gets_it_whatever_binding_comes(gateway):
    kid, mac_key = add_key(gateway, "--uses", "1")
    client = client_of(gateway)
    made = register(client, externalAccountBinding=binding(client, kid, mac_key))
    for again in ({}, {"externalAccountBinding": binding(client, kid, mac_key)}):
        reply = register(client, **again)
        assert (reply.status, reply.location) == (200, made.location), reply


# Each as the text of a member that the binding has besides: it was written out again before anybody verified it.
ODD_NUMBERS = {"1e999": 400, "-1e999": 400, "[{\"y\":1e309}]": 400, "9" * 400: 400, "1e308": 201, "-0.0": 201, "1e-999": 201}


@pytest.mark.parametrize("number", ODD_NUMBERS, ids=lambda number: number[:20])
def test_S1_numbers_in_a_binding_never_end_the_server(gateway, number):
    kid, mac_key = add_key(gateway)
    client = client_of(gateway)
    good = json.dumps({"externalAccountBinding": {**binding(client, kid, mac_key), "x": "HERE"}})
    reply = client.post(client.directory["newAccount"], good.replace('"HERE"', number).encode(), with_jwk=True)
    assert reply.status == ODD_NUMBERS[number], reply
    assert reply.status == 201 or reply.problem == "malformed"
    assert client_of(gateway, "open").directory["newAccount"], "the server still answers"


MALFORMED = {
    "a nonce in its header": {"header": {"nonce": "AAAA"}},
    "no kid": {"header": {"kid": None}},
    "another url": {"header": {"url": "https://localhost/acme/acme/new-order"}},
    "no url": {"header": {"url": None}},
    "another key inside": {"payload": public_jwk(new_key())},
    "no key inside": {"payload": {"x": 1}},
    "a signature's algorithm": {"header": {"alg": "ES256"}},
    "no algorithm at all": {"header": {"alg": "none"}},
}


@pytest.mark.check(25)
@pytest.mark.parametrize("case", MALFORMED, ids=list(MALFORMED))
def test_malformed_bindings(gateway, case):
    kid, mac_key = add_key(gateway)
    client = client_of(gateway)
    reply = register(client, externalAccountBinding=binding(client, kid, mac_key, **MALFORMED[case]))
    assert (reply.status, reply.problem) == (400, "malformed"), reply
    assert gateway.query("SELECT uses FROM eab_keys")[0]["uses"] == 0


@pytest.mark.parametrize("value", [1, "x", [], {}, {"protected": "", "payload": "", "signature": ""}])
def test_what_is_no_binding_at_all(gateway, value):
    reply = register(client_of(gateway), externalAccountBinding=value)
    assert (reply.status, reply.problem) == (400, "malformed"), reply


@pytest.mark.check(25)
def test_keys_that_are_not_good(gateway):
    """Unknown, of another endpoint, another MAC key, used up, expired, revoked: no account, and no use counted."""
    good = add_key(gateway, "--kid", "good")
    used_up = add_key(gateway, "--kid", "used-up", "--uses", "1")
    expired = add_key(gateway, "--kid", "expired", "--expires", "1s")
    revoked = add_key(gateway, "--kid", "revoked")
    elsewhere = add_key(gateway, "--kid", "elsewhere", endpoint="may")
    first = client_of(gateway)
    assert register(first, externalAccountBinding=binding(first, *used_up)).status == 201
    assert gateway.run("eab", "revoke", "acme", "revoked")[0] == 0
    (until,) = gateway.query("SELECT expires_at AS at FROM eab_keys WHERE kid = 'expired'")
    wait_until(lambda: time.time() > until["at"], "the key to expire")
    before = gateway.query("SELECT kid, uses FROM eab_keys ORDER BY kid")
    for kid, mac_key in (used_up, expired, revoked, elsewhere, ("unknown", good[1]), ("good", used_up[1])):
        client = client_of(gateway)
        reply = register(client, externalAccountBinding=binding(client, kid, mac_key))
        assert (reply.status, reply.problem) == (403, "unauthorized"), (kid, reply)
    assert gateway.query("SELECT kid, uses FROM eab_keys ORDER BY kid") == before
    states = {row["kid"]: row["state"] for row in gateway.query("SELECT kid, state FROM v_eab_keys")}
    assert states == {
        "good": "good", "used-up": "used up", "expired": "expired", "revoked": "revoked", "elsewhere": "good",
    }


@pytest.mark.check(25, 30)
def test_a_keys_policy_limits_orders(gateway, responder):
    name = fresh_name()
    options = ["--allow", f"{name},*.{name}", "--deny", f"secret.{name}", "--profiles", "short"]
    kid, mac_key = add_key(gateway, *options)
    client = client_of(gateway)
    client.register(externalAccountBinding=binding(client, kid, mac_key))
    assert len(client.issue([name], HttpProver(responder(gateway)), profile="short")) == 2
    for names, members, problem, status in (
        ([name], {}, "invalidProfile", 400),
        ([fresh_name()], {"profile": "short"}, "rejectedIdentifier", 403),
        ([f"secret.{name}"], {"profile": "short"}, "rejectedIdentifier", 403),
    ):
        with pytest.raises(Refused) as refused:
            client.order(names, **members)
        assert (refused.value.reply.status, refused.value.reply.problem) == (status, problem), refused.value.reply
    assert gateway.run("eab", "revoke", "acme", kid)[0] == 0
    with pytest.raises(Refused) as refused:
        client.order([name], profile="short")
    assert refused.value.reply.problem == "unauthorized" and "revoked" in refused.value.reply.detail
    refusals = gateway.query("SELECT detail FROM v_events WHERE kind = 'order.refused' ORDER BY id")
    assert len(refusals) == 4 and name in refusals[1]["detail"] + refusals[2]["detail"]


@pytest.mark.sqlite("it reads the file")
def test_the_mac_key_is_not_in_the_database(gateway):
    _, mac_key = add_key(gateway)
    for path in gateway.folder.glob("acmegate.db*"):
        if path.suffix != ".secret":
            text = path.read_bytes()
            assert mac_key not in text and b64(mac_key).encode() not in text
    assert gateway.beside("secret").stat().st_mode & 0o777 == 0o600


def test_keys_survive_a_restart_and_need_the_secret_file(gateway):
    kid, mac_key = add_key(gateway)
    secret = gateway.beside("secret")
    gateway.stop()
    kept = secret.read_bytes()
    secret.write_bytes(bytes(32))
    with pytest.raises(RuntimeError, match="1 of 1 external account keys were sealed with another file"):
        gateway.start()
    add_key(gateway)  # one that the file opens: the server starts, and only the other one is lost
    gateway.start()
    client = client_of(gateway)
    reply = register(client, externalAccountBinding=binding(client, kid, mac_key))
    assert (reply.status, reply.problem) == (500, "serverInternal"), reply
    assert "secret_key_path" in gateway.process.output()
    gateway.stop()
    secret.write_bytes(b"short")
    status, _, words = gateway.run("eab", "add", "acme")
    assert status == 1 and "is not a key file" in words
    secret.write_bytes(kept)
    gateway.start()
    client = client_of(gateway)
    assert register(client, externalAccountBinding=binding(client, kid, mac_key)).status == 201


@pytest.mark.parametrize(
    "arguments",
    [
        ["add"],
        ["add", "nowhere"],
        ["add", "acme", "--uses", "0"],
        ["add", "acme", "--uses", "many"],
        ["add", "acme", "--expires", "soon"],
        ["add", "acme", "--allow", "a b"],
        ["add", "acme", "--allow", "https://x"],
        ["add", "acme", "--profiles", "other"],
        ["add", "acme", "--kid", "a b"],
        ["add", "acme", "--kid", "-a"],
        ["add", "acme", "--color", "red"],
        ["revoke", "acme"],
        ["list", "all"],
        [],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_commands_that_are_not_understood_change_nothing(gateway, arguments):
    status, _, words = gateway.run("eab", *arguments)
    assert status == 2 and words
    assert gateway.query("SELECT count(*) AS n FROM eab_keys")[0]["n"] == 0


def test_no_kid_or_key_looks_like_an_option(gateway):
    """One in 64 would begin with '-': certbot and our own commands take that for an option. Each shown here has a
    clear first bit, which thirty of them do not have by chance."""
    shown = [add_key(gateway) for _ in range(30)]
    assert all(re.match("[A-Za-f]", text) for kid, mac_key in shown for text in (kid, b64(mac_key))), shown


def test_the_list_and_what_cannot_be_done_twice(gateway):
    add_key(gateway, "--kid", "one", "--uses", "5", "--comment", "for the lab")
    status, said, _ = gateway.run("eab", "list")
    assert status == 0 and re.search(r"acme +one +good +0 +5 +for the lab", said), said
    (row,) = [json.loads(line) for line in gateway.run("eab", "list", "--endpoint", "acme", "--json")[1].splitlines()]
    assert (row["kid"], row["state"], row["uses"], row["max_uses"], row["expires"]) == ("one", "good", 0, 5, None)
    assert gateway.run("eab", "list", "--state", "revoked", "--json")[:2] == (0, "")
    status, _, words = gateway.run("eab", "add", "acme", "--kid", "one")
    assert status == 1 and "already" in words
    assert gateway.run("eab", "revoke", "acme", "one")[0] == 0
    status, _, words = gateway.run("eab", "revoke", "acme", "one")
    assert status == 1 and "already revoked" in words
    kinds = [row["kind"] for row in gateway.query("SELECT kind FROM events WHERE who = 'operator' ORDER BY id")]
    assert kinds == ["eab.added", "eab.revoked"]


def test_the_lines_of_the_page(gateway, tmp_path):
    page, host = Page("docs/eab.md"), Host(tmp_path, gateway, {"add acme": "add acme --kid web"})
    host.programs["acmegate"] = tools.acmegate()
    host.environment = {"ACMEGATE_CONFIG": str(gateway.config_path)}
    assert host.run(page.lines["eab", "add"]).startswith("kid       web\nhmac key  ")
    assert "web team, Ada" in host.run(page.lines["eab", "list"])
    host.run(page.lines["eab", "revoke"].replace("KID", "web"))
    (row,) = gateway.query("SELECT state, max_uses, names_allow FROM v_eab_keys WHERE kid = 'web'")
    assert row == {"state": "revoked", "max_uses": 20, "names_allow": "*.web.internal"}


def test_certbot_and_lego_register_with_a_key(gateway, tmp_path, name_server):
    certbot, lego = Certbot(gateway, tmp_path / "certbot", name_server), Lego(gateway, tmp_path / "lego", name_server)
    kid, mac_key = add_key(gateway)
    name = fresh_name()
    certbot.call(
        "certonly", "--agree-tos", "--register-unsafely-without-email", "--eab-kid", kid, "--eab-hmac-key", b64(mac_key),
        "--standalone", "--http-01-address", "127.0.0.1", "--http-01-port", gateway.http_port, "-d", name,
    )
    assert names_of(certbot.chain(name)[0]) == [name]
    http = ["--eab", "--kid", kid, "--hmac", b64(mac_key), "--http", "--http.port", f"127.0.0.1:{gateway.http_port}"]
    lego.call([name], http, "run")
    assert names_of(lego.chain(name)[0]) == [name]
    assert gateway.query("SELECT uses FROM eab_keys")[0]["uses"] == 2
