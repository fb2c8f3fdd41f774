# SPDX-License-Identifier: Apache-2.0
"""HAProxy in front of two gateways, configured as docs/scale-out.md says. Real clients get their certificates although the
gateway that serves them is killed or hangs in the middle of an issuance, or PostgreSQL's primary is killed."""

import contextlib
import shlex
import signal
import socket

import pytest

from client_scenarios import fresh_name
from support import tools
from support.background import Background
from support.certificates import names_of
from support.clients import HOOK, Certbot, Lego
from support.page import Page, adapted
from support.ports import free_port
from support.postgresql import database_name
from support.processes import Process
from support.waiting import wait_until

pytestmark = pytest.mark.sqlite("its gateways are on PostgreSQL in any case")

PAGE = Page("docs/scale-out.md")
BALANCER = "127.0.0.2"


class Balancer:
    """In front of a pair that has not started yet. Clients in support/clients.py use it as they use a gateway."""

    def __init__(self, pair, folder):
        self.pair, self.folder = pair, folder
        self.root_path, self.http_port = pair.one.root_path, pair.one.http_port
        self.places = {}
        for gateway, address in ((pair.one, "10.0.0.2:9444"), (pair.two, "10.0.0.3:9444")):
            back = f"127.0.0.1:{free_port()}"
            self.places[address] = f"{back} source {BALANCER}"
            gateway.configuration["trusted_proxies"] = [BALANCER]
            gateway.configuration["listen"].append({"address": back, "proxy_protocol": True})
        self.process = None

    def start(self):
        changes = {**self.places, "bind :443": f"bind 127.0.0.1:{self.pair.port}", "acme.internal": self.pair.host}
        path = self.folder / "haproxy.cfg"
        path.write_text(f"global\n    maxconn 64\n{adapted(PAGE.snippets['HAProxy, two gateways'], changes)}")
        self.process = Process("haproxy", [tools.program("haproxy"), "-W", "-db", "-f", path], self.folder / "haproxy.log")
        self.process.wait_ready(self._listens)
        return self

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.pair.port)) == 0

    def directory(self):
        return f"{self.pair.base_url}/acme/acme/directory"

    def says(self, words, since=0):
        return words in self.process.output()[since:]


@contextlib.contextmanager
def balanced(pair, folder):
    """The balancer in front of a pair, all of them started."""
    made = Balancer(pair, folder)
    pair.start()
    yield made.start()
    made.process.stop()


@pytest.fixture
def balancer(new_pair, tmp_path):
    with balanced(new_pair(), tmp_path) as made:
        yield made


class Pause:
    """A client's hook that prepares the answer to a challenge, and then waits for let_go(). Meanwhile the client makes no
    request."""

    def __init__(self, folder):
        folder.mkdir()
        self.hook, self._reached, self._go_on = folder / "hook", folder / "reached", folder / "go-on"
        here, there, hook = (shlex.quote(str(path)) for path in (self._reached, self._go_on, HOOK))
        self.hook.write_text(f'#!/bin/sh\n{hook} "$@" && touch {here} && while [ ! -e {there} ]; do sleep 0.05; done\n')
        self.hook.chmod(0o755)

    def wait(self, client):
        wait_until(lambda: client.error or self._reached.exists(), "the client to have its challenge", 60)
        if client.error:
            raise client.error

    def let_go(self):
        self._go_on.touch()


class PausingCertbot(Certbot):
    def issue_with(self, hook, name):
        how = ["--manual", "--preferred-challenges", "dns", "--manual-auth-hook", hook]
        self.call("certonly", "--agree-tos", "--register-unsafely-without-email", *how, "-d", name)


class PausingLego(Lego):
    def issue_with(self, hook, name):
        resolvers = ["--dns.disable-cp", "--dns.resolvers", self.name_server.address]
        self.call([name], ["--dns", "exec", *resolvers], "run", EXEC_PATH=str(hook))


def serving_gateway(pair):
    """The one that made the newest order."""
    (row,) = pair.query("SELECT gateway FROM v_events WHERE kind = 'order.created' ORDER BY id DESC LIMIT 1")
    return getattr(pair, row["gateway"])


def kill(gateway, _balancer):
    gateway.kill()


def hang(gateway, balancer):
    gateway.process.signal(signal.SIGSTOP)
    wait_until(lambda: balancer.says("is DOWN"), "the balancer to give the gateway up", 60)


@pytest.mark.parametrize("end", [kill, hang])
@pytest.mark.parametrize("kind", [PausingCertbot, PausingLego], ids=["certbot", "lego"])
def test_a_client_does_not_notice_the_end_of_its_gateway(balancer, name_server, tmp_path, kind, end):
    pair, pause, name = balancer.pair, Pause(tmp_path / "pause"), fresh_name()
    client = kind(balancer, tmp_path / "client", name_server)
    issuing = Background(client.issue_with, pause.hook, name)
    pause.wait(issuing)
    ended = serving_gateway(pair)
    end(ended, balancer)
    pause.let_go()
    issuing.end(100)
    assert names_of(client.chain(name)[0]) == [name]
    (row,) = pair.query("SELECT gateway FROM v_events WHERE kind = 'order.valid'")
    assert row["gateway"] == pair.other(ended).name
    wait_until(lambda: balancer.says("is DOWN"), "the balancer to find out")
    told = len(balancer.process.output())
    ended.kill()
    ended.start()
    wait_until(lambda: balancer.says("is UP", told), "the balancer to take it back")
    pair.other(ended).kill()
    client.issue([fresh_name()])


# ---- PostgreSQL's primary ----


@pytest.fixture
def primary(new_postgresql):
    return new_postgresql()


@pytest.fixture
def standby(primary):
    return primary.standby(synchronous=True)


@pytest.fixture
def balancer_of_two_databases(primary, standby, new_pair, tmp_path):
    pair = new_pair(server=primary)
    both = primary.uri(database_name(pair.store.place), others=[standby], target_session_attrs="read-write")
    for gateway in pair.both:
        gateway.configuration["database"] = both
    with balanced(pair, tmp_path) as made:
        yield made


@pytest.mark.parametrize("kind", [PausingCertbot, PausingLego], ids=["certbot", "lego"])
def test_an_issuance_goes_on_when_the_primary_is_killed(
    balancer_of_two_databases, primary, standby, name_server, tmp_path, kind
):
    balancer, pause, name = balancer_of_two_databases, Pause(tmp_path / "pause"), fresh_name()
    client = kind(balancer, tmp_path / "client", name_server)
    issuing = Background(client.issue_with, pause.hook, name)
    pause.wait(issuing)
    primary.kill()
    wait_until(lambda: balancer.says("no server available"), "the balancer to find no gateway", 60)
    told = len(balancer.process.output())
    standby.promote()
    wait_until(lambda: balancer.says("is UP", told), "a gateway to be ready again", 60)
    pause.let_go()
    issuing.end(100)
    assert names_of(client.chain(name)[0]) == [name]
    assert standby.query("SELECT status FROM orders", balancer.pair.store.place) == [{"status": "valid"}]
    assert all(gateway.process.running() for gateway in balancer.pair.both)
