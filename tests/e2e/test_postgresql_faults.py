# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL away, slow, full or replaced, while clients issue: they get 503 until it is back, the gateway goes on without a
restart, what a client was told is in the database, and the CA signs each name once."""

import collections
import dataclasses
import errno
import os
import pathlib
import struct
import subprocess
import tempfile
from typing import Callable

import pytest

from client_scenarios import fresh_name
from support import tools
from support.background import Background
from support.ca_faults import names_in
from support.certificates import der, new_csr, new_key, read_chain
from support.jose import b64
from support.postgresql_proxy import PostgreSQLProxy
from support.waiting import wait_until

pytestmark = pytest.mark.sqlite("its gateways are on PostgreSQL in any case")

CLIENTS = 3
MEMORY_MAX_KB = 1024 * 1024  # of a gateway with sanitizers, which keep what was freed


class Issuing:
    """Clients that issue without a pause, and note what they are told."""

    def __init__(self, gateway):
        self.orders = {}  # what was answered: the name of each order by its id
        self.serials = {}  # of the certificates that were got, by the order's id
        self.refused = 0
        self._ending = False
        self._threads = [Background(self._issue_all, self._patient(gateway.client())) for _ in range(CLIENTS)]

    @staticmethod
    def _patient(client):
        """The reply to a request whose COMMIT was under way waits until its fate is known: as long as the fault."""
        client.timeout = 150
        return client

    def end(self):
        self._ending = True
        for thread in self._threads:
            thread.end(120)

    def wait_for_more(self, count=2 * CLIENTS):
        """Certificates."""
        before = len(self.serials)
        wait_until(lambda: self.goes_on() and len(self.serials) >= before + count, "clients to get certificates", 90)

    def wait_for_refusal(self):
        before = self.refused
        wait_until(lambda: self.goes_on() and self.refused > before, "clients to be refused", 60)

    def goes_on(self):
        for thread in self._threads:
            if thread.error:
                raise thread.error
        return True

    def _issue_all(self, client):
        while not self._ending:
            self._issue(client, fresh_name())

    def _issue(self, client, name):
        order = {"identifiers": [{"type": "dns", "value": name}]}
        reply = self._take(lambda: client.post(client.directory["newOrder"], order), 201)
        number = int(reply.location.rsplit("/", 1)[1])
        self.orders[number] = name
        request = {"csr": b64(der(new_csr(new_key(), [name])))}
        self._take(lambda: client.post(reply.json()["finalize"], request), 200)
        url = wait_until(lambda: self._certificate_url(client, reply.location), f"order {number} to be valid", 120)
        (leaf, *_) = read_chain(self._take(lambda: client.post(url), 200).body)
        self.serials[number] = f"{leaf.serial_number:x}"

    def _certificate_url(self, client, location):
        order = self._take(lambda: client.post(location), 200).json()
        assert order["status"] in ("ready", "processing", "valid"), order
        return order.get("certificate")

    def _take(self, ask, status):
        """The reply that is no 503."""

        def ask_again():
            reply = ask()
            if reply.status != 503:
                return reply
            self.refused += 1
            assert int(reply.headers["Retry-After"]) > 0 and reply.problem == "serverInternal", reply
            return None

        reply = wait_until(ask_again, "the server to take it", 120)
        assert reply.status == status, reply
        return reply


class World:
    """A gateway whose database is at `uri`; `server` has it in the end."""

    def __init__(self, gateway, server, database, uri, proxy=None):
        self.gateway = gateway
        self.server = server
        self.database = database
        self.proxy = proxy
        self.standby = None
        self.filler = None
        gateway.configuration |= {"database": uri, "state_directory": str(gateway.folder), "gateway_id": "under-test"}
        gateway.configuration["endpoints"]["acme"]["trusted"] = {"names": ["*"]}
        gateway.configuration["finalize"] = {"hold_reply": "0s"}

    def ready(self, client):
        return client.raw("GET", self.gateway.configuration["base_url"] + "/ready").status

    def said(self, words):
        return words in self.gateway.process.output()

    def rows(self, sql):
        return self.server.query(sql, self.database)


# ---- where the database is ----


def behind_proxy(request, gateway):
    server, proxy = request.getfixturevalue("postgresql"), request.getfixturevalue("proxies")
    database = server.new_database("tcp")
    made = proxy(server.port)
    return World(gateway, server, database, database.replace(f"port={server.port}", f"port={made.port}"), made)


def on_shared_server(request, gateway):
    server = request.getfixturevalue("postgresql")
    database = server.new_database()
    return World(gateway, server, database, database)


def on_own_server(request, gateway):
    server = request.getfixturevalue("new_postgresql")()
    database = server.new_database("tcp")
    return World(gateway, server, database, database)


def on_two_servers(request, gateway):
    server = request.getfixturevalue("new_postgresql")()
    database = server.new_database("tcp")
    standby = server.standby(synchronous=True)
    name = database.split("@/")[1].split("?")[0]
    uri = server.uri(name, "tcp", others=(standby,), target_session_attrs="read-write")
    world = World(gateway, server, database, uri)
    world.standby = standby
    return world


def on_small_disk(request, gateway):
    """A tablespace of its own."""
    server, folder = request.getfixturevalue("postgresql"), request.getfixturevalue("small_disk")
    database = server.new_database()
    name = database.split("@/")[1].split("?")[0]
    server.sql(f"CREATE TABLESPACE {name} LOCATION '{folder}'")
    request.addfinalizer(lambda: server.sql(f"DROP TABLESPACE {name}"))
    request.addfinalizer(lambda: server.drop_database(database))
    server.sql(f"ALTER DATABASE {name} SET TABLESPACE {name}")
    world = World(gateway, server, database, database)
    world.filler = folder / "filler"
    return world


@pytest.fixture
def proxies():
    made = []

    def make(target):
        made.append(PostgreSQLProxy(target))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


@pytest.fixture
def small_disk(shared_postgresql):
    """A folder of the server's on a file system of 64 MiB."""
    if os.geteuid() != 0:
        tools.unavailable("only root mounts a file system")
    folder = pathlib.Path(tempfile.mkdtemp(dir=shared_postgresql.folder.path))
    owner = shared_postgresql.data.stat()
    options = f"size=64m,mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tools.unavailable(f"a file system cannot be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)
    folder.rmdir()


