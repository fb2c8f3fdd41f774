# SPDX-License-Identifier: Apache-2.0
"""Messages between the gateways of one database. The other gateway is the test itself, by psql, or a real one."""

import re
import select
import time

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver, number_of
from support.background import Background
from support.postgresql import open_shell
from support.waiting import wait_until

pytestmark = pytest.mark.sqlite("its gateways are on PostgreSQL in any case")

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
NUMBER = 15  # of the gateway that the test plays
NAME = "0123456789abcdef" * 2  # of its channel
END = b"the end\n"
SECOND = 1  # the time that another gateway has to answer


class Other:
    """A gateway that the test plays: it notes the messages that it hears."""

    def __init__(self, uri):
        self._shell = open_shell(uri)
        self._text = ""
        self._run("LISTEN acmegate")

    def _run(self, sql):
        """Behind each command psql prints the messages that have arrived."""
        self._shell.stdin.write(f"{sql}; SELECT 'the ' || 'end';\n".encode())
        octets = b""
        while END not in octets:
            assert select.select([self._shell.stdout], [], [], 20)[0], f"psql does not answer: {octets}"
            octets += self._shell.stdout.read(65536)
        self._text += octets.decode()

    def say(self, message):
        self._run(f"SELECT pg_notify('acmegate', E'{NAME}\\n{message}')")

    def heard(self, pattern):
        """The first message that matches. It and all before it are forgotten."""

        def look():
            self._run("SELECT 1")
            return re.search(rf"\b{pattern}\b", self._text)

        found = wait_until(look, f"the message {pattern!r}")
        self._text = self._text[found.end() :]
        return found

    def settled(self):
        """The ids of the objects that it was told are settled."""
        self._run("SELECT 1")
        return set(map(int, re.findall(r"\bsettled (\d+)", self._text)))

    def serve(self):
        """Makes its row, as a gateway that has just started has it."""
        self._run(
            "INSERT INTO gateways (name, version, started_at, seen_at, number, state)"
            f" VALUES ('this test', '1', 1, 1, {NUMBER}, 'serving')"
        )

    def close(self):
        self._shell.stdin.close()
        self._shell.wait(20)
        self._shell.stdout.close()


@pytest.fixture
def gateway(new_gateway, step_ca, postgresql):
    gateway = new_gateway(step_ca)
    gateway.configuration |= {"database": postgresql.new_database(), "state_directory": str(gateway.folder)}
    gateway.start()
    return gateway


@pytest.fixture
def other(gateway):
    other = Other(gateway.configuration["database"])
    yield other
    other.close()


@pytest.fixture
def client(gateway):
    return gateway.client().register()


def number_in(nonce):
    """The number of the gateway that issued it."""
    return ALPHABET.index(nonce[0])


def foreign_nonce(text):
    return ALPHABET[NUMBER] + text.rjust(31, "A")


def post(client, nonce):
    """A request that needs nothing but its nonce, while the test goes on."""
    return Background(lambda: client.post(client.account, {}, nonce=nonce))


@pytest.mark.parametrize("answer, problem", [("good", None), ("bad", "badNonce")])
def test_the_home_of_a_nonce_decides(client, other, answer, problem):
    number = number_in(client.nonce())
    nonce = foreign_nonce("a-1_")
    request = post(client, nonce)
    token = other.heard(rf"spend {NUMBER} {number} ([0-9a-f]{{16}}) {nonce}").group(1)
    other.say(f"spent {number} {NUMBER} {token} {answer}")
    reply = request.end(20)
    assert reply.problem == problem and number_in(reply.headers["Replay-Nonce"]) == number


def test_without_an_answer_a_nonce_is_bad_soon_and_then_at_once(client, other):
    number = number_in(client.nonce())
    took = []
    for _ in range(2):
        began = time.monotonic()
        assert client.post(client.account, {}, nonce=foreign_nonce("x")).problem == "badNonce"
        took.append(time.monotonic() - began)
    assert SECOND <= took[0]
    assert took[1] < SECOND
    assert client.post(client.account, {}).status == 200
    other.heard(rf"spend {NUMBER} {number} [0-9a-f]{{16}} {foreign_nonce('x')}")


def test_a_nonce_is_spent_once_for_whoever_asks(client, other):
    nonce = client.nonce()
    number = number_in(nonce)
    for token, answer in (("0" * 15 + "1", "good"), ("0" * 15 + "2", "bad")):
        other.say(f"spend {number} {NUMBER} {token} {nonce}")
        other.heard(f"spent {NUMBER} {number} {token} {answer}")
    assert client.post(client.account, {}, nonce=nonce).problem == "badNonce"


def test_the_others_hear_what_is_settled(gateway, client, other, responder):
    """It is told once the gateway knows of another one."""
    other.serve()
    prover = HttpProver(responder(gateway))

    def is_told():
        name = fresh_name()
        order = client.order([name])
        client.prove(order.json(), prover)
        client.finalize(order, [name])
        return {number_of(url) for url in (order.location, *order.json()["authorizations"])} <= other.settled()

    wait_until(is_told, "the gateway to tell what is settled")


def test_strange_messages_leave_it_serving(client, other):
    number = number_in(client.nonce())
    for message in ("garbage", "spend", f"spend {number} 1 x y", "settled 99999999999999999999", "settled 1", "x" * 500):
        other.say(message)
    other.say("spent " * 80)
    assert client.post(client.account, {}).status == 200


# ---- two real ones ----


@pytest.fixture
def pair(new_pair):
    """Both hold replies for long."""
    made = new_pair()
    for gateway in made.both:
        gateway.configuration["finalize"]["hold_reply"] = "30s"
    return made.start()


@pytest.fixture
def clients(pair):
    """One account, at each of them."""
    here = pair.client(pair.one)
    return here, pair.client(pair.two, here.key)


def test_a_nonce_of_one_is_good_once_at_either(clients):
    here, there = clients
    assert number_in(here.nonce()) != number_in(there.nonce())
    for client, another in ((here, there), (there, here)):
        nonce = client.nonce()
        assert another.post(another.account, {}, nonce=nonce).status == 200
        for again in (client, another):
            assert again.post(again.account, {}, nonce=nonce).problem == "badNonce"


def test_what_one_validates_is_answered_at_both(pair, clients, responder):
    """No reply is held to the end. tests/unit/rooms/test_exchange_peers.c has the times of a held one."""
    here, there = clients
    server = responder(pair.one)
    (url,) = here.order([fresh_name()]).json()["authorizations"]
    challenge = here.challenge(here.get(url), HttpProver.kind)
    HttpProver(server).prepare(here, None, challenge["token"])
    server.hold()
    requests = [Background(here.post, challenge["url"], {})]
    assert server.reached.wait(20)
    requests.append(Background(there.post, challenge["url"], {}))
    server.release()
    replies = [request.end(20) for request in requests]
    assert [reply.json()["status"] for reply in replies] == ["valid", "valid"]
