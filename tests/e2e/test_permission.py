# SPDX-License-Identifier: Apache-2.0
"""What allows a thing is asked again wherever something rests on it: at the order, at finalize, before each signature."""

import time

import pytest

from client_scenarios import fresh_name
from support.acme_client import DnsPersistProver, DnsProver, HttpProver, Refused
from support.ca_faults import names_in
from support.certificates import names_of
from support.waiting import wait_until
from test_eab import add_key, binding, client_of
from test_pre_authorization import pre_authorize, prove

LASTING = {"authorization_lifetime": "48h"}


@pytest.fixture
def start(step_ca, new_gateway):
    """A running gateway, its endpoint with these members: start(ca_url, eab="optional", …)."""

    def make(url=None, **endpoint):
        gateway = new_gateway(step_ca, **({"url": url} if url else {}))
        gateway.configuration["profiles"]["short"] = {"issuer": "main", "max_ttl": "1h"}
        gateway.configuration["endpoints"] = {"acme": {"profiles": ["default", "short"], **endpoint}}
        gateway.configuration["finalize"] = {"hold_reply": "0s"}
        return gateway.start()

    return make


def change(gateway, **endpoint):
    """The configuration has these members from the next start on; None takes one out."""
    gateway.stop()
    members = gateway.configuration["endpoints"]["acme"] | endpoint
    gateway.configuration["endpoints"]["acme"] = {name: value for name, value in members.items() if value is not None}
    gateway.start()


def bound_client(gateway, *options):
    """An account of an external account key, and that key's kid."""
    client, (kid, mac_key) = client_of(gateway), add_key(gateway, *options)
    return client.register(externalAccountBinding=binding(client, kid, mac_key)), kid


def revoke_key(gateway, kid):
    status, _, words = gateway.run("eab", "revoke", "acme", kid)
    assert status == 0, words


def events_of(gateway, order):
    number = order.location.rsplit("/", 1)[1]
    return gateway.query("SELECT kind, who, detail FROM v_events WHERE order_id = ? ORDER BY id", number)


def attempts(gateway):
    return gateway.query("SELECT status FROM attempts")


def signed_for(ca_proxy, after=0):
    """The names that the CA was asked to sign for."""
    return [name for exchange in ca_proxy.sent("sign")[after:] for name in names_in(exchange)[0]]


def assert_ended(gateway, client, order, problem, words):
    """Invalid for good, with the reason in the order and in the audit trail."""
    ended = client.wait_while(order.location, "processing")
    assert ended["status"] == "invalid", ended
    assert ended["error"]["type"].endswith(f":{problem}") and words in ended["error"]["detail"], ended
    last = events_of(gateway, order)[-1]
    assert last["kind"] == "order.invalid" and words in last["detail"], last


def assert_refused_at_finalize(gateway, client, order, name, problem, words):
    reply = client.finalize(order, [name])
    assert (reply.status, reply.problem) == (403 if problem != "invalidProfile" else 400, problem), reply
    assert words in reply.detail, reply
    assert_ended(gateway, client, order, problem, words)
    again = client.finalize(order, [name])
    assert (again.status, again.problem) == (403, "orderNotReady"), again
    assert attempts(gateway) == []


# ---- S3: what dns-persist-01 proves ----


@pytest.mark.check(37, 40)
@pytest.mark.parametrize("parameters, status", [("", "invalid"), ("; policy=host", "invalid"), ("; policy=wildcard", "valid")])
def test_S3_names_below_need_a_record_that_says_so(start, name_server, parameters, status):
    gateway = start(challenges=["dns-persist-01"], issuer_domain_names=["ca.internal"], subdomains=True, **LASTING)
    client, domain = gateway.client(), fresh_name()
    reply = pre_authorize(client, domain, subdomainAuthAllowed=True)
    client.answer(reply.location, DnsPersistProver(name_server, "ca.internal", parameters))
    proven = client.wait_while(reply.location, "pending")
    assert proven["status"] == status, proven
    if status == "invalid":
        assert "policy=wildcard" in client.challenge(proven, "dns-persist-01")["error"]["detail"]
    order = client.order([f"a.{domain}"])
    assert order.json()["status"] == ("ready" if status == "valid" else "pending")


# ---- S4: trust ----


