# SPDX-License-Identifier: Apache-2.0
"""Fixtures: what a test asks for is started on ports of its own, and ended with it."""

import contextlib
import pathlib
import subprocess

import pytest

from support import tools
from support.acme_client import HttpProver
from support.admin import Admin, short_folder
from support.ca_proxy import CaProxy
from support.engines import copy_rows, new_postgresql_database
from support.filled_gateway import filled_gateway
from support.gateway import Gateway, stepca_issuer
from support.gateway_pair import GatewayPair
from support.http_responder import HttpResponder
from support.name_server import NameServer
from support.ocsp_responder import RESPONDER
from support.postgresql import PostgreSQL
from support.provisioner_keys import ProvisionerKey
from support.status import TEMPLATE
from support.step_ca import PROVISIONER, StepCA


@pytest.fixture(scope="session")
def name_server(tmp_path_factory):
    server = NameServer(tmp_path_factory.mktemp("names"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def step_cas(tmp_path_factory):
    """A running step-ca of each version asked for: step_cas("0.30.2")."""
    running = {}

    def of_version(version=tools.STEP_CA_VERSIONS[0]):
        if version not in running:
            running[version] = StepCA(tmp_path_factory.mktemp("step-ca") / "ca", version).start()
        return running[version]

    yield of_version
    for ca in running.values():
        ca.stop()


@pytest.fixture(scope="session")
def step_ca(step_cas):
    """The current step-ca."""
    return step_cas()


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The tree that `cmake --install` puts on a machine."""
    folder = tmp_path_factory.mktemp("installed")
    command = ["cmake", "--install", pathlib.Path(tools.acmegate()).parent, "--prefix", "/usr"]
    environment = {"DESTDIR": str(folder), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def new_step_ca(tmp_path):
    """Makes a step-ca for one test: new_step_ca(claims=…)."""
    made = []

    def make(**members):
        made.append(StepCA(tmp_path / f"step-ca-{len(made)}", **members))
        return made[-1].start()

    yield make
    for ca in made:
        ca.stop()


@pytest.fixture(scope="session")
def shared_postgresql(tmp_path_factory):
    """The server that the tests of a worker share."""
    server = PostgreSQL(tmp_path_factory.mktemp("postgresql")).make()
    yield server
    server.close()


@pytest.fixture
def postgresql(shared_postgresql):
    """The same, for databases that end with the test."""
    with shared_postgresql.databases():
        yield shared_postgresql


@pytest.fixture(scope="module")
def module_postgresql(shared_postgresql):
    """The same, for databases that all tests of a file use."""
    with shared_postgresql.databases():
        yield shared_postgresql


@pytest.fixture
def new_postgresql(tmp_path):
    """Makes a server for one test, which may stop, kill or lose it: new_postgresql(), new_postgresql(fsync="on")."""
    made = []

    def make(**settings):
        made.append(PostgreSQL(tmp_path, **settings))
        return made[-1].make()

    yield make
    for server in made:
        server.close()


class Site:
    """A CA and a gateway in front of it."""

    def __init__(self, ca, gateway):
        self.ca = ca
        self.gateway = gateway


@pytest.fixture(scope="session")
def sites(tmp_path_factory, step_cas, name_server):
    """A running gateway in front of each version of step-ca asked for, shared by the tests that change nothing in it."""
    running = {}

    def of_version(version):
        if version not in running:
            ca = step_cas(version)
            folder = tmp_path_factory.mktemp("site")
            issuer = stepca_issuer(ca, folder / "issuer")
            running[version] = Site(ca, Gateway(folder / "gateway", issuer, ca.root_path, name_server).start())
        return running[version]

    yield of_version
    for site in running.values():
        site.gateway.stop()


@pytest.fixture(params=tools.STEP_CA_VERSIONS)
def site(request, sites):
    """In front of each version of step-ca."""
    return sites(request.param)


@pytest.fixture
def current_site(sites):
    """In front of the current step-ca only."""
    return sites(tools.STEP_CA_VERSIONS[0])


@contextlib.contextmanager
def _gateways(parent, name_server):
    made = []

    def make(ca, **issuer):
        folder = parent / f"gateway-{len(made)}"
        made.append(Gateway(folder, stepca_issuer(ca, folder, **issuer), ca.root_path, name_server))
        return made[-1]

    yield make
    for gateway in made:
        gateway.stop()
    for gateway in made:  # several may have one database
        gateway.store.drop()


@pytest.fixture
def new_gateway(tmp_path, name_server):
    """Makes a gateway for one test, not started yet: new_gateway(ca), new_gateway(ca, url=proxy.url, form="PEM")."""
    with _gateways(tmp_path, name_server) as make:
        yield make


@pytest.fixture(scope="module")
def new_module_gateway(tmp_path_factory, name_server):
    """The same for the tests of a file."""
    with _gateways(tmp_path_factory.mktemp("gateways"), name_server) as make:
        yield make


@pytest.fixture
def new_pair(request, new_gateway, step_ca, tmp_path):
    """Makes two gateways on one PostgreSQL, not started yet: new_pair(), new_pair(ca, server=…, form="PEM")."""

    def make(ca=step_ca, server=None, **issuer):
        made = [new_gateway(ca, **issuer) for _ in range(2)]
        return GatewayPair(made, server or request.getfixturevalue("shared_postgresql"), tmp_path / "pair")

    return make


@pytest.fixture(scope="module")
def module_engines(new_module_gateway, step_ca, name_server, tmp_path_factory, module_postgresql):
    """(SQLite's file, PostgreSQL's URI) with the same rows, some in each table."""
    with filled_gateway(new_module_gateway, step_ca, name_server, tmp_path_factory.mktemp("filled")) as gateway:
        uri = new_postgresql_database(module_postgresql)
        copy_rows(gateway.database, module_postgresql, uri)
        yield gateway.database, uri


@pytest.fixture
def gateway(new_gateway, step_ca):
    """In front of the current step-ca, not started yet. Files that need another one define it."""
    return new_gateway(step_ca)


@pytest.fixture
def prover(gateway, responder):
    """Answers http-01 challenges of `gateway`."""
    return HttpProver(responder(gateway))


@pytest.fixture
def admin_socket():
    """Where an admin API may listen."""
    with short_folder() as folder:
        yield folder / "admin.sock"


@pytest.fixture
def with_admin(admin_socket):
    """Has a gateway listen there, before its start; its client: with_admin(gateway)."""

    def configure(gateway):
        gateway.configuration["admin"] = {"socket": str(admin_socket)}
        return Admin.on_socket(admin_socket)

    return configure


@pytest.fixture
def admin(gateway, with_admin):
    """Starts `gateway` with an admin API; its client."""
    client = with_admin(gateway)
    gateway.start()
    return client


@pytest.fixture
def ca_proxy(step_ca, tmp_path):
    """A proxy in front of the current step-ca."""
    with CaProxy(step_ca, tmp_path / "ca-proxy") as proxy:
        yield proxy


@pytest.fixture
def responder():
    """A responder to http-01 for a gateway: responder(gateway)."""
    entered = []

    def make(gateway, **members):
        entered.append(HttpResponder(gateway.http_port, **members))
        return entered[-1].__enter__()

    yield make
    for one in entered:
        one.__exit__()


@pytest.fixture
def responder_ca(new_step_ca):
    """A step-ca whose second provisioner makes OCSP responders."""
    keys = {PROVISIONER: ProvisionerKey(), RESPONDER: ProvisionerKey()}
    return lambda **members: new_step_ca(provisioner_keys=keys, templates={RESPONDER: TEMPLATE}, **members)
