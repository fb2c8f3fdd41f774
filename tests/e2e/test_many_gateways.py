# SPDX-License-Identifier: Apache-2.0
"""Two gateways on one PostgreSQL (docs/scale-out.md). Each goes on with what the other began, and with the work of one that
is gone. Nothing is done twice."""

import os
import re
import signal

import pytest
from cryptography import x509

from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver, Refused, number_of
from support.background import Background
from support.ca_faults import Hang, names_in
from support.ca_proxy import CaProxy
from support.certificates import der, names_of, new_csr, new_key
from support.checks import same_key
from support.eab import add_key, binding
from support.gateway import run_command
from support.gateway_pair import EitherClient, GatewayPair, trusted_name
from support.jose import b64
from support.metrics import wait_for
from support.waiting import wait_until

SILENT_SECONDS = 14  # less than the silence that makes a gateway count as gone
TAKEN_OVER_SECONDS = 45  # that silence takes 16, and more on a busy machine
CONNECTIONS = 6  # of a gateway to PostgreSQL

pytestmark = pytest.mark.sqlite("its gateways are on PostgreSQL in any case")


@pytest.fixture(scope="module")
def module_ca_proxy(step_ca, tmp_path_factory):
    with CaProxy(step_ca, tmp_path_factory.mktemp("ca-proxy")) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def module_pair(new_module_gateway, step_ca, module_ca_proxy, shared_postgresql, tmp_path_factory):
    made = [new_module_gateway(step_ca, url=module_ca_proxy.url) for _ in range(2)]
    return GatewayPair(made, shared_postgresql, tmp_path_factory.mktemp("pair"))


@pytest.fixture
def pair(module_pair):
    """Both serve."""
    return module_pair.start()


@pytest.fixture
def prover(pair, responder):
    return HttpProver(responder(pair.one))


def states(pair):
    return {row["name"]: row["state"] for row in pair.query("SELECT name, state FROM v_gateways")}


def events_of(pair, order):
    """The gateway that wrote each event of an order, by the event's kind."""
    rows = pair.query("SELECT kind, gateway FROM v_events WHERE order_id = ? ORDER BY id", number_of(order.location))
    return {row["kind"]: row["gateway"] for row in rows}


# ---- both serve ----


def test_both_serve_with_numbers_of_their_own(pair):
    assert states(pair) == {"one": "serving", "two": "serving"}
    assert len({row["number"] for row in pair.query("SELECT number FROM v_gateways")}) == 2


def test_each_has_six_connections(pair):
    sessions = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    wait_until(lambda: len(pair.query(sessions)) == 2 * CONNECTIONS, "all connections of both")


@pytest.mark.parametrize("first", ["one", "two"])
def test_what_one_began_the_other_goes_on_with(pair, prover, step_ca, first):
    here = getattr(pair, first)
    there, client, name = pair.other(here), pair.client(here), fresh_name()
    order = client.order([name])
    (proven,) = client.at(there).prove(order.json(), prover)
    assert proven["status"] == "valid" and client.get(order.location)["status"] == "ready"
    assert client.at(here).finalize(order, [name]).status == 200
    leaf = client.at(there).certificate(order.location)[0]
    assert client.at(here).certificate(order.location)[0] == leaf
    assert client.at(there).revoke(leaf, 4).status == 200
    wait_until(lambda: "certificate.revoked" in events_of(pair, order), "the revocation")
    assert leaf.serial_number in step_ca.revoked()
    assert events_of(pair, order) == {
        "order.created": here.name,
        "order.ready": there.name,
        "order.finalized": here.name,
        "order.valid": here.name,
        "revocation.requested": there.name,
        "certificate.revoked": there.name,
    }


def revoked_at(pair, gateway, client):
    """The serial numbers in the CA's list as this gateway gives it."""
    reply = client.at(gateway).raw("GET", f"{pair.base_url}/.well-known/pki/crl/main")
    return {one.serial_number for one in x509.load_der_x509_crl(reply.body)} if reply.status == 200 else set()


def test_a_revocation_at_one_is_in_the_list_of_the_other(pair):
    client = pair.client(pair.one)
    leaf = client.issue([trusted_name()], prover=None)[0]
    assert client.revoke(leaf, 1).status == 200
    # Without a message it would fetch the list again after five minutes.
    wait_until(lambda: leaf.serial_number in revoked_at(pair, pair.two, client), "the list of the other", 60)


