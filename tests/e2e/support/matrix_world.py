# SPDX-License-Identifier: Apache-2.0
"""What the permission matrix is asked of: one gateway in front of three CAs, accounts of every standing, and their things."""

import concurrent.futures
import json
import ssl
import threading
import time

from client_scenarios import fresh_name
from cryptography import x509

from . import matrix
from .acme_client import JOSE_JSON, AcmeClient, DnsProver, HttpProver
from .admin import Admin
from .certificates import Authority, der, load_key, malleated, new_csr, new_key, pem
from .eab import add_key, binding
from .gateway import Gateway, stepca_issuer
from .http_responder import HttpResponder
from .jose import algorithm, b64, flattened, public_jwk
from .matrix_things import Request, Sender, Thing, Wire, clone
from .ocsp_responder import RESPONDER, with_responder
from .ports import free_port
from .provisioner_keys import ProvisionerKey
from .status import TEMPLATE, StatusClient
from .step_ca import PROVISIONER, StepCA
from .waiting import wait_until

PEOPLE = "people"  # a provisioner that is not the gateway's
ADMIN_TOKEN = "the admin token of the matrix"
HOMES = {"other_endpoint": "second", "other_ca": "other_ca", "other_root": "other_root"}
FAR = 30 * 86400
TRUSTED = ["*.trusted.internal", "zone.internal"]
FLEETING = "*.fleeting.internal"  # trusted until the restart


