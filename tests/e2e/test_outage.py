# SPDX-License-Identifier: Apache-2.0
"""The CA away: a storm of orders neither hammers it nor loses one, what is over its time is never sent, and real clients
ride through it without a repair by hand."""

import re

import pytest

from client_scenarios import fresh_name
from support.acme_client import Refused
from support.background import Background
from support.ca_faults import names_in
from support.certificates import names_of
from support.clients import Certbot, Lego
from support.waiting import wait_until

ORDERS, CLIENTS, AT_ONCE = 300, 6, 8


@pytest.fixture
def new_site(new_gateway, step_ca, ca_proxy):
    """A gateway in front of the proxy whose endpoint trusts all names: new_site(give_up_after=…)."""

    def make(profiles=("default",), **finalize):
        gateway = new_gateway(step_ca, url=ca_proxy.url)
        gateway.configuration["profiles"] = {name: {"issuer": "main", "max_ttl": "24h"} for name in profiles}
        gateway.configuration["endpoints"]["acme"]["profiles"] = list(profiles)
        gateway.configuration["finalize"] = {"hold_reply": "0s", **finalize}
        gateway.configuration["issuers"]["main"] |= {"max_concurrent": AT_ONCE, "request_timeout": "5s"}
        gateway.configuration["endpoints"]["acme"]["trusted"] = {"names": ["*"]}
        return gateway.start()

    return make


def order_id(order):
    return int(order.location.rsplit("/", 1)[1])


def ready_orders(gateway, count, **members):
    """[(client, order, name)], ready."""
    client, names = gateway.client(), [fresh_name() for _ in range(count)]
    return [(client, client.order([name], **members), name) for name in names]


def counts(gateway):
    rows = gateway.query("SELECT status, count(*) AS n FROM orders GROUP BY status")
    return {row["status"]: row["n"] for row in rows}


def attempts(gateway, condition="1 = 1"):
    (row,) = gateway.query(f"SELECT count(*) AS n FROM attempts WHERE {condition}")
    return row["n"]


def finalize_all(made):
    for client, order, name in made:
        assert client.finalize(order, [name]).json()["status"] == "processing"


def failing(gateway):
    return "issuer main fails" in gateway.process.output()


