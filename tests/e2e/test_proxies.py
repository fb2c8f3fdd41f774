# SPDX-License-Identifier: Apache-2.0
"""Real proxies in front, configured as docs/proxies.md says: nginx, HAProxy, Caddy and Traefik, with TLS passed through and
ended. Clients are at 127.0.0.3 and 127.0.0.4, the proxies at 127.0.0.2."""

import os
import re
import socket
import ssl

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import AcmeClient, HttpProver, Refused
from support.certificates import Authority, key_pem, names_of, new_key, pem
from support.clients import Certbot
from support.page import Page, adapted
from support.ports import free_port
from support.processes import Process
from support.waiting import wait_until

PAGE = Page("docs/proxies.md")
PROXY, CLIENT, OTHER = "127.0.0.2", "127.0.0.3", "127.0.0.4"
SPOOFED = {"X-Forwarded-For": "192.0.2.66", "Forwarded": "for=192.0.2.66"}

THROUGH = {"proxy_protocol": True}
ENDED = {"tls": False}


class Proxy:
    """One of the examples, at `port`, in front of `back_port`. `more` are further changes of its text."""

    def __init__(self, folder, example, more=()):
        self.folder = folder
        self.example = example
        self.more = dict(more)
        self.port, self.back_port = free_port(), free_port()
        self.passes_through = "passed through" in example
        self.address = PROXY if example.startswith(("nginx", "HAProxy")) else "127.0.0.1"  # where its own connections come from
        authority, key = Authority("proxy"), new_key()
        self.root = folder / "proxy-root.crt"
        self.root.write_bytes(pem(authority.certificate))
        chain = pem(authority.issue(key.public_key(), ["localhost"]))
        (folder / "proxy.crt").write_bytes(chain)
        (folder / "proxy.key").write_bytes(key_pem(key))
        (folder / "proxy.pem").write_bytes(chain + key_pem(key))

    def start(self):
        kinds = {"nginx": self._nginx, "HAProxy": self._haproxy, "Caddy": self._caddy, "Traefik": self._traefik}
        command = kinds[self.example.split(",")[0]]()
        environment = {**os.environ, "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}
        self.process = Process(self.example, command, self.folder / "proxy.log", environment)
        self.process.wait_ready(self._listens)
        return self

    def _listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def _nginx(self):
        back = "10.0.0.2:9444" if self.passes_through else "http://10.0.0.2:9445"
        changes = {
            "listen 443": f"listen 127.0.0.1:{self.port}",
            f"proxy_pass {back};": f"proxy_pass {back.split('10.')[0]}127.0.0.1:{self.back_port}; proxy_bind {PROXY};",
        }
        if not self.passes_through:
            changes |= {"server_name acme.internal": "server_name localhost", "/etc/nginx/acme.": f"{self.folder}/proxy."}
        text = adapted(PAGE.snippets[self.example], {**changes, **self.more})
        if self.passes_through:
            text = f"load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n{text}"
        else:
            places = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in NGINX_PLACES)
            text = f"http {{\naccess_log off;\n{places}{text}}}\n"
        # A module is loaded before all else.
        loaded, rest = re.match(r"((?:load_module.*\n)?)(.*)", text, re.DOTALL).groups()
        path = self.folder / "nginx.conf"
        path.write_text(
            f"{loaded}daemon off;\nuser root;\nworker_processes 1;\npid {self.folder}/nginx.pid;\nerror_log stderr;\n"
            f"events {{ worker_connections 64; }}\n{rest}"
        )
        return [tools.program("nginx"), "-e", "stderr", "-p", self.folder, "-c", path]

    def _haproxy(self):
        back = "10.0.0.2:9444" if self.passes_through else "10.0.0.2:9445"
        changes = {
            "bind :443": f"bind 127.0.0.1:{self.port}",
            back: f"127.0.0.1:{self.back_port} source {PROXY}",
            "hdr Host acme.internal": f"hdr Host localhost:{self.port}",
        }
        if not self.passes_through:
            changes["/etc/haproxy/acme.pem"] = f"{self.folder}/proxy.pem"
        path = self.folder / "haproxy.cfg"
        path.write_text(f"global\n    maxconn 64\n{adapted(PAGE.snippets[self.example], {**changes, **self.more})}")
        return [tools.program("haproxy"), "-W", "-db", "-f", path]

    def _caddy(self):
        changes = {
            "https://acme.internal": f"https://localhost:{self.port}",
            "/etc/caddy/acme.": f"{self.folder}/proxy.",
            "10.0.0.2:9445": f"127.0.0.1:{self.back_port}",
        }
        path = self.folder / "Caddyfile"
        path.write_text("{\n    admin off\n    auto_https off\n}\n" + adapted(PAGE.snippets[self.example], {**changes, **self.more}))
        return [tools.built("caddy"), "run", "--adapter", "caddyfile", "--config", path]


    def _traefik(self):
        changes = {
            "`acme.internal`": "`localhost`",
            "10.0.0.2:9444" if self.passes_through else "10.0.0.2:9445": f"127.0.0.1:{self.back_port}",
        }
        text = adapted(PAGE.snippets[self.example], {**changes, **self.more})
        if not self.passes_through:
            text += f"tls:\n  certificates: [{{ certFile: {self.folder}/proxy.crt, keyFile: {self.folder}/proxy.key }}]\n"
        path = self.folder / "dynamic.yml"
        path.write_text(text)
        places = [f"--entryPoints.websecure.address=127.0.0.1:{self.port}", f"--providers.file.filename={path}"]
        return [tools.built("traefik"), "--log.level=DEBUG", *places]


