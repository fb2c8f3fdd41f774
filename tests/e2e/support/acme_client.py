# SPDX-License-Identifier: Apache-2.0
"""An ACME client of our own (RFC 8555): whole issuances, and single exchanges with anything in them."""

import base64
import hashlib
import http.client
import json
import ssl
import urllib.parse

from .certificates import der, new_csr, new_key, read_chain
from .jose import algorithm, b64, flattened, public_jwk, thumbprint
from .waiting import wait_until

PROBLEM = "urn:ietf:params:acme:error:"
JOSE_JSON = "application/jose+json"


def number_of(url):
    """The id of the object at this URL."""
    return int(url.rsplit("/", 1)[1])


class Reply:
    """What came back: status, headers (http.client's, case-insensitive), body."""

    def __init__(self, reply, method):
        self.method = method
        self.status = reply.status
        self.headers = reply.headers
        self.body = reply.read()

    def json(self):
        return json.loads(self.body)

    @property
    def problem(self):
        """The problem type's short name; None for anything that is no problem document."""
        if self.headers.get_content_type() != "application/problem+json":
            return None
        return self.json()["type"].removeprefix(PROBLEM)

    @property
    def detail(self):
        return self.json()["detail"]

    @property
    def answer(self):
        """Status and body, but for what no two replies share: the request's identifier."""
        return self.status, self.body.replace(self.headers["X-Request-Id"].encode(), b"")

    @property
    def location(self):
        return self.headers["Location"]

    def __repr__(self):
        return f"<{self.status} {self.body[:600]!r}>"


class Refused(Exception):
    """A reply that is not the one an issuance needs."""

    def __init__(self, reply):
        super().__init__(repr(reply))
        self.reply = reply