# ---- faults ----


def reset(world, issuing):
    for _ in range(5):
        assert world.proxy.reset() > 0
        issuing.wait_for_more()


def lose_answers_to_kept_commits(world, issuing):
    for _ in range(3):
        lost = world.proxy.lose_commits(kept=True)
        assert lost.done.wait(60)
        issuing.wait_for_more()
    wait_until(lambda: world.said("the COMMIT had been kept"), "the gateway to find out")


def lose_commits(world, issuing):
    for times in (1, 3):
        lost = world.proxy.lose_commits(kept=False, times=times)
        assert lost.done.wait(60)
        issuing.wait_for_more()
    wait_until(lambda: world.said("the COMMIT had not been kept"), "the gateway to find out")


def black_hole(world, _issuing):
    world.proxy.black_hole()


def restore(world):
    world.proxy.restore()


def cut(world, _issuing):
    world.proxy.cut()


def speak(octets):
    """What a server never says."""

    def begin(world, _issuing):
        world.proxy.speak(octets)

    return begin


def kill(world, _issuing):
    world.server.kill()


def start(world):
    world.server.start()


def promote(world):
    world.standby.promote()
    world.server = world.standby


def refuse_connections(world, _issuing):
    name = world.database.split("@/")[1].split("?")[0]
    world.server.sql(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    assert world.server.terminate_backends(world.database) > 0


def allow_connections(world):
    name = world.database.split("@/")[1].split("?")[0]
    world.server.sql(f"ALTER DATABASE {name} CONNECTION LIMIT -1")


def slow_down(world, _issuing):
    world.server.sql(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3600); RETURN NEW; END';"
        "CREATE TRIGGER wait BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION wait()",
        world.database,
    )


def speed_up(world):
    function = "CREATE OR REPLACE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
    world.server.sql(f"{function} 'BEGIN RETURN NEW; END'", world.database)


