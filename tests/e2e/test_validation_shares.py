# SPDX-License-Identifier: Apache-2.0
"""S8: neither one account nor one slow target holds all slots for validations."""

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.background import Background
from support.waiting import wait_until

SLOTS = 4


@pytest.fixture
def gateway(new_gateway, step_ca):
    gateway = new_gateway(step_ca)
    # What is held keeps its slot until it is released.
    gateway.configuration["validation"] |= {"max_concurrent": SLOTS, "timeout": "50s"}
    return gateway.start()


def processing(gateway):
    (row,) = gateway.query("SELECT count(*) AS n FROM authorizations WHERE challenge_status = 'processing'")
    return row["n"]


def test_S8_an_order_with_slow_names_leaves_room_for_another_account(gateway, responder):
    slow, server = [fresh_name() for _ in range(3 * SLOTS)], responder(gateway)
    server.hold(*slow)
    client = gateway.client()
    order = client.order(slow)
    asking = [Background(client.answer, url, HttpProver(server)) for url in order.json()["authorizations"]]
    wait_until(lambda: processing(gateway) == len(slow), "all its challenges to wait")
    wait_until(lambda: len(server.asked) == SLOTS // 2, "its share to be used")
    for _ in range(3):
        gateway.client().ready_order([fresh_name()], HttpProver(server))
    assert sum(host.rsplit(":", 1)[0] in slow for host, _ in server.asked) == SLOTS // 2
    assert processing(gateway) == len(slow)
    server.release()
    for one in asking:
        one.end()
    for url in order.json()["authorizations"]:
        assert client.wait_while(url, "pending")["status"] == "valid"


def test_S8_many_accounts_for_one_slow_name_leave_room_for_another_name(gateway, responder):
    slow, server = fresh_name(), responder(gateway)
    server.hold(slow)
    clients = [gateway.client() for _ in range(2 * SLOTS)]
    urls = [client.order([slow]).json()["authorizations"][0] for client in clients]
    asking = [Background(client.answer, url, HttpProver(server)) for client, url in zip(clients, urls)]
    wait_until(lambda: processing(gateway) == len(clients), "all challenges to wait")
    wait_until(lambda: len(server.asked) == SLOTS // 2, "the name's share to be used")
    gateway.client().ready_order([fresh_name()], HttpProver(server))
    assert sum(host.rsplit(":", 1)[0] == slow for host, _ in server.asked) == SLOTS // 2
    server.release()
    for one in asking:
        one.end()
    for client, url in zip(clients, urls):
        assert client.wait_while(url, "pending")["status"] == "valid"