def test_a_second_gateway_of_the_same_name_is_refused(pair, new_gateway, step_ca):
    second = new_gateway(step_ca)
    second.configuration |= {key: pair.one.configuration[key] for key in ("database", "secret_key_path", "gateway_id")}
    second.configuration["state_directory"] = str(second.folder)
    assert second.launch().process.wait_end() == 1
    assert "already served by another acmegate of this name: set another gateway_id" in second.process.output()


def test_the_database_is_not_copied_while_one_serves(pair, tmp_path):
    pair.two.stop()
    status, _, words = run_command(tools.acmegate(), "db", "copy", "--from", pair.store.place, "--to", tmp_path / "copy.db")
    assert status != 0 and "already served by another acmegate: stop that one first" in words, words


# ---- one key for all ----


@pytest.fixture
def sealing_pair(new_pair):
    """Its second gateway names a key file of its own, which is not there. The first one serves."""
    pair = new_pair()
    pair.own_key = pair.two.folder / "own.key"
    pair.two.configuration["secret_key_path"] = str(pair.own_key)
    for gateway in pair.both:
        gateway.configuration["endpoints"]["acme"]["eab"] = "optional"
    pair.one.start()
    return pair


@pytest.mark.parametrize("command", [("serve",), ("check",), ("eab", "add", "acme")], ids=" ".join)
@pytest.mark.parametrize(
    "key, words",
    [
        pytest.param(None, "the file is missing, and the gateway one seals with its own", id="missing"),
        pytest.param(bytes(32), "the gateway one seals with another key", id="another"),
    ],
)
def test_a_key_that_is_not_that_of_the_others_is_refused(sealing_pair, command, key, words):
    if key:
        sealing_pair.own_key.write_bytes(key)
    status, said, told = sealing_pair.two.run(*command)
    assert status == 1 and f"secret_key_path {sealing_pair.own_key}: {words}" in said + told
    assert sealing_pair.own_key.exists() == bool(key), "no other key may be made"


def test_the_key_of_the_others_is_taken_and_opens_what_they_sealed(sealing_pair):
    sealing_pair.own_key.write_bytes(sealing_pair.secret.read_bytes())
    kid, mac_key = add_key(sealing_pair.one)
    sealing_pair.two.start()
    client = EitherClient(sealing_pair, sealing_pair.two)
    client.register(externalAccountBinding=binding(client, kid, mac_key))
    assert sealing_pair.query("SELECT eab_kid FROM v_accounts") == [{"eab_kid": kid}]


def test_a_new_key_is_taken_when_no_other_one_serves(sealing_pair):
    sealing_pair.one.stop()
    sealing_pair.two.start()
    assert sealing_pair.own_key.exists()


# ---- one is gone ----


class Work:
    """All that a gateway may have under way: a challenge that is being validated, an order whose certificate the CA has signed
    without an answer so far, and a revocation that waits for the CA."""

    def __init__(self, pair, gateway, responder, ca_proxy):
        self.pair, self.gateway, self.responder, self.proxy = pair, gateway, responder, ca_proxy
        self.prover = HttpProver(responder)
        self.client = pair.client(gateway)
        self.names = {what: fresh_name() for what in ("revoked", "signing", "waiting")}
        self.revoked = self.client.issue([self.names["revoked"]], self.prover)[0]
        self.signing = self.client.ready_order([self.names["signing"]], self.prover)
        self.waiting = self.client.order([self.names["waiting"]])

    def begin(self):
        self.hang = self.proxy.replace["revoke"] = Hang()
        self.hold = self.proxy.hold_answer("sign")
        self.responder.hold(self.names["waiting"])
        clients = [self.pair.client(self.gateway, self.client.key) for _ in range(3)]
        self.asking = [
            Background(clients[0].revoke, self.revoked, 4),
            Background(clients[1].finalize, self.signing, [self.names["signing"]]),
            Background(clients[2].prove, self.waiting.json(), self.prover),
        ]
        self.hold.wait()
        wait_until(self.revocations, "the CA to be asked for the revocation")
        wait_until(self._is_validating, "the challenge to be in processing")
        return self

    def _is_validating(self):
        where = "identifier = ? AND challenge_status = 'processing'"
        rows = self.pair.query(f"SELECT id FROM authorizations WHERE {where}", self.names["waiting"])
        return rows and self.responder.reached.is_set()

    def let_go(self):
        """From here on the CA and the responder answer. The answers that were held back go to the gateway that asked."""
        del self.proxy.replace["revoke"]
        self.hang.let_go()
        self.hold.let_go()
        self.responder.release()
        for one in self.asking:
            one.end_anyhow()

    def signed(self):
        """The calls that asked the CA to sign for the order."""
        return [call for call in self.proxy.sent("sign") if names_in(call)[0] == [self.names["signing"]]]

    def revocations(self):
        serial = str(self.revoked.serial_number)
        return [call for call in self.proxy.sent("revoke") if call.json()["serial"] == serial]

    def attempts(self):
        where = "order_id = ? ORDER BY id"
        rows = self.pair.query(f"SELECT status FROM attempts WHERE {where}", number_of(self.signing.location))
        return [row["status"] for row in rows]

    def end_at(self, gateway, step_ca):
        """Everything under way comes to its end, as a client sees it at this gateway. Returns the certificate of the order that
        was being signed."""
        client, name = self.client.at(gateway), self.names["waiting"]
        leaf = client.certificate(self.signing.location, seconds=TAKEN_OVER_SECONDS)[0]
        assert names_of(leaf) == [self.names["signing"]]
        rows = self.pair.query("SELECT serial FROM certificates WHERE order_id = ?", number_of(self.signing.location))
        assert rows == [{"serial": f"{leaf.serial_number:x}"}]
        assert client.wait_while(self.waiting.location, "pending")["status"] == "ready"
        assert client.finalize(self.waiting, [name]).status == 200
        assert names_of(client.certificate(self.waiting.location)[0]) == [name]
        wait_until(lambda: self.revoked.serial_number in step_ca.revoked(), "the CA to revoke")
        state = "SELECT state FROM v_certificates WHERE serial = ?"
        serial = f"{self.revoked.serial_number:x}"
        wait_until(lambda: self.pair.query(state, serial) == [{"state": "revoked"}], "the revocation to be recorded")
        return leaf

    def expect_calls(self, signed, revocations):
        assert (len(self.signed()), len(self.revocations())) == (signed, revocations)
        tokens = [call.json()["ott"] for call in (*self.proxy.sent("sign"), *self.proxy.sent("revoke"))]
        assert len(set(tokens)) == len(tokens)


