# SPDX-License-Identifier: Apache-2.0
"""Clients issue through either of two gateways, while these are killed in turns and started again. Whatever a client was
told is kept, and nothing happens twice. ACMEGATE_TEST_KILLS is the number of kills."""

import collections
import http.client
import json
import os
import random

import pytest
from cryptography import x509

from client_scenarios import fresh_name
from support.acme_client import HttpProver, Refused, number_of
from support.background import Background
from support.ca_faults import names_in
from support.certificates import der, new_csr, new_key
from support.jose import b64
from support.waiting import wait_until

pytestmark = pytest.mark.sqlite("its gateways are on PostgreSQL in any case")

KILLS = int(os.environ.get("ACMEGATE_TEST_KILLS", "12"))
KILLS_FOR_A_TAKEOVER = 6  # after one of so many kills, the gateway stays away until its work is taken over
CALLS_BETWEEN = 8  # at most, calls of the CA and of the responder between a start and the next kill
CLIENTS = 4
UNDONE = "could not serialize access"  # of a transaction that runs again: the log has no line of it


class Issuing:
    """A client that issues without a pause, through any gateway that answers, and notes what it is told."""

    def __init__(self, pair, prover, seed):
        self.orders = {}  # the name of each by its id
        self.serials = {}  # of the certificates, by the order's id
        self._pair, self._prover = pair, prover
        self._chance = random.Random(seed)
        self._client = pair.client(pair.both[seed % 2])
        self._ending = False
        self.thread = Background(self._issue_all)

    def end(self):
        self._ending = True
        self.thread.end(150)

    def _issue_all(self):
        while not self._ending:
            self._issue(fresh_name())

    def _issue(self, name):
        client = self._client
        order = self._take(lambda: client.order([name]))
        number = number_of(order.location)
        assert number not in self.orders
        self.orders[number] = name
        (authorization,) = order.json()["authorizations"]
        self._take(lambda: client.answer(authorization, self._prover))
        ended = self._take(lambda: client.wait_while(authorization, "pending"))
        assert ended["status"] == "valid", ended
        request = {"csr": b64(der(new_csr(new_key(), [name])))}
        self._take(lambda: self._accepted(client.post(order.json()["finalize"], request)))
        leaf = self._take(lambda: client.certificate(order.location))[0]
        self.serials[number] = f"{leaf.serial_number:x}"

    @staticmethod
    def _accepted(reply):
        if reply.status != 200:
            raise Refused(reply)
        return reply

    def _take(self, ask):
        """The answer that comes in the end. Each try may be at the other gateway."""

        def ask_any():
            self._client.at(self._chance.choice(self._pair.both))
            try:
                return ask()
            except (OSError, http.client.HTTPException):
                return None
            except Refused as refused:
                assert refused.reply.status == 503 or refused.reply.problem == "badNonce", refused
                return None

        return wait_until(ask_any, "a gateway to answer", 120)


def all_go_on(clients):
    for one in clients:
        if one.thread.error:
            raise one.thread.error
    return True


def kill_in_turns(pair, clients, calls):
    chance = random.Random(KILLS)
    for number in range(1, KILLS + 1):
        to_be_gone = number % KILLS_FOR_A_TAKEOVER == 0
        victim = pair.both[(number + number // KILLS_FOR_A_TAKEOVER) % 2]
        enough = calls() + chance.randint(1, CALLS_BETWEEN)
        wait_until(lambda: all_go_on(clients) and calls() >= enough, "more calls", 90)
        victim.kill()
        if to_be_gone:
            wait_until(lambda: is_gone(pair, victim), "the work to be taken over", 60)
        victim.start(60)


def is_gone(pair, gateway):
    return count(pair, "v_gateways", f"state = 'gone' AND name = '{gateway.name}'") == 1


def count(pair, table, condition):
    (row,) = pair.query(f"SELECT count(*) AS n FROM {table} WHERE {condition}")
    return row["n"]


def rows_by(pair, key, sql):
    found = collections.defaultdict(list)
    for row in pair.query(sql):
        found[row.pop(key)].append(row)
    return found


def signed_by(proxy):
    """The serials that the CA has signed."""
    answers = [json.loads(call.answer)["crt"] for call in proxy.sent("sign") if call.status == 201]
    return {f"{x509.load_pem_x509_certificate(one.encode()).serial_number:x}" for one in answers}


def assert_nothing_is_lost_or_done_twice(pair, clients, proxy):
    assert count(pair, "orders", "status = 'processing'") == 0
    assert count(pair, "authorizations", "challenge_status = 'processing'") == 0
    told = {number: name for one in clients for number, name in one.orders.items()}
    assert len(told) == sum(len(one.orders) for one in clients)
    serials = {number: serial for one in clients for number, serial in one.serials.items()}
    assert told.keys() == serials.keys()
    statuses = {row["id"]: row["status"] for row in pair.query("SELECT id, status FROM orders")}
    assert {number: statuses[number] for number in told} == dict.fromkeys(told, "valid")
    certificates = rows_by(pair, "order_id", "SELECT order_id, serial FROM certificates WHERE order_id IS NOT NULL")
    assert certificates == {number: [{"serial": serial}] for number, serial in serials.items()}
    assert set(serials.values()) <= signed_by(proxy)
    attempts = rows_by(pair, "order_id", "SELECT order_id, status FROM attempts")
    for number in told:
        ended = [row["status"] for row in attempts[number]]
        assert ended.count("signed") == 1 and set(ended) <= {"signed", "unknown"}, ended
    calls = collections.Counter(name for call in proxy.sent("sign") for name in names_in(call)[0])
    assert all(calls[name] <= len(attempts[number]) for number, name in told.items())
    tokens = [call.json()["ott"] for call in proxy.sent("sign")]
    assert len(set(tokens)) == len(tokens)


@pytest.mark.timeout(120 + 15 * KILLS)
def test_clients_issue_while_gateways_are_killed(new_pair, ca_proxy, responder):
    pair = new_pair(url=ca_proxy.url).start()
    server = responder(pair.one)
    clients = [Issuing(pair, HttpProver(server), seed) for seed in range(CLIENTS)]
    kill_in_turns(pair, clients, lambda: len(ca_proxy.exchanges) + len(server.asked))
    for one in clients:
        one.end()
    assert count(pair, "events", "kind = 'gateway.taken_over'") >= KILLS // KILLS_FOR_A_TAKEOVER
    assert_nothing_is_lost_or_done_twice(pair, clients, ca_proxy)
    assert not [line for gateway in pair.both for line in gateway.process.output().splitlines() if UNDONE in line]
