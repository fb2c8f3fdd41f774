# SPDX-License-Identifier: Apache-2.0
"""What a gateway tells and asks the others on its database. The other one is a real one, or this test by psql."""

import re
import select
import time

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.background import Background
from support.postgresql import open_shell
from support.waiting import wait_until

pytestmark = pytest.mark.sqlite("its gateways are on PostgreSQL in any case")

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
NUMBER = 15  # this test's, among the gateways
NAME = "0123456789abcdef" * 2
END = b"the end\n"
SECOND = 1  # what another gateway has to answer


class Other:
    """A gateway that hears, and says what it is told to."""

    def __init__(self, uri):
        self._shell = open_shell(uri)
        self._text = ""
        self._run("LISTEN acmegate")

    def _run(self, sql):
        """psql prints behind a command what was heard until then."""
        self._shell.stdin.write(f"{sql}; SELECT 'the ' || 'end';\n".encode())
        octets = b""
        while END not in octets:
            assert select.select([self._shell.stdout], [], [], 20)[0], f"psql does not answer: {octets}"
            octets += self._shell.stdout.read(65536)
        self._text += octets.decode()

    def say(self, message):
        self._run(f"SELECT pg_notify('acmegate', E'{NAME}\\n{message}')")

    def heard(self, pattern):
        """The first message that fits, and was not taken yet."""

        def look():
            self._run("SELECT 1")
            return re.search(rf"\b{pattern}\b", self._text)

        found = wait_until(look, f"the message {pattern!r}")
        self._text = self._text[found.end() :]
        return found

    def all_heard(self):
        """The messages that were not taken yet."""
        self._run("SELECT 1")
        return set(re.findall(r"settled \d+", self._text))

    def serve(self):
        """It has a row, as a gateway that has just started."""
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


def number_of(client):
    return ALPHABET.index(client.nonce()[0])


def foreign_nonce(text):
    return ALPHABET[NUMBER] + text.rjust(31, "A")


def post(client, nonce):
    """A request that needs nothing but its nonce, while the test goes on."""
    return Background(lambda: client.post(client.account, {}, nonce=nonce))


@pytest.mark.parametrize("answer, problem", [("good", None), ("bad", "badNonce")])
def test_the_home_of_a_nonce_decides(client, other, answer, problem):
    number = number_of(client)
    nonce = foreign_nonce("a-1_")
    request = post(client, nonce)
    token = other.heard(rf"spend {NUMBER} {number} ([0-9a-f]{{16}}) {nonce}").group(1)
    other.say(f"spent {number} {NUMBER} {token} {answer}")
    reply = request.end(20)
    assert reply.problem == problem and ALPHABET.index(reply.headers["Replay-Nonce"][0]) == number


def test_without_an_answer_a_nonce_is_bad_soon_and_then_at_once(client, other):
    number = number_of(client)
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
    number = number_of(client)
    nonce = client.nonce()
    for token, answer in (("0" * 15 + "1", "good"), ("0" * 15 + "2", "bad")):
        other.say(f"spend {number} {NUMBER} {token} {nonce}")
        other.heard(f"spent {NUMBER} {number} {token} {answer}")
    assert client.post(client.account, {}, nonce=nonce).problem == "badNonce"


def test_the_others_hear_what_is_settled(gateway, client, other, responder):
    """As soon as the gateway knows that there are others."""
    other.serve()
    prover = HttpProver(responder(gateway))

    def is_told():
        name = fresh_name()
        order = client.order([name])
        client.prove(order.json(), prover)
        client.finalize(order, [name])
        settled = {f"settled {url.rpartition('/')[2]}" for url in (order.location, *order.json()["authorizations"])}
        return settled <= other.all_heard()

    wait_until(is_told, "the gateway to tell what is settled")


def test_strange_messages_leave_it_serving(client, other):
    number = number_of(client)
    for message in ("garbage", "spend", f"spend {number} 1 x y", "settled 99999999999999999999", "settled 1", "x" * 500):
        other.say(message)
    other.say("spent " * 80)
    assert client.post(client.account, {}).status == 200


# ---- two real ones ----


@pytest.fixture
def two(new_gateway, step_ca, postgresql):
    """Two gateways on one database, in front of one CA."""
    database = postgresql.new_database()
    gateways = [new_gateway(step_ca) for _ in range(2)]
    for gateway in gateways:
        gateway.configuration |= {
            "database": database,
            "state_directory": str(gateway.folder),
            "gateway_id": f"gateway-{gateway.port}",
            "finalize": {"hold_reply": "30s"},
        }
        gateway.configuration["validation"]["timeout"] = "20s"
        gateway.start()
    return gateways


@pytest.fixture
def clients(two):
    """One account, at each of them."""
    first = two[0].client()
    return first, two[1].client(key=first.key)


def test_a_nonce_of_one_is_good_once_at_either(clients):
    here, there = clients
    assert number_of(here) != number_of(there)
    for client, another in ((here, there), (there, here)):
        nonce = client.nonce()
        assert another.post(another.account, {}, nonce=nonce).status == 200
        for again in (client, another):
            assert again.post(again.account, {}, nonce=nonce).problem == "badNonce"


def test_a_reply_held_at_one_goes_when_the_other_has_validated(two, clients, responder):
    here, there = clients
    answers = responder(two[0])
    (url,) = here.order([fresh_name()]).json()["authorizations"]
    challenge = here.challenge(here.get(url), HttpProver.kind)
    HttpProver(answers).prepare(here, None, challenge["token"])
    answers.hold()
    requests = [Background(lambda: here.post(challenge["url"], {}))]
    assert answers.reached.wait(20)
    elsewhere = challenge["url"].replace(f":{two[0].port}/", f":{two[1].port}/")
    requests.append(Background(lambda: there.post(elsewhere, {})))
    answers.release()
    replies = [request.end(20) for request in requests]
    assert [reply.json()["status"] for reply in replies] == ["valid", "valid"]