@pytest.fixture
def work(pair, responder, module_ca_proxy):
    """Work that has begun at a gateway: work(gateway)."""
    return lambda gateway: Work(pair, gateway, responder(pair.one), module_ca_proxy).begin()


def takeovers(pair):
    return pair.query("SELECT gateway, detail FROM v_events WHERE kind = 'gateway.taken_over' ORDER BY id")


@pytest.fixture
def new_takeover(pair):
    """Waits for an event that was not there when the test began, and returns it."""
    before = len(takeovers(pair))

    def wait(seconds):
        (event,) = wait_until(lambda: takeovers(pair)[before:], "the work to be taken over", seconds)
        return event

    return wait


@pytest.mark.parametrize("all_of_them", [False, True], ids=["one of them", "all of them"])
def test_a_killed_gateway_loses_its_work_to_the_other(pair, work, new_takeover, step_ca, all_of_them):
    under_way = work(pair.one)
    pair.one.kill()
    if all_of_them:
        pair.two.kill()
        pair.two.start()
    under_way.let_go()
    taken = new_takeover(TAKEN_OVER_SECONDS)
    assert taken == {"gateway": "two", "detail": "one has given no sign of life for long; attempts without an answer: 1"}
    assert states(pair) == {"one": "gone", "two": "serving"}
    leaf = under_way.end_at(pair.two, step_ca)
    assert under_way.attempts() == ["unknown", "signed"]
    pair.start()
    assert states(pair) == {"one": "serving", "two": "serving"}
    assert under_way.client.at(pair.one).certificate(under_way.signing.location)[0] == leaf
    under_way.expect_calls(signed=2, revocations=2)


def test_a_stopped_gateway_hands_its_work_over_at_once(pair, work, new_takeover, step_ca):
    """It waits for the CA's answers, but not for long."""
    under_way = work(pair.two)
    pair.two.process.signal(signal.SIGTERM)
    under_way.responder.release()
    pair.two.stop()
    under_way.let_go()
    taken = new_takeover(SILENT_SECONDS)
    assert taken == {"gateway": "one", "detail": "two has stopped; attempts without an answer: 1"}
    under_way.end_at(pair.one, step_ca)
    assert under_way.attempts() == ["unknown", "signed"]
    under_way.expect_calls(signed=2, revocations=2)


def written_by(pair, name):
    """The numbers of the gateway's transactions and of its events so far."""
    (row,) = pair.query("SELECT batch FROM gateways WHERE name = ?", name)
    (events,) = pair.query("SELECT count(*) AS n FROM v_events WHERE gateway = ?", name)
    return row["batch"], events["n"]