def test_a_storm_of_orders_waits_for_the_ca_and_not_each_for_itself(new_site, ca_proxy):
    gateway = new_site()
    made = Background(lambda: [ready_orders(gateway, ORDERS // CLIENTS) for _ in range(CLIENTS)]).end(120)
    before = len(ca_proxy.sent("sign"))
    ca_proxy.cut()
    finalizing = [Background(finalize_all, some) for some in made]
    for one in finalizing:
        one.end(120)
    assert failing(gateway) and counts(gateway) == {"processing": ORDERS}

    # While it is away: probes only, and nothing is written for who waits.
    tried = attempts(gateway)
    assert tried <= 40, "each order tried by itself"
    (changed,) = gateway.query("SELECT count(*) AS n FROM orders WHERE attempt_count > 0")
    assert changed["n"] <= tried
    wait_until(lambda: attempts(gateway) >= tried + 2, "two probes more", 60)
    assert attempts(gateway, "status = 'started'") <= 1

    # It comes back.
    ca_proxy.most = 0
    ca_proxy.restore()
    wait_until(lambda: "processing" not in counts(gateway), "all of them", 90)
    assert counts(gateway) == {"valid": ORDERS}
    assert ca_proxy.most <= AT_ONCE + 1, "more at once than the configuration allows"
    signed = ca_proxy.sent("sign")[before:]
    assert len(signed) == ORDERS == attempts(gateway, "status = 'signed'"), "some were signed twice"
    assert signed[-1].at - signed[0].at < 45, "the backlog was not drained at full speed"


def test_the_return_is_gradual(new_site, ca_proxy):
    gateway = new_site()
    made = ready_orders(gateway, 40)
    ca_proxy.cut()
    finalize_all(made)
    before = len(ca_proxy.sent("sign"))
    hold = ca_proxy.hold_request("sign")
    ca_proxy.restore()
    hold.wait()
    assert len(ca_proxy.sent("sign")) == before + 1, "the first call is alone"
    second = ca_proxy.hold_request("sign")
    hold.let_go()
    second.wait()
    second.let_go()
    wait_until(lambda: counts(gateway) == {"valid": 40}, "all of them", 60)


def test_the_profiles_of_an_issuer_share_its_return(new_site, ca_proxy):
    gateway, each = new_site(profiles=("first", "second")), 120
    made = {profile: ready_orders(gateway, each, profile=profile) for profile in ("first", "second")}
    ca_proxy.cut()
    for some in made.values():
        finalize_all(some)
    before = len(ca_proxy.sent("sign"))
    ca_proxy.restore()
    wait_until(lambda: counts(gateway) == {"valid": 2 * each}, "all of them", 60)
    first = {name for _, _, name in made["first"]}
    signed = [names_in(one)[0][0] in first for one in ca_proxy.sent("sign")[before:]]
    assert each // 4 <= sum(signed[:each]) <= 3 * each // 4, "one profile's orders went before the other's"


def test_orders_end_with_the_reason_of_the_ca_when_they_waited_for_too_long(new_site, ca_proxy):
    gateway = new_site(give_up_after="6s")
    made = ready_orders(gateway, 20)
    ca_proxy.cut()
    finalize_all(made)
    wait_until(lambda: counts(gateway) == {"invalid": 20}, "their end", 60)
    for client, order, _ in made:
        error = client.get(order.location)["error"]
        assert error["type"].endswith(":serverInternal") and "within 6s" in error["detail"]
        assert re.search("connect|failure|fail", error["detail"], re.I), error
    asked = len(ca_proxy.sent("sign"))
    ca_proxy.restore()
    client, order, name = ready_orders(gateway, 1)[0]
    client.finalize(order, [name])
    assert names_of(client.certificate(order.location, seconds=60)[0]) == [name]
    assert len(ca_proxy.sent("sign")) == asked + 1, "what had ended was sent all the same"


@pytest.mark.parametrize("over", ["give_up_after", "expires"])
def test_what_is_over_its_time_is_not_sent_after_a_restart_either(new_site, ca_proxy, over):
    gateway = new_site()
    client, order, name = ready_orders(gateway, 1)[0]
    ca_proxy.cut()
    client.finalize(order, [name])
    wait_until(lambda: attempts(gateway) > 0, "an attempt")
    gateway.kill()
    asked = len(ca_proxy.sent("sign"))
    column = "processing_since" if over == "give_up_after" else "expires_at"
    gateway.execute(f"UPDATE orders SET {column} = {column} - 30 * 86400 WHERE id = ?", order_id(order))
    ca_proxy.restore()
    gateway.start()
    assert client.wait_while(order.location, "processing")["status"] == "invalid"
    assert attempts(gateway, "status = 'signed'") == 0
    sent = [names_in(one)[0] for one in ca_proxy.sent("sign")[asked:]]
    assert [name] not in sent  # (the gateway's own may be)


# ---- real clients ----


@pytest.fixture(params=[Certbot, Lego])
def client(request, tmp_path, name_server):
    return lambda gateway: request.param(gateway, tmp_path / "client", name_server)


def test_a_renewal_fails_while_the_ca_is_away_and_works_afterwards(new_gateway, step_ca, ca_proxy, client):
    gateway = new_gateway(step_ca, url=ca_proxy.url)
    gateway.configuration["finalize"] = {"give_up_after": "3s", "hold_reply": "1s"}
    gateway.start()
    client, name = client(gateway), fresh_name()
    client.issue([name])
    first = client.chain(name)[0]

    # At its beginning: an order is taken, and ends with the CA's reason.
    ca_proxy.cut()
    said = words_of(client, client.renew(name, fails=True))
    assert "did not sign within 3s" in said
    assert client.chain(name)[0] == first

    # After a minute: a new order is refused at once, and the client shows why.
    wait_until(lambda: refused(gateway), "new orders to be refused", 100)
    said = words_of(client, client.renew(name, fails=True))
    assert "certificate authority is not available" in said
    assert client.chain(name)[0] == first

    ca_proxy.restore()
    wait_until(lambda: not refused(gateway), "new orders to be taken", 60)
    client.renew(name)
    assert client.chain(name)[0] != first and names_of(client.chain(name)[0]) == [name]


def words_of(client, said):
    """What a client said, and its own log: certbot shows no reason of an order that failed."""
    log = client.folder / "logs/letsencrypt.log"
    return said + (log.read_text() if log.exists() else "")


def refused(gateway):
    """Whether newOrder is answered 503, with when to come again."""
    try:
        gateway.client().order([fresh_name()])
    except Refused as refusal:
        assert refusal.reply.status == 503 and int(refusal.reply.headers["Retry-After"]) >= 30
        return True
    return False