def fill_disk(world, _issuing):
    with open(world.filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError as full:
            assert full.errno == errno.ENOSPC


def empty_disk(world):
    world.filler.unlink()


@dataclasses.dataclass
class Fault:
    """`begin` and `end` are a fault's; without `end` it passes by itself."""

    place: Callable
    begin: Callable
    end: Callable = None
    refuses: bool = True  # every client, with 503; else perhaps some of them
    noticed: bool = True  # by clients, as 503
    unready: bool = True  # /ready is 503 until its end
    words: str = ""  # in the log


ROW = b"D" + struct.pack("!IHI", 4 + 2 + 4 + 1024, 1, 1024) + 1024 * b"x"
NOTICE = b"N" + struct.pack("!I", 4 + 19) + b"SNOTICE\0C00000\0Mx\0\0"
EXPECTED = "expected authentication request from server, but received"
ASKING = "asking the database what became of it"

FAULTS = {
    "connection reset": Fault(behind_proxy, reset, noticed=False),
    "COMMIT kept, its answer lost": Fault(behind_proxy, lose_answers_to_kept_commits, noticed=False, words=ASKING),
    "COMMIT not kept": Fault(behind_proxy, lose_commits, noticed=False, words=ASKING),
    "network that swallows": Fault(behind_proxy, black_hole, restore, words="timeout expired"),
    "network that refuses": Fault(behind_proxy, cut, restore, words="server closed the connection unexpectedly"),
    "garbage": Fault(behind_proxy, speak(bytes(range(128, 256)) * 64), restore, words=EXPECTED),
    "rows without an end": Fault(behind_proxy, speak(ROW * 512), restore, words=EXPECTED),
    "notices without an end": Fault(behind_proxy, speak(NOTICE * 4096), restore, words=EXPECTED),
    "primary killed and started": Fault(on_own_server, kill, start, words="Connection refused"),
    "primary killed, standby promoted": Fault(on_two_servers, kill, promote, words="session is read-only"),
    "standby alone": Fault(on_two_servers, kill, start, words="session is read-only"),
    "too many connections": Fault(on_shared_server, refuse_connections, allow_connections, words="too many connections for"),
    "slow statement": Fault(
        on_shared_server, slow_down, speed_up, unready=False, words="canceling statement due to statement timeout"
    ),
    "full disk": Fault(on_small_disk, fill_disk, empty_disk, refuses=False, unready=False, words="No space left on device"),
}


def assert_nothing_is_lost(world, issuing, ca_proxy):
    orders = {row["id"]: row["status"] for row in world.rows("SELECT id, status FROM orders")}
    assert orders == {number: "valid" for number in issuing.orders}
    certificates = world.rows("SELECT serial, order_id FROM certificates WHERE order_id IS NOT NULL")
    assert sorted((row["order_id"], row["serial"]) for row in certificates) == sorted(issuing.serials.items())
    signed = collections.Counter(name for call in ca_proxy.sent("sign") for name in names_in(call)[0])
    assert {name: signed[name] for name in issuing.orders.values()} == {name: 1 for name in issuing.orders.values()}


def memory_peak(process):
    """In KiB."""
    (line,) = [line for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines() if "VmHWM" in line]
    return int(line.split()[1])


@pytest.mark.parametrize("fault", [pytest.param(fault, id=name.replace(" ", "-")) for name, fault in FAULTS.items()])
def test_a_fault_of_postgresql(request, fault, new_gateway, step_ca, ca_proxy):
    world = fault.place(request, new_gateway(step_ca, url=ca_proxy.url))
    gateway = world.gateway.start()
    process, client = gateway.process.pid, gateway.client()
    issuing = Issuing(gateway)
    issuing.wait_for_more()
    fault.begin(world, issuing)
    if fault.end:
        wait_until(lambda: issuing.goes_on() and world.said(fault.words), "the fault to be met", 60)
        if fault.refuses:
            issuing.wait_for_refusal()
        if fault.unready:
            wait_until(lambda: world.ready(client) == 503, "the gateway not to be ready", 40)
        fault.end(world)
    issuing.wait_for_more()
    issuing.end()
    wait_until(lambda: world.ready(client) == 200, "the gateway to be ready")
    assert fault.noticed or issuing.refused == 0
    assert memory_peak(process) < MEMORY_MAX_KB
    assert gateway.process.running() and gateway.process.pid == process
    assert world.said(fault.words)
    assert_nothing_is_lost(world, issuing, ca_proxy)
