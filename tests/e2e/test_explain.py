# SPDX-License-Identifier: Apache-2.0
"""`acmegate explain NAME|ORDER` says in plain words what happened to an order, without SQL."""

import json
import unicodedata

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.ca_faults import answer


@pytest.fixture
def explain():
    def run(gateway, what):
        status, output, words = gateway.run("explain", what)
        assert status == 0, output + words
        return output

    return run


def test_an_order_that_went_well(current_site, responder, explain):
    gateway, name = current_site.gateway, fresh_name()
    certificate = gateway.client(user_agent="my-client/7").issue([name], HttpProver(responder(gateway)))[0]
    output = explain(gateway, name)
    for word in (name, "valid", "http-01", "127.0.0.1", "my-client/7", f"{certificate.serial_number:x}"):
        assert word in output, word


def test_by_the_number_of_the_order(current_site, responder, explain):
    gateway, names = current_site.gateway, [fresh_name(), fresh_name()]
    client = gateway.client()
    order = client.ready_order(names, HttpProver(responder(gateway)))
    output = explain(gateway, order.location.rsplit("/", 1)[1])
    assert all(name in output for name in names) and "ready" in output


def test_what_was_dialled_and_answered(current_site, responder, explain):
    gateway, name = current_site.gateway, fresh_name()
    server = responder(gateway)
    client = gateway.client()
    order = client.order([name])
    authorization = client.get(order.json()["authorizations"][0])
    challenge = client.challenge(authorization, "http-01")
    server.answers[challenge["token"]] = "something else"
    client.post(challenge["url"], {})
    client.wait_while(order.location, "pending")
    output = explain(gateway, name)
    for word in (name, "invalid", "http-01", "127.0.0.1", str(gateway.http_port), "something else"):
        assert word in output, word


def test_the_words_of_the_ca(new_gateway, step_ca, ca_proxy, responder, explain):
    gateway, name = new_gateway(step_ca, url=ca_proxy.url).start(), fresh_name()
    client = gateway.client()
    order = client.ready_order([name], HttpProver(responder(gateway)))
    ca_proxy.replace["sign"] = answer(403, message="the moon is in the wrong phase")
    client.finalize(order, [name])
    client.wait_while(order.location, "processing", "ready")
    assert "the moon is in the wrong phase" in explain(gateway, name)


def test_an_order_that_waits_for_its_client(current_site, explain):
    name = fresh_name()
    current_site.gateway.client().order([name])
    output = explain(current_site.gateway, name)
    assert name in output and "pending" in output and "client" in output


def test_it_works_while_the_gateway_is_stopped(new_gateway, step_ca, responder, explain):
    gateway, name = new_gateway(step_ca).start(), fresh_name()
    gateway.client().issue([name], HttpProver(responder(gateway)))
    gateway.stop()
    assert name in explain(gateway, name)


def test_a_name_that_was_never_ordered(current_site):
    status, output, words = current_site.gateway.run("explain", "never.e2e.internal")
    assert status == 1 and "never.e2e.internal" in output + words


# ESC, CSI of C1, right-to-left override, isolates, line separator, zero width space, byte order mark, a tag
DECEIVING = "a\x1b[2Jb\x9b2Jc\u202ed\u2066e\u2069f\u2028g\u200bh\ufeffi\U000e0041j ä"
CLEAN = "a?[2Jb?2Jc?d?e?f?g?h?i?j ä"


def assert_visible(text):
    bad = [f"U+{ord(one):04X}" for one in text if one not in "\n\t" and unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn")]
    assert not bad, (bad, text)


def rows_of(gateway, name):
    """All that the views and the attempts have of an order, as sqlite3 shows it."""
    (order,) = gateway.query("SELECT id FROM v_orders WHERE names = ?", name)
    return [
        row
        for view in ("v_orders", "v_events", "v_authorizations", "attempts")
        for row in gateway.query(f"SELECT * FROM {view}")
        if str(order["id"]) in map(str, row.values()) or name in str(row)
    ]


def assert_clean_everywhere(gateway, explain, name, words):
    shown = "\n".join(str(value) for row in rows_of(gateway, name) for value in row.values())
    assert words in shown
    for text in (shown, explain(gateway, name), gateway.log.read_text()):
        assert_visible(text)
    assert words in explain(gateway, name)


def test_S12_what_a_ca_writes_reaches_no_terminal(new_gateway, step_ca, ca_proxy, responder, explain):
    gateway, name = new_gateway(step_ca, url=ca_proxy.url).start(), fresh_name()
    client = gateway.client()
    order = client.ready_order([name], HttpProver(responder(gateway)))
    ca_proxy.replace["sign"] = answer(403, message=DECEIVING)
    client.finalize(order, [name])
    client.wait_while(order.location, "processing", "ready")
    assert_visible(client.get(order.location)["error"]["detail"])
    assert_clean_everywhere(gateway, explain, name, CLEAN)


def test_S12_what_a_client_writes_reaches_no_terminal(current_site, responder, explain):
    """In a user agent, in what its web server answers, and in a name that is refused."""
    gateway, name = current_site.gateway, fresh_name()
    server = responder(gateway)
    client = gateway.client(user_agent="b\x9b2J")
    order = client.order([name])
    challenge = client.challenge(client.get(order.json()["authorizations"][0]), "http-01")
    server.answers[challenge["token"]] = DECEIVING
    client.post(challenge["url"], {})
    client.wait_while(order.location, "pending")
    assert_clean_everywhere(gateway, explain, name, name)
    refused = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": DECEIVING}] * 2})
    assert refused.status == 400
    assert_visible(json.dumps(refused.json(), ensure_ascii=False))


def test_S12_rows_of_older_versions_are_cleaned_when_they_are_printed(new_gateway, step_ca, responder, explain):
    gateway, name = new_gateway(step_ca).start(), fresh_name()
    gateway.client().issue([name], HttpProver(responder(gateway)))
    gateway.stop()
    gateway.execute("UPDATE orders SET user_agent = ?", DECEIVING)
    gateway.execute("UPDATE events SET detail = ?", DECEIVING)
    assert CLEAN in explain(gateway, name)
    assert_visible(explain(gateway, name))
    status, listed, words = gateway.run("order", "list", "--json")
    assert status == 0 and name in listed, words
    assert_visible(listed)