NGINX_PLACES = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

PROXIES = {
    "nginx through": ("nginx, TLS passed through",),
    "nginx X-Forwarded-For": ("nginx, TLS ended",),
    "nginx Forwarded": ("nginx, TLS ended, with Forwarded",),
    "HAProxy through, version 1": ("HAProxy, TLS passed through", {"send-proxy-v2": "send-proxy"}),
    "HAProxy through, version 2": ("HAProxy, TLS passed through",),
    "HAProxy through, with fields": (
        "HAProxy, TLS passed through",
        {"send-proxy-v2": "send-proxy-v2 proxy-v2-options crc32c,unique-id"},
    ),
    "HAProxy X-Forwarded-For": ("HAProxy, TLS ended",),
    "Caddy X-Forwarded-For": ("Caddy, TLS ended",),
    "Traefik through": ("Traefik, TLS passed through",),
    "Traefik X-Forwarded-For": ("Traefik, TLS ended",),
}


def from_address(address, headers=None):
    """A client class whose requests come from there, all of them with these headers."""

    class Client(AcmeClient):
        source = address

        def raw(self, method, url, body=None, own_headers=None):
            return super().raw(method, url, body, {**(headers or {}), **(own_headers or {})})

    return Client


class Front:
    """A proxy, and the gateway behind it, which has a listener for direct clients too."""

    def __init__(self, proxy, gateway, limits=None):
        self.proxy, self.gateway = proxy, gateway
        self.direct_root = gateway.root_path
        self.direct_port = free_port()
        if not proxy.passes_through:
            gateway.root_path = proxy.root
        gateway.port = proxy.port  # what clients use
        listener = {"address": f"127.0.0.1:{proxy.back_port}", **(THROUGH if proxy.passes_through else ENDED)}
        gateway.configuration |= {
            "base_url": f"https://localhost:{proxy.port}",
            "alternate_names": [f"localhost:{self.direct_port}"],
            "trusted_proxies": [proxy.address],
            "listen": [f"127.0.0.1:{self.direct_port}", listener],
        }
        gateway.configuration["limits"] |= limits or {}

    def start(self):
        self.proxy.start()
        self.gateway.launch()
        self.gateway.process.wait_ready(self.answers)
        return self

    def answers(self):
        try:
            AcmeClient(self.gateway.directory(), self.gateway.root_path)
            return True
        except (OSError, ValueError):
            return False

    def client(self, address, headers=None):
        return from_address(address, headers)(self.gateway.directory(), self.gateway.root_path)

    def direct_client(self, address, headers=None):
        directory = f"https://localhost:{self.direct_port}/acme/acme/directory"
        return from_address(address, headers)(directory, self.direct_root)

    def places(self, table, column):
        return {row[column] for row in self.gateway.query(f"SELECT {column} FROM {table}")}


@pytest.fixture
def front(new_gateway, step_ca, tmp_path):
    """Makes one: front(name of PROXIES, limits)."""
    made = []

    def make(name, **limits):
        made.append(Front(Proxy(tmp_path, *PROXIES[name]), new_gateway(step_ca), limits))
        return made[-1].start()

    yield make
    for one in made:
        one.proxy.process.stop()