class AcmeClient:
    """One account. `directory` is a URL, `ca_file` the root that its TLS must chain to."""

    source = None  # the address that its connections come from; None: the system's choice

    def __init__(self, directory, ca_file, key=None, user_agent="acmegate-test/1"):
        self.key = key or new_key()
        self.account = None
        self.user_agent = user_agent
        self.timeout = 40
        self._context = ssl.create_default_context(cafile=str(ca_file))
        self._nonces = []
        self.directory = self.raw("GET", directory).json()

    # ---- exchanges ----

    def raw(self, method, url, body=None, headers=None):
        """One exchange, whatever it is; keeps the nonce that comes back."""
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=self.timeout, context=self._context, source_address=self.source and (self.source, 0)
        )
        try:
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, path, body, {"User-Agent": self.user_agent, **(headers or {})})
            reply = Reply(connection.getresponse(), method)
        finally:
            connection.close()
        if reply.headers["Replay-Nonce"]:
            self._nonces.append(reply.headers["Replay-Nonce"])
        return reply

    def nonce(self):
        if not self._nonces:
            self.raw("HEAD", self.directory["newNonce"])
        return self._nonces.pop()

    def protected(self, resource, with_jwk=False, **members):
        """The protected header for a URL; `members` replace or add, None leaves one out."""
        header = {"alg": algorithm(self.key), "url": resource}
        if "nonce" not in members:
            header["nonce"] = self.nonce()
        if with_jwk or not self.account:
            header["jwk"] = public_jwk(self.key)
        else:
            header["kid"] = self.account
        header.update(members)
        return {name: value for name, value in header.items() if value is not None}

    def post(self, resource, payload=b"", with_jwk=False, key=None, content_type=JOSE_JSON, **members):
        """Signs and posts; payload b"" is POST-as-GET. A stale nonce is tried again once, as clients do."""
        for again in (True, False):
            body = flattened(key or self.key, self.protected(resource, with_jwk, **members), payload)
            reply = self.raw("POST", resource, json.dumps(body), {"Content-Type": content_type})
            if reply.problem != "badNonce" or "nonce" in members or not again:
                return reply
        raise AssertionError("unreachable")

    def _need(self, reply, *statuses):
        if reply.status not in statuses:
            raise Refused(reply)
        return reply

    # ---- an issuance, step by step ----

    def register(self, **members):
        payload = {"termsOfServiceAgreed": True, **members}
        self.account = self._need(self.post(self.directory["newAccount"], payload, with_jwk=True), 200, 201).location
        return self

    def order(self, names, **members):
        """Its reply: the order's URL is `.location`."""
        identifiers = [{"type": _identifier_type(name), "value": name} for name in names]
        return self._need(self.post(self.directory["newOrder"], {"identifiers": identifiers, **members}), 201)

    def get(self, url):
        return self._need(self.post(url), 200).json()

    def challenge(self, authorization, kind):
        return next(one for one in authorization["challenges"] if one["type"] == kind)

    def key_authorization(self, token):
        return f"{token}.{thumbprint(self.key)}"

    def dns_value(self, token):
        return b64(hashlib.sha256(self.key_authorization(token).encode()).digest())

    def answer(self, authorization_url, prover):
        """Prepares the answer to one challenge with `prover` and asks for its validation."""
        authorization = self.get(authorization_url)
        if authorization["status"] == "valid":
            return authorization
        challenge = self.challenge(authorization, prover.kind)
        prover.prepare(self, authorization["identifier"]["value"], challenge.get("token"))
        self._need(self.post(challenge["url"], {}), 200)
        return authorization

    def wait_while(self, url, *statuses, seconds=30):
        """Polls an order or authorization until its status is none of these."""

        def ended():
            thing = self.get(url)
            return thing if thing["status"] not in statuses else None

        return wait_until(ended, f"{url} to leave {statuses}", seconds)

    def prove(self, order, prover):
        """Answers a challenge of each authorization of an order; they end as they end."""
        for url in order["authorizations"]:
            self.answer(url, prover)
        return [self.wait_while(url, "pending", seconds=30) for url in order["authorizations"]]

    def finalize(self, order_reply, names, key=None):
        """Asks for the certificate of a ready order; the reply as it comes."""
        csr = new_csr(key or new_key(), names)
        return self.post(order_reply.json()["finalize"], {"csr": b64(der(csr))})

    def certificate(self, order_url, seconds=30):
        """The chain of an order, once that is valid."""
        order = self.wait_while(order_url, "pending", "ready", "processing", seconds=seconds)
        if order["status"] != "valid":
            raise AssertionError(f"the order is {order}")
        return read_chain(self._need(self.post(order["certificate"]), 200).body)

    def ready_order(self, names, prover, **members):
        """An order whose authorizations are all valid: the newOrder reply."""
        reply = self.order(names, **members)
        proven = self.prove(reply.json(), prover)
        assert [one["status"] for one in proven] == ["valid"] * len(names), proven
        return reply

    def issue(self, names, prover, key=None, **members):
        """From order to chain, leaf first."""
        reply = self.ready_order(names, prover, **members)
        self._need(self.finalize(reply, names, key), 200)
        return self.certificate(reply.location)

    def revoke(self, certificate, reason=None, key=None):
        """By the account, or by the certificate's own `key`; a certificate may be octets."""
        payload = {"certificate": b64(certificate if isinstance(certificate, bytes) else der(certificate))}
        if reason is not None:
            payload["reason"] = reason
        url = self.directory["revokeCert"]
        if key is None:
            return self.post(url, payload)
        return self.post(url, payload, key=key, alg=algorithm(key), jwk=public_jwk(key), kid=None)


def _identifier_type(name):
    return "ip" if name.replace(".", "").isdigit() or ":" in name else "dns"


class HttpProver:
    """Proves control by http-01, through an HttpResponder."""

    kind = "http-01"

    def __init__(self, responder):
        self.responder = responder

    def prepare(self, client, _name, token):
        self.responder.answers[token] = client.key_authorization(token)


class DnsProver:
    """Proves control by dns-01, through a NameServer."""

    kind = "dns-01"

    def __init__(self, name_server):
        self.name_server = name_server

    def prepare(self, client, name, token):
        self.name_server.set_txt(f"_acme-challenge.{name}", client.dns_value(token))


class DnsAccountProver:
    """Proves control by dns-account-01: dns-01 at a name that is the account's own."""

    kind = "dns-account-01"

    def __init__(self, name_server):
        self.name_server = name_server

    def prepare(self, client, name, token):
        digest = hashlib.sha256(client.account.encode()).digest()[:10]
        label = base64.b32encode(digest).decode().lower()
        self.name_server.set_txt(f"_{label}._acme-challenge.{name}", client.dns_value(token))


class DnsPersistProver:
    """Proves control by dns-persist-01: a record that stays."""

    kind = "dns-persist-01"

    def __init__(self, name_server, issuer, parameters=""):
        self.name_server = name_server
        self.issuer = issuer
        self.parameters = parameters

    def prepare(self, client, name, _token):
        self.name_server.set_txt(
            f"_validation-persist.{name}", f"{self.issuer}; accounturi={client.account}{self.parameters}"
        )