@pytest.mark.check(37)
def test_S4_a_trusted_name_is_no_ancestor(start, name_server):
    gateway = start(trusted={"names": ["zone.test"]}, subdomains=True, **LASTING)
    client = gateway.client()
    trusted = pre_authorize(client, "zone.test")
    assert trusted.json()["status"] == "valid" and "subdomainAuthAllowed" not in trusted.json()
    wide = pre_authorize(client, "zone.test", subdomainAuthAllowed=True)
    assert wide.json()["status"] == "pending" and wide.location != trusted.location
    named = {"type": "dns", "value": "y.zone.test", "ancestorDomain": "zone.test"}
    assert client.order(["x.zone.test"]).json()["status"] == "pending"
    assert client.post(client.directory["newOrder"], {"identifiers": [named]}).json()["status"] == "pending"
    assert client.order(["zone.test"]).json()["status"] == "ready"
    prove(client, wide, DnsProver(name_server))
    assert client.order(["x.zone.test"]).json()["status"] == "ready"


@pytest.mark.check(37)
def test_S4_trust_answers_no_request_for_the_names_below(start):
    gateway = start(challenges=["http-01"], trusted={"names": ["zone.test"]}, subdomains=True, **LASTING)
    reply = pre_authorize(gateway.client(), "zone.test", subdomainAuthAllowed=True)
    assert (reply.status, reply.problem) == (403, "rejectedIdentifier"), reply


TRUST = {
    "name": {"trusted": {"names": ["*.lab.internal"]}},
    "network": {"trusted": {"networks": ["127.0.0.0/8"]}},
    "key": {"eab": "required"},
}


def end_trust(gateway, reason, kid):
    if reason == "key":
        gateway.stop()
        gateway.execute("UPDATE eab_keys SET trusted = 0 WHERE kid = ?", kid)
        gateway.start()
    else:
        change(gateway, trusted=None)


def trusted_client(gateway, reason):
    return bound_client(gateway, "--trusted", "yes") if reason == "key" else (gateway.client(), None)


@pytest.mark.check(35)
@pytest.mark.parametrize("reason", TRUST)
def test_S4_trust_that_ended_allows_nothing(start, reason):
    gateway = start(**TRUST[reason], **LASTING)
    client, kid = trusted_client(gateway, reason)
    name = f"{fresh_name().split('.')[0]}.lab.internal"
    early = pre_authorize(client, name)
    order = client.order([name])
    assert early.json()["status"] == "valid" and order.json()["authorizations"] == [early.location]
    assert [row["basis"] for row in gateway.query("SELECT basis FROM v_authorizations")] == [f"trusted {reason}"]
    end_trust(gateway, reason, kid)
    assert_refused_at_finalize(gateway, client, order, name, "unauthorized", f"valid as a trusted {reason}")
    assert client.order([name]).json()["status"] == "pending"


def test_S4_an_authorization_is_not_reused_for_another_reason(start):
    gateway = start(**TRUST["network"], **LASTING)
    client, name = gateway.client(), f"{fresh_name().split('.')[0]}.lab.internal"
    by_network = pre_authorize(client, name)
    change(gateway, **TRUST["name"])
    order = client.order([name]).json()
    assert order["status"] == "ready" and order["authorizations"] != [by_network.location]


# ---- S15: what an authorization rests on ----


@pytest.fixture
def below(start, name_server):
    """A ready order for a name below a proven domain: (gateway, client, parent's URL, order, name)."""
    gateway = start(subdomains=True, **LASTING)
    client, domain = gateway.client(), fresh_name()
    parent = pre_authorize(client, domain, subdomainAuthAllowed=True)
    prove(client, parent, DnsProver(name_server))
    name = f"a.{domain}"
    order = client.order([name])
    assert order.json()["status"] == "ready"
    return gateway, client, parent.location, order, name