class World:
    def __init__(self, folder, admin_folder, name_server):
        self.name_server = name_server
        self.gateway = None
        self._make_cas(folder)
        self.gateway = self._configure(folder, admin_folder)
        self.site = self.gateway.configuration["base_url"]
        self.things = {}
        self.later = []  # SQL for the stopped server: what time and other hands would do
        self._clients = {}
        self._reader = None
        self._lock = threading.Lock()

    # ---- the CAs and the gateway ----

    def _make_cas(self, folder):
        keys = {PROVISIONER: ProvisionerKey(), RESPONDER: ProvisionerKey(), PEOPLE: ProvisionerKey()}
        self.ca = StepCA(folder / "ca", provisioner_keys=keys, templates={RESPONDER: TEMPLATE})
        self.other_ca = StepCA(folder / "other-ca", root=self.ca.root, name="other test")
        self.other_root = StepCA(folder / "other-root", name="third test")
        self.cas = {"main": self.ca, "other_ca": self.other_ca, "other_root": self.other_root}

    def _configure(self, folder, admin_folder):
        gateway = Gateway(folder / "gateway", stepca_issuer(self.ca, folder / "main", "JWK"), self.ca.root_path, self.name_server)
        configuration = gateway.configuration
        for name in ("other_ca", "other_root"):
            configuration["issuers"][name] = stepca_issuer(self.cas[name], folder / name, "JWK")
            configuration["profiles"][name] = {"issuer": name}
        common = {"authorization_lifetime": "48h", "subdomains": True, "challenges": ["http-01", "dns-01"],
                  "trusted": {"names": [*TRUSTED, FLEETING]}}
        homes = {"acme": "default", "network": "default", "bound": "default", "second": "default",
                 "other_ca": "other_ca", "other_root": "other_root"}
        configuration["endpoints"] = {home: {"profiles": [profile], **common} for home, profile in homes.items()}
        configuration["endpoints"]["network"]["trusted"] = {"networks": ["127.0.0.0/8"]}
        configuration["endpoints"]["bound"]["eab"] = "required"
        configuration["validation"]["retry_for"] = "0s"
        cross = folder / "cross.pem"
        cross.write_bytes(pem(self.ca.issuing.signed_by(Authority("the root to come"))))
        configuration["issuers"]["main"]["alternate_chains"] = [str(cross)]
        configuration["stepca_api"] = {"profile": "default"}
        self.status = StatusClient(free_port())
        configuration["pki_listen"] = [f"127.0.0.1:{self.status.port}"]
        port, socket, token = free_port(), admin_folder / "admin.sock", folder / "admin-token"
        token.write_text(ADMIN_TOKEN)
        token.chmod(0o600)
        configuration["admin"] = {"socket": str(socket), "listen": [f"127.0.0.1:{port}"], "token_file": str(token)}
        self.admin, self.admin_socket = Admin.on_tcp(port, gateway.root_path), Admin.on_socket(socket)
        return with_responder(self.ca, gateway, folder)

    def start(self, cells):
        """Everything that the cells speak of is made, then its owners lose what they are to lose."""
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(StepCA.start, self.cas.values()))
        self.gateway.start()
        self._add_keys()
        with HttpResponder(self.gateway.http_port) as responder:
            self.http, self.dns = HttpProver(responder), DnsProver(self.name_server)
            self._make_things(cells)
        self._lose()
        self.gateway.stop()
        for sql, *parameters in self.later:
            self.gateway.execute(sql, *parameters)
        self.gateway.configuration["endpoints"]["acme"].update(names={"deny": ["*.denied.internal"]}, trusted={"names": TRUSTED})
        self.gateway.start()
        wait_until(lambda: self.status.by_serial("1").ocsp.response_status.name == "SUCCESSFUL", "an OCSP responder")
        wait_until(lambda: all(self.status_of(name).crl_reply().status == 200 for name in self.cas), "every CA's list")
        self.wire = Wire(self.gateway.directory(), self.gateway.root_path)
        self._reader = self.gateway.store.reader()
        self._version = None
        return self

    def stop(self):
        try:
            if self._reader:
                self._reader.close()
            self.gateway.stop()
        finally:
            for ca in self.cas.values():
                ca.stop()

    def status_of(self, issuer):
        return StatusClient(self.status.port, issuer)

    # ---- accounts ----

    def _add_keys(self):
        self.keys = {
            (standing, trusted): add_key(self.gateway, "--trusted", "yes" if trusted else "no", endpoint="bound")
            for standing in ("bound", "bound_revoked")
            for trusted in (False, True)
        }

    def bind(self, client, standing="bound", trusted=False):
        return {"externalAccountBinding": binding(client, *self.keys[standing, trusted])}

    def new_account(self, endpoint, standing="own", trusted=False):
        client = AcmeClient(self.gateway.directory(endpoint), self.gateway.root_path)
        revoked = standing == "bound_revoked"
        bound = self.bind(client, "bound_revoked" if revoked else "bound", trusted) if endpoint == "bound" else {}
        return client.register(**bound)

    def account(self, endpoint, standing="own", trusted=False):
        """The one account of this standing there."""
        key = endpoint, standing, trusted
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self.new_account(*key)
            return self._clients[key]

    def _lose(self):
        for (_, standing, _), client in self._clients.items():
            if standing == "deactivated":
                assert client.post(client.account, {"status": "deactivated"}).status == 200
            if standing == "revoked":
                assert self.gateway.run("account", "deactivate", client.account.rsplit("/", 1)[1])[0] == 0
            if standing == "old_key":
                new, url = new_key(), client.directory["keyChange"]
                inner = {"account": client.account, "oldKey": public_jwk(client.key)}
                change = flattened(new, {"alg": algorithm(new), "jwk": public_jwk(new), "url": url}, inner)
                assert client.post(url, change).status == 200
        for trusted in (False, True):
            assert self.gateway.run("eab", "revoke", "bound", self.keys["bound_revoked", trusted][0])[0] == 0

    # ---- things ----

    # What tests beside the table ask for.
    SHARED = (("own", "valid", "proven"), ("own", "revoked", "proven"), ("own", "of_other_ca", "unproven"),
              ("own", "ordered_of_other_ca", "unproven"))

    def thing(self, *key):
        return self.things[*key, None]

    def _make_things(self, cells):
        for endpoint in self.gateway.configuration["endpoints"]:
            self.account(endpoint, "other" if endpoint in ("acme", "network", "bound") else "own")
        wanted = dict.fromkeys([cell.thing_key for cell in cells if cell.thing_key] + [(*key, None) for key in self.SHARED])
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            made = pool.map(lambda key: self._make(*key), wanted)
            self.things = dict(zip(wanted, made))

    def _make(self, standing, state, proof, alone):
        trusted = proof == "trusted_key"
        endpoint = "network" if proof == "trusted_network" else "bound" if trusted or "bound" in standing else "acme"
        make_account = self.new_account if alone and state == "account" else self.account
        thing = Thing(clone(make_account(endpoint, standing, trusted)), endpoint)
        getattr(self, f"_make_{state}")(thing, proof)
        if alone and alone[1] in matrix.CONTROLLERS:
            thing.controller = self._control(thing, alone[1].removeprefix("control_"))
        return thing

    def allow(self, client, proof):
        """A name that is the client's in this way, or will be when it proves it; the authorization above it."""
        label = fresh_name().split(".")[0]
        fixed = {"trusted_name": "trusted.internal", "denied": "denied.internal", "below_trusted": "zone.internal",
                 "fleeting": "fleeting.internal"}
        name, parent = f"{label}.{fixed.get(proof, 'e2e.internal')}", None
        if proof == "reused":
            client.ready_order([name], self.http)
        if proof == "below_trusted":
            self._trust_without_proof(client, "zone.internal")
        if proof in ("inherited", "orphaned"):
            parent, name = self._authorize_below(client, name), f"a.{name}"
        if proof == "orphaned":
            client.post(parent, {"status": "deactivated"})
        return name, parent

    def _trust_without_proof(self, client, domain):
        """The name is the client's, and what it asks for the names below is not answered by that."""
        for wide, status in ((False, "valid"), (True, "pending")):
            identifier = {"type": "dns", "value": domain, "subdomainAuthAllowed": wide}
            assert client.post(client.directory["newAuthz"], {"identifier": identifier}).json()["status"] == status

    def _authorize_below(self, client, domain):
        identifier = {"type": "dns", "value": domain, "subdomainAuthAllowed": True}
        url = client.post(client.directory["newAuthz"], {"identifier": identifier}).location
        client.answer(url, self.dns)
        assert client.wait_while(url, "pending")["status"] == "valid"
        return url

    def _control(self, thing, how):
        """A new account with authorizations for the thing's names."""
        client = self.new_account(HOMES.get(how, thing.endpoint), trusted=how == "trusted" and thing.endpoint == "bound")
        if how == "inherited":
            self._authorize_below(client, thing.names[0].split(".", 1)[1])
        order = client.order(thing.names) if how in ("inherited", "trusted") else client.ready_order(thing.names, self.http)
        assert client.get(order.location)["status"] == "ready"
        (authorization,) = order.json()["authorizations"]
        if how == "reused":
            assert client.order(thing.names).json()["authorizations"] == [authorization]
        if how == "withdrawn":
            client.post(authorization, {"status": "deactivated"})
        if how == "expired":
            sql = "UPDATE authorizations SET expires_at = ? WHERE id = ?"
            self.later.append((sql, int(time.time()) - 60, int(authorization.rsplit("/", 1)[1])))
        return client

    def _make_account(self, thing, proof):
        pass

    def _make_named(self, thing, proof):
        name, thing.parent = self.allow(thing.client, proof)
        thing.names = [name]

    def _make_pending(self, thing, proof):
        self._make_named(thing, proof)
        thing.take_order(thing.client.order(thing.names))

    def _make_ready(self, thing, proof):
        self._make_named(thing, proof)
        thing.take_order(thing.client.ready_order(thing.names, self.http))

    def _make_valid(self, thing, proof):
        self._make_ready(thing, proof)
        client, order = thing.client, self._order_url(thing)
        thing.csr = der(new_csr(thing.key, thing.names))
        assert client.post(f"{order}/finalize", {"csr": b64(thing.csr)}).status == 200
        leaf = client.certificate(order)[0]
        thing.take_certificate(client.get(order)["certificate"], leaf)

    def _make_revoked(self, thing, proof):
        self._make_valid(thing, proof)
        assert thing.client.revoke(thing.leaf).status == 200

    def _make_invalid(self, thing, proof):
        self._make_pending(thing, proof)
        challenge = thing.client.challenge(thing.client.get(thing.authorization), "http-01")
        thing.client.post(challenge["url"], {})
        assert thing.client.wait_while(thing.authorization, "pending")["status"] == "invalid"

    def _make_deactivated(self, thing, proof):
        self._make_ready(thing, proof)
        thing.client.post(thing.authorization, {"status": "deactivated"})

    def _make_orphaned(self, thing, proof):
        """Ready, until the authorization that it was inherited from was withdrawn."""
        self._make_ready(thing, proof)
        assert thing.client.post(thing.parent, {"status": "deactivated"}).status == 200

    def _make_expired(self, thing, proof):
        """Ready when its time was over."""
        self._make_ready(thing, proof)
        past = int(time.time()) - 60
        self.later.append(("UPDATE orders SET expires_at = ? WHERE id = ?", past, thing.ids["order"]))
        self.later.append(("UPDATE authorizations SET expires_at = ? WHERE id = ?", past, thing.ids["authz"]))

    def _make_processing(self, thing, proof):
        """An order that the CA does not come back for; with a challenge that is as slow."""
        self._make_ready(thing, proof)
        now, thing.csr = int(time.time()), der(new_csr(thing.key, thing.names))
        self.later.append((
            "UPDATE orders SET status = 'processing', csr = ?, processing_since = ?, next_attempt_at = ? WHERE id = ?",
            thing.csr, now, now + FAR, thing.ids["order"],
        ))

    def _make_over(self, thing, proof):
        """A certificate whose time is over."""
        self._make_valid(thing, proof)
        past = int(time.time()) - 60
        self.later.append(("UPDATE certificates SET not_after = ? WHERE id = ?", past, thing.ids["certificate"]))

    def _make_rejected(self, thing, proof):
        """A certificate that failed its check: no client has it."""
        self._make_valid(thing, proof)
        self.later.append((
            "UPDATE certificates SET status = 'rejected', rejected_because = 'the test' WHERE id = ?", thing.ids["certificate"],
        ))

    def _make_external(self, thing, proof, ca=None):
        """A certificate that a CA signed without an order here."""
        name, _ = self.allow(thing.client, proof)
        thing.names = [name]
        thing.leaf = (ca or self.ca).sign_directly(thing.key, name)

    def _make_inventory(self, thing, proof):
        """Signed by the CA's own API at the gateway, which keeps it as no account's."""
        name, _ = self.allow(thing.client, proof)
        body = {"csr": pem(new_csr(thing.key, [name])).decode(), "ott": self.ca.token("sign", name, PEOPLE, sans=[name])}
        reply = thing.client.raw("POST", f"{self.site}/1.0/sign", json.dumps(body).encode())
        assert reply.status == 201, reply
        thing.names, thing.leaf = [name], x509.load_pem_x509_certificate(reply.json()["crt"].encode())

    def _make_of_other_ca(self, thing, proof):
        self._make_external(thing, proof, self.other_ca)

    def _make_ordered_of_other_ca(self, thing, _proof):
        client = self.account("other_ca")
        thing.leaf = clone(client).issue([fresh_name()], self.http)[0]

    def _make_of_other_root(self, thing, proof):
        self._make_external(thing, proof, self.other_root)

    def _make_reencoded(self, thing, proof):
        """A certificate whose signature (r, s) is sent as (r, n - s), which verifies as well."""
        self._make_valid(thing, proof)
        thing.leaf_der = malleated(thing.leaf)

    def _make_external_reencoded(self, thing, proof):
        self._make_external(thing, proof)
        thing.leaf_der = malleated(thing.leaf)

    def _make_gateways(self, thing, _proof):
        """The certificate that the gateway itself serves with."""
        thing.names = ["localhost"]
        thing.leaf = x509.load_pem_x509_certificate(ssl.get_server_certificate(("localhost", self.gateway.port)).encode())
        thing.key = load_key(self.gateway.beside("tls.key"))

    def _order_url(self, thing):
        return self.site + thing.path("/acme/{endpoint}/order/{id}")

    # ---- asking ----

    def sender(self, who, thing):
        if who in matrix.OWNERS:
            return Sender(thing.old_key, thing.client.account)
        if who == "other":
            client = self.account(thing.endpoint, "other")
            return Sender(client.key, client.account)
        if who in matrix.CONTROLLERS:
            return Sender(thing.controller.key, thing.controller.account, HOMES.get(who.removeprefix("control_")))
        if who in matrix.ACCOUNTS:
            home = HOMES[who.removesuffix("_at_home")]
            client = self.account(home)
            return Sender(client.key, client.account, home if who.endswith("_at_home") else None)
        if who in matrix.KEYS:
            return Sender(thing.key if who == "certificate_key" else new_key())
        tokens = {"stepca_token": lambda: self.ca.token("sign", "a.e2e.internal"), "admin_token": lambda: ADMIN_TOKEN}
        return Sender(headers={"Authorization": f"Bearer {tokens[who]()}"} if who in tokens else {})

    def ask(self, cell):
        if cell.row.ask:
            return cell.row.ask(self, cell.row, cell.who)
        row, thing = cell.row, self.things[cell.thing_key]
        sender = self.sender(cell.who, thing)
        url = self.site + thing.path(row.route, **({"endpoint": sender.endpoint} if sender.endpoint else {}), **row.path)
        if row.method != "POST":
            return self.wire.raw(row.method, url, headers=sender.headers)
        if sender.key is None:
            return self.wire.raw("POST", url, b"{}", {"Content-Type": JOSE_JSON, **sender.headers})
        payload = row.payload(Request(self, sender, thing, url)) if callable(row.payload) else row.payload
        jwk = None if sender.kid else public_jwk(sender.key)
        return self.wire.post(url, payload, key=sender.key, alg=algorithm(sender.key), kid=sender.kid, jwk=jwk)

    STATE = (
        "SELECT id, status, key, contacts FROM accounts", "SELECT id, status, certificate_id FROM orders",
        "SELECT id, status, challenge_type FROM authorizations", "SELECT id, status, revocation_requested_at FROM certificates",
        "SELECT kid, uses FROM eab_keys",
    )

    def state(self):
        """What refusals leave alone; read again only when somebody has written."""
        version = self._reader.version()
        if version != self._version:
            self._version = version
            self._state = [self._reader.query(f"{sql} ORDER BY 1") for sql in self.STATE]
        return self._state