@pytest.mark.parametrize("name", PROXIES)
def test_a_certificate_through_a_proxy_and_the_clients_address(front, responder, name):
    """No header of a client's own counts, whatever the proxy makes of it."""
    here = front(name)
    client = here.client(CLIENT, SPOOFED).register()
    domain = fresh_name()
    assert names_of(client.issue([domain], HttpProver(responder(here.gateway)))[0]) == [domain]
    assert here.places("accounts", "created_from") == {CLIENT}
    assert here.places("orders", "client_address") == {CLIENT}
    assert f"client {CLIENT}" in here.places("events", "who")
    here.direct_client(OTHER, SPOOFED).register()
    assert here.places("accounts", "created_from") == {CLIENT, OTHER}


@pytest.mark.parametrize("name", ["nginx through", "HAProxy X-Forwarded-For"])
def test_limits_count_clients_and_not_the_proxy(front, name):
    here = front(name, accounts_per_address="1/1h")
    here.client(CLIENT).register()
    with pytest.raises(Refused) as refused:
        here.client(CLIENT, {"X-Forwarded-For": OTHER}).register()
    assert refused.value.reply.problem == "rateLimited"
    here.client(OTHER).register()
    assert here.places("accounts", "created_from") == {CLIENT, OTHER}


@pytest.mark.parametrize("name", ["nginx through", "nginx X-Forwarded-For"])
def test_a_listener_for_proxies_serves_nobody_else(front, name):
    here = front(name)
    with socket.create_connection(("127.0.0.1", here.proxy.back_port), 10, source_address=(CLIENT, 0)) as stranger:
        try:
            stranger.sendall(b"PROXY TCP4 192.0.2.66 192.0.2.1 1 2\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert stranger.recv(1) == b""
        except ConnectionResetError:
            pass
    line = f"a connection from {CLIENT} is closed: the listener is for proxies"
    wait_until(lambda: line in here.gateway.process.output(), "the line")


def test_clients_in_a_trusted_network_are_told_apart_behind_a_proxy(front):
    """Without the proxy's word everybody would be in its network."""
    here = front("nginx through")
    here.gateway.configuration["endpoints"]["acme"]["trusted"] = {"networks": [f"{PROXY}/31"]}  # the proxy and CLIENT
    here.gateway.write_configuration()
    here.gateway.process.hang_up()
    wait_until(lambda: "trusted.networks is in force" in here.gateway.process.output(), "the reload")
    states = {
        address: here.client(address).register().order([fresh_name()]).json()["status"] for address in (CLIENT, OTHER)
    }
    assert states == {CLIENT: "ready", OTHER: "pending"}
    # The proxy's own address is anybody's.
    assert here.direct_client(PROXY).register().order([fresh_name()]).json()["status"] == "pending"


@pytest.mark.parametrize("name", ["HAProxy through, version 2", "HAProxy X-Forwarded-For"])
def test_haproxy_finds_the_server_healthy(front, name):
    """Its checks have no client's address."""
    here = front(name)
    here.gateway.stop()
    told = len(here.proxy.process.output())
    wait_until(lambda: "is DOWN" in here.proxy.process.output()[told:], "the check to fail", 60)
    told = len(here.proxy.process.output())
    here.gateway.launch()
    wait_until(lambda: "is UP" in here.proxy.process.output()[told:], "the check to pass", 60)
    assert here.answers()


@pytest.mark.parametrize("name", ["nginx through", "HAProxy X-Forwarded-For"])
def test_certbot_through_a_proxy(front, name_server, tmp_path, name):
    here = front(name)
    certbot, domain = Certbot(here.gateway, tmp_path / "certbot", name_server), fresh_name()
    certbot.issue([domain])
    certbot.renew(domain)
    assert names_of(certbot.chain(domain)[0]) == [domain]
    assert here.places("accounts", "created_from") == {"127.0.0.1"}


def test_own_certificate_is_what_clients_see_through_a_proxy_that_passes_tls(front):
    here = front("nginx through")
    context = ssl.create_default_context(cafile=str(here.direct_root))
    seen = []
    for port in (here.proxy.port, here.direct_port):
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                seen.append(secure.getpeercert(True))
    assert seen[0] == seen[1]