@pytest.mark.check(35)
def test_S15_a_deactivated_parent_ends_what_rests_on_it(below):
    gateway, client, parent, order, name = below
    assert client.post(parent, {"status": "deactivated"}).json()["status"] == "deactivated"
    (inherited,) = order.json()["authorizations"]
    assert client.get(inherited)["status"] == "deactivated"
    ended = client.get(order.location)
    assert ended["status"] == "invalid" and ended["error"]["type"].endswith(":unauthorized"), ended
    assert client.finalize(order, [name]).problem == "orderNotReady"
    assert client.order([name]).json()["status"] == "pending"
    details = [row["detail"] for row in gateway.query("SELECT detail FROM v_events WHERE kind = 'authorization.deactivated'")]
    assert details == [None, f"it rested on authorization {parent.rsplit('/', 1)[1]}"]
    number = order.location.rsplit("/", 1)[1]
    (event,) = gateway.query("SELECT detail FROM v_events WHERE kind = 'order.invalid' AND order_id = ?", number)
    assert event["detail"].startswith("The client deactivated the authorization for ")


PARENT_ENDS = {
    "expired": ("UPDATE authorizations SET expires_at = unixepoch() - 1 WHERE parent_id IS NULL", "it is expired"),
    "revoked": ("UPDATE authorizations SET status = 'revoked' WHERE parent_id IS NULL", "it is revoked"),
    "gone": ("UPDATE authorizations SET parent_id = 7 WHERE parent_id IS NOT NULL", "is gone"),
}


@pytest.mark.check(35)
@pytest.mark.parametrize("sql, words", PARENT_ENDS.values(), ids=PARENT_ENDS.keys())
def test_S15_a_parent_that_ended_allows_nothing(below, sql, words):
    gateway, client, _, order, name = below
    gateway.stop()
    gateway.execute(sql)
    gateway.start()
    assert_refused_at_finalize(gateway, client, order, name, "unauthorized", words)


def test_S15_an_endpoint_without_subdomains_takes_no_ancestor(below):
    gateway, client, _, order, name = below
    change(gateway, subdomains=None)
    assert_refused_at_finalize(gateway, client, order, name, "unauthorized", "the names below a domain")


# ---- P11 ----


@pytest.mark.check(35, 43)
def test_P11_an_authorization_that_lapsed_ends_the_order_at_finalize(start, responder):
    gateway = start()
    client, name = gateway.client(), fresh_name()
    order = client.ready_order([name], HttpProver(responder(gateway)))
    gateway.stop()
    gateway.execute("UPDATE authorizations SET expires_at = unixepoch() - 1")
    gateway.start()
    assert_refused_at_finalize(gateway, client, order, name, "unauthorized", f"for {name} is no longer valid")


# ---- S11: between ready and the signature ----


def deny(gateway, _kid, name):
    change(gateway, names={"deny": [name]})


def deny_in_profile(gateway, _kid, name):
    gateway.configuration["profiles"]["default"]["names"] = {"deny": [name]}
    change(gateway)


def withdraw_profile(gateway, _kid, _name):
    change(gateway, profiles=["short"])


def deny_keyless(gateway, _kid, name):
    change(gateway, without_eab={"names": {"deny": [name]}})


def withdraw_keyless_profile(gateway, _kid, _name):
    change(gateway, without_eab={"profiles": ["short"]})


KEYLESS_CHANGES = {
    "name": (deny_keyless, "rejectedIdentifier", "for accounts without an external account key"),
    "profile": (withdraw_keyless_profile, "invalidProfile", "for accounts with an external account key"),
}


@pytest.mark.check(25)
@pytest.mark.parametrize("end, problem, words", KEYLESS_CHANGES.values(), ids=KEYLESS_CHANGES.keys())
def test_S15_an_account_without_a_key_is_held_to_its_own_limits(start, responder, end, problem, words):
    gateway = start(eab="optional")
    (bound, _), free, name = bound_client(gateway), gateway.client(), fresh_name()
    prover = HttpProver(responder(gateway))
    orders = {client: client.ready_order([name], prover) for client in (bound, free)}
    end(gateway, None, name)
    with pytest.raises(Refused) as refused:
        free.order([name])
    assert refused.value.reply.problem == problem and words in refused.value.reply.detail
    assert_refused_at_finalize(gateway, free, orders[free], name, problem, words)
    assert bound.finalize(orders[bound], [name]).status == 200
    assert names_of(bound.certificate(orders[bound].location)[0]) == [name]


CHANGES = {
    "key revoked": (lambda gateway, kid, _name: revoke_key(gateway, kid), "unauthorized", "was revoked"),
    "name denied": (deny, "rejectedIdentifier", "this endpoint denies"),
    "name denied in the profile": (deny_in_profile, "rejectedIdentifier", 'the profile "default" denies'),
    "profile withdrawn": (withdraw_profile, "invalidProfile", 'the profile "default"'),
}