def test_a_gateway_that_slept_writes_nothing_and_ends(pair, work, new_takeover, step_ca):
    under_way = work(pair.one)
    pair.one.process.signal(signal.SIGSTOP)
    assert new_takeover(TAKEN_OVER_SECONDS)["gateway"] == "two"
    written = written_by(pair, "one")
    pair.one.process.signal(signal.SIGCONT)
    under_way.let_go()
    assert pair.one.process.wait_end() == os.EX_TEMPFAIL
    assert "another gateway has taken this one's place" in pair.one.process.output()
    leaf = under_way.end_at(pair.two, step_ca)
    assert under_way.attempts() == ["unknown", "signed"] and written_by(pair, "one") == written
    pair.start()
    assert under_way.client.at(pair.one).certificate(under_way.signing.location)[0] == leaf
    under_way.expect_calls(signed=2, revocations=2)


# ---- PostgreSQL is gone for a while ----

LOOKS = 20  # a gateway looks for due work each second: more of them than the seconds of silence that count as the end


def test_the_time_without_postgresql_is_no_silence(new_postgresql, new_pair, with_admin):
    """One of them sleeps meanwhile, so that it shows no sign of life before the other one looks."""
    server = new_postgresql()
    pair = new_pair(server=server)
    admin = with_admin(pair.two)
    pair.start()
    clients = [pair.client(gateway) for gateway in pair.both]
    processes = [gateway.process.pid for gateway in pair.both]
    wait_for(admin, lambda one: one("acmegate_gateways_serving") == 2, "one to be known to the other")
    pair.one.process.signal(signal.SIGSTOP)
    wait_for_beat(pair, "two")
    server.stop("immediate")
    wait_until(lambda: failed_looks(pair.two) >= LOOKS, "looks for due work to fail", 90)
    server.start()
    wait_for_beat(pair, "two")
    pair.one.process.signal(signal.SIGCONT)
    for client in clients:
        wait_until(lambda: client.ready() == 200, "the gateway to be ready")
        wait_until(lambda: issues(client), "the gateway to issue")
    for name in ("one", "two"):
        wait_for_beat(pair, name)
    assert takeovers(pair) == [] and states(pair) == {"one": "serving", "two": "serving"}
    assert [gateway.process.pid for gateway in pair.both if gateway.process.running()] == processes


def failed_looks(gateway):
    """The log has a line of them every ten seconds, with the number of those that it has no line of."""
    line = r"cannot read the challenges that are due; trying again(?:; (\d+) more such lines)?"
    return sum(1 + int(more or 0) for more in re.findall(line, gateway.process.output()))


def issues(client):
    """None where a connection to the database was not there yet."""
    try:
        return client.issue([trusted_name()], prover=None)
    except Refused as refused:
        assert refused.reply.status == 503, refused
        return None


def wait_for_beat(pair, name):
    """A sign of life of a gateway without clients: it looks at the other one."""
    before = written_by(pair, name)[0]
    wait_until(lambda: written_by(pair, name)[0] > before, f"{name} to show that it lives", 60)


# ---- the same order at both ----

ORDERS = 20  # in both cases together


@pytest.mark.parametrize("same", [True, False], ids=["the same request", "two requests"])
def test_both_are_asked_to_finalize_one_order(pair, module_ca_proxy, same):
    """There is one certificate, for the request that came first."""
    clients = [pair.client(pair.one)]
    clients.append(pair.client(pair.two, clients[0].key))
    for _ in range(ORDERS // 2):
        name, keys = trusted_name(), [new_key(), new_key()]
        requests = [{"csr": b64(der(new_csr(key, [name])))} for key in keys]
        if same:
            keys[1], requests[1] = keys[0], requests[0]
        order = clients[0].order([name])
        url = order.json()["finalize"]
        asking = [Background(client.post, url, request) for client, request in zip(clients, requests)]
        replies = [one.end() for one in asking]
        leaf = clients[0].certificate(order.location)[0]
        took = [reply.status == 200 for reply in replies]
        assert took == [same_key(leaf, key) for key in keys]
        assert {reply.problem for reply in replies} == ({None} if same else {None, "orderNotReady"})
        where = "WHERE order_id = ?"
        assert pair.query(f"SELECT status FROM attempts {where}", number_of(order.location)) == [{"status": "signed"}]
        assert len(pair.query(f"SELECT id FROM certificates {where}", number_of(order.location))) == 1
        assert len([call for call in module_ca_proxy.sent("sign") if names_in(call)[0] == [name]]) == 1
        clients.reverse()
