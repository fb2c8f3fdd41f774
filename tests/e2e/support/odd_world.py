# SPDX-License-Identifier: Apache-2.0
"""One gateway with everything at hand that can go wrong: odd name and web servers, CAs that refuse, proxies that misbehave."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from client_scenarios import fresh_name

from . import odd_name_server as dns
from .ca_proxy import CaProxy
from .certificates import der, new_csr, new_key
from .gateway import Gateway, stepca_issuer
from .jose import b64
from .odd_name_server import Answer, OddNameServer
from .provisioner_keys import ProvisionerKey
from .step_ca import StepCA

ZONE = "e2e.internal"
DENIED, FAILING = f"denied.{ZONE}", f"failing.{ZONE}"  # by the CA's policy, by its template
TEMPLATE = (
    '{{ range .SANs }}{{ if hasSuffix ".' + FAILING + '" .Value }}{{ fail "not on a Friday" }}{{ end }}{{ end }}'
    '{"subject": {{ toJson .Subject }}, "sans": {{ toJson .SANs }}, '
    '"keyUsage": ["digitalSignature"], "extKeyUsage": ["serverAuth", "clientAuth"]}'
)
POLICY = {"x509": {"allow": {"dns": [f"*.{ZONE}", f"*.{FAILING}", "localhost"]}, "deny": {"dns": [f"*.{DENIED}"]}}}
CHALLENGES = ["http-01", "dns-01", "tls-alpn-01"]


class OddWebServer:
    """Does what `says` has for a name with the request handler; 404 for every other. Usable in a `with` statement."""

    def __init__(self, port):
        self.says = {}
        self.go_on = threading.Event()  # set, those that hang end
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def _handler(server):  # pylint: disable=no-self-argument
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.headers["Host"].rsplit(":", 1)[0]
                server.says.get(name, answers(404))(self)

            def log_message(self, *_):
                pass

        return Handler

    def hang(self, name):
        """Requests for the name hang; the event that one has come."""
        asked = threading.Event()

        def wait(_handler):
            asked.set()
            self.go_on.wait(60)

        self.says[name] = wait
        return asked

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def answers(status, body="", **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body.encode())

    return answer


class OddWorld:
    """`gateway` runs; `names` and `web` say what a test wants; an endpoint or a profile for each kind of trouble."""

    def __init__(self, folder, proxied):
        self.folder = folder
        self.names = OddNameServer()
        self.ca = StepCA(folder / "ca", policy=POLICY, template=TEMPLATE)
        self.narrow_ca = StepCA(folder / "narrow", permitted=["localhost", "allowed.test"])
        self.bare_ca = StepCA(folder / "bare", crl={}, settings={"db": None, "crl": None})
        self.holds = []  # of calls that wait for the end
        self.proxies = {name: CaProxy(self.ca, folder / name) for name in proxied}
        self.gateway = Gateway(folder / "gateway", self._issuer("main", self.ca), self.ca.root_path)
        self.web = OddWebServer(self.gateway.http_port)
        self._configure()

    def _issuer(self, name, ca, **members):
        return stepca_issuer(ca, self.folder / f"issuer-{name}", **members)

    def _configure(self):
        configuration = self.gateway.configuration
        stranger = self._issuer("stranger", self.ca)
        (self.folder / "stranger.key").write_text(ProvisionerKey().text("PEM"))
        stranger.pop("provisioner_password_file", None)
        stranger["provisioner_key_path"] = str(self.folder / "stranger.key")
        issuers = {
            "narrow": self._issuer("narrow", self.narrow_ca),
            "bare": self._issuer("bare", self.bare_ca),
            "stranger": stranger,
            "short": self._issuer("short", self.ca),
            "timed": self._issuer("timed", self.ca),
            **{name: self._issuer(name, self.ca, url=proxy.url) for name, proxy in self.proxies.items()},
        }
        configuration["issuers"].update(issuers)
        configuration["profiles"].update({name: {"issuer": name, "max_ttl": "24h"} for name in issuers})
        configuration["profiles"]["short"]["max_ttl"] = "2m"
        configuration["profiles"]["p384"] = {"issuer": "main", "max_ttl": "24h", "key_types": ["P-384"]}
        trusting = {"profiles": list(configuration["profiles"]), "challenges": CHALLENGES, "trusted": {"names": ["*"]}}
        plain = {"profiles": ["default"], "challenges": CHALLENGES}
        configuration["endpoints"].update(
            {
                "trusting": trusting,
                "careful": {**plain, "caa_identities": ["ca.test"]},
                "denying": {**plain, "names": {"deny": [f"*.{ZONE}"]}},
                "web": {**plain, "challenges": ["http-01"]},
                "keys": {**plain, "profiles": ["default", "p384"], "eab": "required"},
                "guests": {**plain, "eab": "optional", "without_eab": {"names": {"deny": [f"*.{ZONE}"]}}},
            }
        )
        configuration["limits"]["orders_per_name"] = "2/1h"
        configuration["finalize"] = {"hold_reply": "0s", "give_up_after": "20s"}
        configuration["validation"]["allow_addresses"] = ["127.0.0.1", "127.0.0.2"]
        configuration["validation"].update(resolvers=[self.names.address], retry_for="0s", timeout="2s")
        configuration["stepca_api"] = {"profile": "default"}

    def __enter__(self):
        self.cas = [self.ca, self.narrow_ca, self.bare_ca]
        for ca in self.cas:
            ca.start()
        for server in (self.names, self.web, *self.proxies.values()):
            server.__enter__()
        self.gateway.start()
        return self

    def __exit__(self, *_):
        for hold in self.holds:
            hold.let_go()
        self.web.go_on.set()
        try:
            self.gateway.stop()
        finally:
            for server in (self.names, self.web, *self.proxies.values()):
                server.__exit__()
            for ca in self.cas:
                ca.stop()

    # ---- what cases do ----

    def explain(self, word):
        """What `explain` prints; nothing where it knows nothing."""
        return self.gateway.run("explain", word)[1]

    def at(self, name, address="127.0.0.1"):
        """The name has this address."""
        self.names.says[name, dns.AAAA] = Answer()
        self.names.says[name, dns.A] = Answer(dns.address(name, address))
        return name

    def ready(self, profile="default", name=None, **members):
        """(client, order, name): an order that needs no proof."""
        client, name = self.gateway.client(endpoint="trusting"), name or fresh_name()
        return client, client.order([name], profile=profile, **members), name

    def finalized(self, profile="default", name=None, **members):
        """The name of an order that was finalized."""
        client, order, name = self.ready(profile, name, **members)
        reply = client.finalize(order, [name])
        assert reply.status == 200, reply
        return name

    def issued(self, profile="default"):
        """(client, certificate, name)"""
        client, order, name = self.ready(profile)
        client.finalize(order, [name])
        return client, client.certificate(order.location)[0], name

    def finalized_with(self, csr, profile="default", order=None):
        """The name of an order whose CSR, as octets, was refused; `order` is what ready() returned."""
        client, order, name = order or self.ready(profile)
        reply = client.post(order.json()["finalize"], {"csr": b64(csr(client, name))})
        assert reply.problem == "badCSR", reply
        return name

    def challenged(self, prover, name=None, endpoint="acme"):
        """The name of an order whose challenge was asked for."""
        client, name = self.gateway.client(endpoint=endpoint), name or fresh_name()
        order = client.order([name]).json()
        client.answer(order["authorizations"][0], prover)
        return name


    def age(self, table, column, name):
        """What was made last of this kind for the name has ended a minute ago."""
        of_name = {
            "orders": "SELECT order_id FROM order_authorizations JOIN authorizations z ON z.id = authorization_id"
            " WHERE z.identifier = ?",
            "authorizations": "SELECT id FROM authorizations WHERE identifier = ?",
            "certificates": "SELECT certificate_id FROM certificate_names WHERE name = ?",
        }
        ended = int(time.time()) - 60
        self.gateway.execute(f"UPDATE {table} SET {column} = {ended} WHERE id IN ({of_name[table]})", name)


class Prepared:
    """A prover that lets `prepare` say what is answered: prepare(client, name, token)."""

    def __init__(self, kind, prepare=lambda client, name, token: None):
        self.kind = kind
        self.prepare = prepare


def own_key_csr(kind="P-256"):
    """A CSR with a key of this kind."""
    return lambda client, name: der(new_csr(new_key(kind), [name]))