@pytest.mark.check(43)
@pytest.mark.parametrize("end, problem, words", CHANGES.values(), ids=CHANGES.keys())
def test_S11_asked_again_at_finalize(start, responder, end, problem, words):
    gateway = start(eab="required")
    client, kid = bound_client(gateway)
    name = fresh_name()
    order = client.ready_order([name], HttpProver(responder(gateway)))
    end(gateway, kid, name)
    assert_refused_at_finalize(gateway, client, order, name, problem, words)


@pytest.fixture
def waiting(start, ca_proxy, responder):
    """An order in processing whose CA says later: (gateway, client, kid, order, name)."""

    def busy(exchange):
        exchange.status, exchange.answer = 503, b"{}"

    gateway = start(ca_proxy.url, eab="required")
    client, kid = bound_client(gateway)
    name = fresh_name()
    order = client.ready_order([name], HttpProver(responder(gateway)))
    ca_proxy.replace["sign"] = busy
    assert client.finalize(order, [name]).json()["status"] == "processing"
    wait_until(lambda: attempts(gateway) == [{"status": "failed"}], "the first attempt to fail")
    return gateway, client, kid, order, name


@pytest.mark.check(43, 45)
def test_S11_asked_again_before_a_retry(waiting, ca_proxy):
    gateway, client, kid, order, _ = waiting
    revoke_key(gateway, kid)
    ca_proxy.replace.clear()
    assert_ended(gateway, client, order, "unauthorized", "was revoked")
    assert "signed" not in [row["status"] for row in attempts(gateway)]
    assert gateway.query("SELECT id FROM certificates WHERE order_id IS NOT NULL") == []


@pytest.mark.check(43, 45)
def test_S11_asked_again_after_a_restart(waiting, ca_proxy):
    gateway, client, _, order, name = waiting
    gateway.kill()
    calls = len(ca_proxy.sent("sign"))
    ca_proxy.replace.clear()
    change(gateway, names={"deny": [name]})
    assert_ended(gateway, client, order, "rejectedIdentifier", "this endpoint denies")
    assert name not in signed_for(ca_proxy, calls)


@pytest.mark.check(43, 45)
def test_S11_a_deactivated_account_gets_no_signature(waiting, ca_proxy):
    gateway, client, _, order, _ = waiting
    assert client.post(client.account, {"status": "deactivated"}).status == 200
    ca_proxy.replace.clear()
    number = order.location.rsplit("/", 1)[1]
    (row,) = wait_until(
        lambda: gateway.query("SELECT state, error FROM v_orders WHERE id = ? AND state <> 'processing'", number),
        "the order to end",
    )
    assert (row["state"], row["error"]) == ("invalid", "The account is deactivated.")


@pytest.mark.check(43, 45)
def test_S11_asked_again_when_its_turn_at_the_issuer_comes(start, ca_proxy, responder):
    gateway = start(ca_proxy.url, eab="required")
    gateway.stop()
    gateway.configuration["issuers"]["main"]["max_concurrent"] = 1
    gateway.start()
    (first, _), (second, kid) = bound_client(gateway), bound_client(gateway)
    prover, names = HttpProver(responder(gateway)), [fresh_name(), fresh_name()]
    orders = [client.ready_order([name], prover) for client, name in zip((first, second), names)]
    hold = ca_proxy.hold_request("sign")
    assert first.finalize(orders[0], [names[0]]).json()["status"] == "processing"
    hold.wait()
    assert second.finalize(orders[1], [names[1]]).json()["status"] == "processing"
    wait_until(lambda: len(attempts(gateway)) == 2, "the second attempt to be committed")
    committed = time.time()
    revoke_key(gateway, kid)
    wait_until(lambda: time.time() > committed + 3, "the attempt to have waited")
    hold.let_go()
    assert names_of(first.certificate(orders[0].location)[0]) == [names[0]]
    assert_ended(gateway, second, orders[1], "unauthorized", "was revoked")
    assert names[0] in signed_for(ca_proxy) and names[1] not in signed_for(ca_proxy)
    assert [row["status"] for row in attempts(gateway)] == ["signed"]
