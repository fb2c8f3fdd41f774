# SPDX-License-Identifier: Apache-2.0
"""Hostile and malformed exchanges, a line each: the exact status and problem type, and a state that is what it was.

A case is (check of RFC 8555's list in support/conformance.py, what is sent, the exchange, status, type).
"""

import datetime
import json

import pytest

from client_scenarios import fresh_name
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from support import jose
from support.acme_client import JOSE_JSON, AcmeClient, HttpProver
from support.certificates import der, new_csr, new_key
from support.http_responder import HttpResponder
from support.jose import b64, flattened, public_jwk

TABLES = "accounts", "orders", "authorizations", "order_authorizations", "attempts", "certificates", "eab_keys"


class World:
    """A gateway with one of everything, and how cases speak to it."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.client, self.other = gateway.client(), gateway.client()
        self.dead = gateway.client()
        self.dead.post(self.dead.account, {"status": "deactivated"})
        self.base = gateway.directory().removesuffix("/directory")
        self.directory = self.client.directory
        self.account = self.client.account
        self.certificate_key = new_key()
        self.names = [fresh_name(), fresh_name()]
        with HttpResponder(gateway.http_port) as responder:
            prover = HttpProver(responder)
            self.pending = self.client.order([fresh_name()])
            self.ready = self.client.ready_order(self.names, prover)
            self.valid = self.client.ready_order([fresh_name()], prover)
            self.client.finalize(self.valid, [one["value"] for one in self.valid.json()["identifiers"]], self.certificate_key)
            self.leaf = self.client.certificate(self.valid.location)[0]
            revoked = self.client.issue([fresh_name()], prover)
        self.client.revoke(revoked[0])
        self.revoked = revoked[0]
        self.certificate = self.client.get(self.valid.location)["certificate"]
        self.authorization = self.pending.json()["authorizations"][0]
        self.proven = self.ready.json()["authorizations"][0]
        self.challenge = self.client.get(self.authorization)["challenges"][0]["url"]
        self.finalize = self.ready.json()["finalize"]

    def state(self):
        return {table: self.gateway.query(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES}

    def raw(self, method, path, body=None, **headers):
        url = path if path.startswith("https:") else self.base + path
        return self.client.raw(method, url, body, headers)

    def send(self, url, body, content_type=JOSE_JSON):
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        text = text.encode() if isinstance(text, str) else text
        return self.client.raw("POST", url, text, {"Content-Type": content_type})

    def signed(self, url=None, payload=b"", **changes):
        """A good request of the account as a dictionary, its members changed; None leaves one out."""
        body = flattened(self.client.key, self.client.protected(url or self.account), payload)
        return {name: value for name, value in {**body, **changes}.items() if value is not None}

    def head(self, text, url=None, payload=b""):
        """Signed with this very text for a protected header; {} stand for nonce, URL and account."""
        text = text.replace("$nonce", self.client.nonce()).replace("$url", url or self.account).replace("$kid", self.account)
        head, body = b64(text.encode()), b64(payload)
        return {"protected": head, "payload": body, "signature": b64(jose.sign(self.client.key, f"{head}.{body}".encode()))}

    def post(self, resource, payload=b"", **changes):
        return self.client.post(resource, payload, **changes)

    def register(self, payload=None, endpoint="acme", key=None, **changes):
        client = AcmeClient(self.gateway.directory(endpoint), self.gateway.root_path, key)
        return client.post(client.directory["newAccount"], {} if payload is None else payload, with_jwk=True, **changes)

    def order(self, *identifiers, **members):
        return self.post(self.directory["newOrder"], {"identifiers": list(identifiers), **members})

    def names_order(self, *names, **members):
        return self.order(*({"type": "dns", "value": name} for name in names), **members)

    def csr(self, csr):
        return self.post(self.finalize, {"csr": b64(csr if isinstance(csr, bytes) else der(csr))})

    def revoke(self, certificate=None, client=None, **members):
        payload = {"certificate": b64(der(certificate or self.leaf)), **members}
        return (client or self.client).post(self.directory["revokeCert"], payload)

    def revoke_by_key(self, key, certificate=None):
        return self.client.revoke(certificate or self.leaf, key=key)

    def change_key(self, new=None, header=None, payload=None, **changes):
        new, url = new or new_key(), self.directory["keyChange"]
        protected = {"alg": jose.algorithm(new), "jwk": public_jwk(new), "url": url, **(header or {})}
        inner = {"account": self.account, "oldKey": public_jwk(self.client.key), **(payload or {})}
        protected, inner = ({k: v for k, v in part.items() if v is not None} for part in (protected, inner))
        return self.post(url, {**flattened(new, protected, inner), **changes})


@pytest.fixture(scope="module")
def world(new_module_gateway, step_ca):
    gateway = new_module_gateway(step_ca)
    policy = {"allow": ["*.internal", "10.0.0.0/8"], "deny": ["secret.internal"]}
    gateway.configuration["endpoints"] = {
        "acme": {"profiles": ["default"], "names": policy},
        "bound": {"profiles": ["default"], "eab": "required"},
        "terms": {"profiles": ["default"], "terms_of_service": "https://localhost/terms"},
    }
    gateway.configuration["limits"]["max_identifiers"] = 10
    return World(gateway.start())


CASES = []


def case(check, what, exchange, status, kind):
    CASES.append(pytest.param(exchange, status, kind, id=what, marks=pytest.mark.check(check)))


def table(check, status, kind, prefix, rows, exchange):
    """Many cases of one kind: rows by name, and what is done with each."""
    for what, row in rows.items():
        case(check, f"{prefix}: {what}", lambda w, row=row: exchange(w, row(w) if callable(row) else row), status, kind)


# ---- paths, methods, content types (4, 5) ----

for path in ("", "/", "/nothing", "/order", "/order/", "/order/x", "/order/-1", "/order/0", "/order/01", "/order/1/2", "/order/1/finalize/x",
             "/account/9223372036854775808", "/challenge/1/dns-99", "/challenge/1", "/authz/1/x", "/certificate/", "/directory/", "/Directory",
             "/renewal-info/", "/../acme/nothing", "/%2e%2e/x", "/order/1%00"):
    case(5, f"path {path or 'of the endpoint'}", lambda w, path=path: w.raw("GET", path), 404, "malformed")
case(5, "an endpoint that is not there", lambda w: w.raw("GET", w.gateway.directory("nowhere")), 404, "malformed")

RESOURCES = {
    "newAccount": lambda w: w.directory["newAccount"],
    "newOrder": lambda w: w.directory["newOrder"],
    "revokeCert": lambda w: w.directory["revokeCert"],
    "keyChange": lambda w: w.directory["keyChange"],
    "account": lambda w: w.account,
    "orders": lambda w: w.account + "/orders",
    "order": lambda w: w.pending.location,
    "authorization": lambda w: w.authorization,
    "challenge": lambda w: w.challenge,
    "finalize": lambda w: w.finalize,
    "certificate": lambda w: w.certificate,
}
for method in ("GET", "PUT", "DELETE"):
    table(5, 405, "malformed", method, RESOURCES, lambda w, url, method=method: w.raw(method, url))
table(5, 405, "malformed", "PATCH", {"directory": "/directory", "newNonce": "/new-nonce"}, lambda w, path: w.raw("PATCH", path))
for content_type in ("application/json", "text/plain", "application/jose", "multipart/form-data; boundary=x", ""):
    table(4, 415, "malformed", f"content type {content_type or 'of no name'}",
          {name: RESOURCES[name] for name in ("newOrder", "certificate")},
          lambda w, url, content_type=content_type: w.post(url, content_type=content_type))
case(5, "a body over 64 KiB", lambda w: w.send(w.account, b"{" + b" " * 70000 + b"}"), 413, "malformed")
case(3, "a replayed request", lambda w: [w.send(w.account, body) for body in [w.signed()] * 2][1], 400, "badNonce")

# ---- the envelope (10, 19) ----

BODIES = {
    "nothing": "",
    "white space": " \n",
    "no JSON": "certificate, please",
    "a string": '"x"',
    "an array": "[]",
    "null": "null",
    "an empty object": {},
    "a BOM before it": lambda w: "\ufeff" + json.dumps(w.signed()),
    "cut off": lambda w: json.dumps(w.signed())[:-10],
    "trailing bytes": lambda w: json.dumps(w.signed()) + "x",
    "two objects": lambda w: json.dumps(w.signed()) * 2,
    "a zero byte": lambda w: json.dumps(w.signed()) + "\0",
    "bytes that are no UTF-8": lambda w: json.dumps(w.signed()).encode().replace(b"{", b'{"\xff":1,', 1),
    "a compact JWS": lambda w: ".".join(w.signed()[part] for part in ("protected", "payload", "signature")),
    "a general JWS": lambda w: w.signed(signatures=[]),
    "only signatures": lambda w: {"payload": "", "signatures": [{k: w.signed()[k] for k in ("protected", "signature")}]},
    "an unprotected header": lambda w: w.signed(header={"kid": w.account}),
    "no protected header": lambda w: w.signed(protected=None),
    "an empty protected header": lambda w: w.signed(protected=""),
    "no payload": lambda w: w.signed(payload=None),
    "a payload that is a number": lambda w: w.signed(payload=1),
    "a payload that is an object": lambda w: {**w.signed(), "payload": {}},
    "no signature": lambda w: w.signed(signature=None),
    "an empty signature": lambda w: w.signed(signature=""),
    "a signature of another length": lambda w: w.signed(signature=w.signed()["signature"][:-4]),
    "a signature of zeros": lambda w: w.signed(signature=b64(b"\0" * 64)),
    "a DER signature": lambda w: w.signed(signature=b64(w.client.key.sign(b"x", ec.ECDSA(hashes.SHA256())))),
    "a member twice": lambda w: json.dumps(w.signed()).replace("{", '{"payload":"",', 1),
    "a header that is an array": lambda w: w.signed(protected=b64(b"[]")),
    "another payload than signed": lambda w: w.signed(payload=b64(b'{"status":"deactivated"}')),
    "another header than signed": lambda w: w.signed(protected=w.signed()["protected"]),
}
table(10, 400, "malformed", "body", BODIES, lambda w, body: w.send(w.account, body))

# To the letter, and of bounded depth (19).
ENCODINGS = {
    "a padded signature": lambda w: w.signed(signature=w.signed()["signature"] + "=="),
    "a padded header": lambda w: w.signed(protected=w.signed()["protected"] + "="),
    "base64 of the other alphabet": lambda w: w.signed(signature="+/" * 43),
    "white space in base64": lambda w: w.signed(signature=w.signed()["signature"][:40] + " " + w.signed()["signature"][40:]),
    "spare bits that are not zero": lambda w: w.signed(signature=b64(b"\1" * 64)[:-1] + "B"),
    "a header that is deep": lambda w: w.signed(protected=b64(b"[" * 5000)),
    "a body that is deep": lambda w: '{"protected":' * 300,
}
table(19, 400, "malformed", "body", ENCODINGS, lambda w, body: w.send(w.account, body))

# ---- the protected header (11, 13, 14, 16, 17) ----

HEADS = {
    "a member twice": '{"alg":"ES256","alg":"ES256","nonce":"$nonce","url":"$url","kid":"$kid"}',
    "trailing bytes": '{"alg":"ES256","nonce":"$nonce","url":"$url","kid":"$kid"}}',
    "an alg that is a number": '{"alg":256,"nonce":"$nonce","url":"$url","kid":"$kid"}',
    "a url that is a list": '{"alg":"ES256","nonce":"$nonce","url":["$url"],"kid":"$kid"}',
    "a kid that is a number": '{"alg":"ES256","nonce":"$nonce","url":"$url","kid":7}',
    "a jwk that is a string": '{"alg":"ES256","nonce":"$nonce","url":"$url","jwk":"$kid"}',
    "a kid that is null": '{"alg":"ES256","nonce":"$nonce","url":"$url","kid":null}',
}
table(13, 400, "malformed", "header", HEADS, lambda w, text: w.send(w.account, w.head(text)))
for what, changes, status, kind, check in (
    ("no url", {"url": None}, 400, "malformed", 17),
    ("a url of another resource", {"url": "https://localhost/other"}, 403, "unauthorized", 17),
    ("a url with a query", {"url": "$account?x=1"}, 403, "unauthorized", 17),
    ("a url with another case", {"url": "$ACCOUNT"}, 403, "unauthorized", 17),
    ("crit", {"crit": ["exp"], "exp": 1}, 400, "malformed", 13),
    ("an empty crit", {"crit": []}, 400, "malformed", 13),
    ("b64 false", {"b64": False}, 400, "malformed", 13),
    ("neither jwk nor kid", {"kid": None}, 400, "malformed", 13),
    ("both jwk and kid", {"jwk": {"kty": "EC"}}, 400, "malformed", 13),
    ("a kid that is no URL", {"kid": "1"}, 400, "malformed", 14),
    ("an empty kid", {"kid": ""}, 400, "malformed", 14),
    ("a kid of another server", {"kid": "https://old.example/acme/acme/account/4711"}, 400, "accountDoesNotExist", 14),
    ("a kid of another endpoint", {"kid": "$terms"}, 400, "accountDoesNotExist", 14),
    ("a kid of an order", {"kid": "$order"}, 400, "accountDoesNotExist", 14),
    ("a kid of nobody", {"kid": "$account" + "9"}, 400, "accountDoesNotExist", 14),
    ("no nonce", {"nonce": None}, 400, "badNonce", 16),
    ("an empty nonce", {"nonce": ""}, 400, "badNonce", 16),
    ("a nonce that is a number", {"nonce": 7}, 400, "badNonce", 16),
    ("an invented nonce", {"nonce": "A" * 44}, 400, "badNonce", 16),
    ("a nonce that is no base64url", {"nonce": "=?="}, 400, "badNonce", 16),
    ("a long nonce", {"nonce": "A" * 4000}, 400, "badNonce", 16),
    ("no algorithm", {"alg": None}, 400, "malformed", 11),
    ("none", {"alg": "none"}, 400, "badSignatureAlgorithm", 11),
    ("NONE", {"alg": "NONE"}, 400, "badSignatureAlgorithm", 11),
    ("an empty algorithm", {"alg": ""}, 400, "badSignatureAlgorithm", 11),
    ("a MAC", {"alg": "HS256"}, 400, "badSignatureAlgorithm", 11),
    ("PS256", {"alg": "PS256"}, 400, "badSignatureAlgorithm", 11),
    ("ES256K", {"alg": "ES256K"}, 400, "badSignatureAlgorithm", 11),
    ("the algorithm of another curve", {"alg": "ES384"}, 400, "badSignatureAlgorithm", 11),
    ("the algorithm of another kind of key", {"alg": "RS256"}, 400, "badSignatureAlgorithm", 11),
    ("EdDSA for a P-256 key", {"alg": "EdDSA"}, 400, "badSignatureAlgorithm", 11),
):
    def exchange(w, changes=changes):
        words = {"$account": w.account, "$ACCOUNT": w.account.upper(), "$terms": w.account.replace("/acme/acme/", "/acme/terms/"),
                 "$order": w.pending.location, "$account9": w.account + "9", "$account?x=1": w.account + "?x=1"}
        return w.post(w.account, **{name: words.get(value, value) if isinstance(value, str) else value for name, value in changes.items()})

    case(check, f"header: {what}", exchange, status, kind)
case(13, "a key where an account is needed", lambda w: w.post(w.account, with_jwk=True), 400, "malformed")
case(13, "an account where a key is needed", lambda w: w.post(w.directory["newAccount"], {}), 400, "malformed")
case(15, "signed by another account's key", lambda w: w.post(w.account, key=w.other.key), 400, "malformed")
case(15, "signed by a key that nobody has", lambda w: w.post(w.account, key=new_key()), 400, "malformed")

# ---- keys (12) ----

P256 = {"kty": "EC", "crv": "P-256"}
KEYS = {
    "RSA of 1024 bits": (lambda _: public_jwk(rsa.generate_private_key(65537, 1024)), "RS256"),
    "RSA with exponent 3": (lambda _: public_jwk(rsa.generate_private_key(3, 2048)), "RS256"),
    "RSA with an even exponent": ({"kty": "RSA", "n": b64(b"\xc1" * 256), "e": b64(b"\1\0\0")}, "RS256"),
    "RSA of 8192 bits": ({"kty": "RSA", "n": b64(b"\xc1" * 1024), "e": "AQAB"}, "RS256"),
    "RSA without n": ({"kty": "RSA", "e": "AQAB"}, "RS256"),
    "RSA that is even": ({"kty": "RSA", "n": b64(b"\xc0" * 256), "e": "AQAB"}, "RS256"),
    "a point off the curve": ({**P256, "x": b64(b"\1" * 32), "y": b64(b"\2" * 32)}, "ES256"),
    "the point at infinity": ({**P256, "x": b64(b"\0" * 32), "y": b64(b"\0" * 32)}, "ES256"),
    "short coordinates": ({**P256, "x": "AQ", "y": "AQ"}, "ES256"),
    "no y": ({**P256, "x": b64(b"\1" * 32)}, "ES256"),
    "coordinates that are numbers": ({**P256, "x": 1, "y": 2}, "ES256"),
    "an unknown curve": ({"kty": "EC", "crv": "secp256k1", "x": b64(b"\1" * 32), "y": b64(b"\2" * 32)}, "ES256"),
    "no curve": ({"kty": "EC", "x": b64(b"\1" * 32), "y": b64(b"\2" * 32)}, "ES256"),
    "a secret": ({"kty": "oct", "k": b64(b"\1" * 32)}, "ES256"),
    "X25519": ({"kty": "OKP", "crv": "X25519", "x": b64(b"\1" * 32)}, "EdDSA"),
    "a short Ed25519": ({"kty": "OKP", "crv": "Ed25519", "x": b64(b"\1" * 31)}, "EdDSA"),
    "S15 the identity of Ed25519": ({"kty": "OKP", "crv": "Ed25519", "x": b64(b"\1" + b"\0" * 31)}, "EdDSA"),
    "S9 RSA with an exponent of 3070 bits": ({"kty": "RSA", "n": b64(b"\xc1" * 384), "e": b64(b"\x3f" + b"\xff" * 383)}, "RS256"),
    "no kind": ({"x": "AQ"}, "ES256"),
    "an empty key": ({}, "ES256"),
}
for what, (jwk, alg) in KEYS.items():
    case(12, f"key: {what}",
         lambda w, jwk=jwk, alg=alg: w.post(w.directory["newAccount"], {}, jwk=jwk(w) if callable(jwk) else jwk, alg=alg, kid=None),
         400, "badPublicKey")

# ---- payloads (18) ----

READ_ONLY = ("order", "certificate", "orders")
table(18, 400, "malformed", "POST-as-GET with {}", {name: RESOURCES[name] for name in READ_ONLY}, lambda w, url: w.post(url, {}))
table(18, 400, "malformed", "no payload", {name: RESOURCES[name] for name in ("newOrder", "finalize", "revokeCert", "keyChange")},
      lambda w, url: w.post(url))
for what, payload in (("an array", []), ("a string", "text"), ("a number", 1), ("null", None), ("no JSON", b"{"), ("a member twice", b'{"a":1,"a":2}')):
    table(18, 400, "malformed", f"payload {what}", {name: RESOURCES[name] for name in ("newOrder", "account", "challenge", "finalize")},
          lambda w, url, payload=payload: w.post(url, payload))

# ---- accounts (20…25) ----

CONTACTS = {
    "a telephone": ("tel:+123", "unsupportedContact"),
    "a URL": ("https://e2e.internal/", "unsupportedContact"),
    "nothing": ("mailto:", "invalidContact"),
    "no domain": ("mailto:ops", "invalidContact"),
    "no user": ("mailto:@e2e.internal", "invalidContact"),
    "two addresses": ("mailto:a@e2e.internal,b@e2e.internal", "invalidContact"),
    "headers": ("mailto:a@e2e.internal?subject=x", "invalidContact"),
    "other letters than ASCII": ("mailto:\u00e4@e2e.internal", "invalidContact"),
    "a bad domain": ("mailto:a@-.internal", "invalidContact"),
    "a line break": ("mailto:a@e2e.internal\r\nBcc: b@e2e.internal", "invalidContact"),
}
for what, (contact, kind) in CONTACTS.items():
    case(22, f"contact: {what}", lambda w, contact=contact: w.post(w.account, {"contact": [contact]}), 400, kind)
    case(22, f"contact of a new account: {what}", lambda w, contact=contact: w.register({"contact": [contact]}), 400, kind)
case(22, "contacts that are a string", lambda w: w.post(w.account, {"contact": "mailto:a@e2e.internal"}), 400, "malformed")
case(22, "a contact that is a number", lambda w: w.post(w.account, {"contact": [1]}), 400, "malformed")
case(20, "looked for and not there", lambda w: w.register({"onlyReturnExisting": True}), 400, "accountDoesNotExist")
case(20, "a deactivated account that registers", lambda w: w.register(key=w.dead.key), 403, "unauthorized")
case(20, "a deactivated account that orders", lambda w: w.dead.post(w.directory["newOrder"], {"identifiers": []}), 403, "unauthorized")
case(20, "a deactivated account that reads", lambda w: w.dead.post(w.dead.account), 403, "unauthorized")
case(21, "terms not agreed to", lambda w: w.register(endpoint="terms"), 403, "userActionRequired")
case(21, "terms refused", lambda w: w.register({"termsOfServiceAgreed": False}, "terms"), 403, "userActionRequired")
for status in ("revoked", "pending", "", 1):
    case(23, f"status {status!r}", lambda w, status=status: w.post(w.account, {"status": status}), 400, "malformed")
case(23, "another account", lambda w: w.post(w.other.account), 403, "unauthorized")
case(24, "another account's orders", lambda w: w.post(w.other.account + "/orders"), 403, "unauthorized")
case(25, "no binding where one is needed", lambda w: w.register(endpoint="bound"), 403, "externalAccountRequired")
for what, binding in (("a string", "x"), ("empty", {}), ("no JWS", {"protected": "e30", "payload": "e30", "signature": "AA"}), ("a list", [])):
    case(25, f"a binding that is {what}", lambda w, binding=binding: w.register({"externalAccountBinding": binding}, "bound"), 400, "malformed")


def bound(w, kid="nobody", url=None, alg="HS256", payload=None, **more):
    client = AcmeClient(w.gateway.directory("bound"), w.gateway.root_path)
    new_account = client.directory["newAccount"]
    protected = {"alg": alg, "kid": kid, "url": url or new_account, **more}
    signed = flattened(client.key, {k: v for k, v in protected.items() if v is not None}, payload or public_jwk(client.key))
    return client.post(new_account, {"externalAccountBinding": {**signed, "signature": b64(b"\1" * 32)}}, with_jwk=True)


case(25, "a binding of an unknown kid", lambda w: bound(w), 403, "unauthorized")
case(25, "a binding without kid", lambda w: bound(w, kid=None), 400, "malformed")
case(25, "a binding for another URL", lambda w: bound(w, url="https://localhost/other"), 400, "malformed")
case(25, "a binding with a nonce", lambda w: bound(w, nonce="AAAA"), 400, "malformed")
case(25, "a binding of another key", lambda w: bound(w, payload=public_jwk(new_key())), 400, "malformed")
case(25, "a binding that is signed", lambda w: bound(w, alg="ES256"), 400, "malformed")

# ---- key change (26) ----

CHANGES = {
    "kid inside": {"header": {"kid": "https://localhost/acme/acme/account/1"}},
    "no jwk inside": {"header": {"jwk": None}},
    "a nonce inside": {"header": {"nonce": "AAAA"}},
    "no url inside": {"header": {"url": None}},
    "another url inside": {"header": {"url": "https://localhost/acme/acme/new-order"}},
    "no account": {"payload": {"account": None}},
    "another account": {"payload": {"account": "https://localhost/acme/acme/account/1"}},
    "no old key": {"payload": {"oldKey": None}},
    "another old key": {"payload": {"oldKey": public_jwk(new_key())}},
    "an old key that is none": {"payload": {"oldKey": "x"}},
    "another signature": {"signature": b64(b"\1" * 64)},
}
table(26, 400, "malformed", "key change", CHANGES, lambda w, members: w.change_key(**members))
case(26, "the present key again", lambda w: w.change_key(w.client.key), 400, "malformed")
case(26, "the key of another account", lambda w: w.change_key(w.other.key), 409, "malformed")

# ---- orders (27…32) ----

NAMES = {
    "an underscore": "a_b.internal", "an empty label": "a..internal", "a trailing dot": "a.internal.", "a leading dot": ".internal",
    "an address": "127.0.0.1", "an IPv6 address": "::1", "a star in the middle": "a.*.internal", "two stars": "*.*.internal",
    "a star in a label": "a*.internal", "a star alone": "*", "a star and a dot": "*.", "a long label": "a" * 64 + ".internal",
    "a long name": "a." * 126 + "internal", "a hyphen first": "-a.internal", "a hyphen last": "a-.internal", "a space": "a b.internal",
    "a zero byte": "a\0.internal", "other letters than ASCII": "\u00e4.internal", "a bad A-label": "xn--99999999999.internal",
    "an empty A-label": "xn--.internal", "a port": "a.internal:80", "a URL": "https://a.internal", "nothing": "", "a line break": "a.internal\n",
    "digits in base 16": "0x7f.1", "one number": "2130706433",
}
table(28, 400, "malformed", "name", NAMES, lambda w, name: w.names_order(name))
ADDRESSES = {
    "short": "127.1", "zeros before": "010.1.2.3", "a mask": "10.0.0.0/8", "not canonical": "2001:DB8::1", "zeros that are too many": "2001:db8:0:0:0:0:0:1",
    "IPv4 in IPv6": "::ffff:10.1.2.3", "brackets": "[2001:db8::1]", "a zone": "fe80::1%eth0", "a name": "a.internal", "nothing": "", "too many": "1.2.3.4.5",
}
table(29, 400, "malformed", "address", ADDRESSES, lambda w, value: w.order({"type": "ip", "value": value}))
LISTS = {
    "none": [], "a string": "a.internal", "a name itself": ["a.internal"], "no value": [{"type": "dns"}], "no type": [{"value": "a.internal"}],
    "a value that is a number": [{"type": "dns", "value": 7}], "null": [None], "twice": [{"type": "dns", "value": name} for name in ("a.internal", "A.internal")],
    "too many": [{"type": "dns", "value": f"n{i}.internal"} for i in range(11)],
}
table(27, 400, "malformed", "identifiers", LISTS, lambda w, names: w.post(w.directory["newOrder"], {"identifiers": names}))
case(27, "no identifiers", lambda w: w.post(w.directory["newOrder"], {}), 400, "malformed")
for kind in ("email", "DNS", "", "permanent-identifier"):
    case(27, f"type {kind!r}", lambda w, kind=kind: w.order({"type": kind, "value": "a.internal"}), 400, "unsupportedIdentifier")
for what, name in (("denied", "secret.internal"), ("a wildcard of it", "*.internal"), ("not allowed", "www.example"), ("single label", "localhost")):
    case(30, f"name {what}", lambda w, name=name: w.names_order(name), 403, "rejectedIdentifier")
case(30, "one of two names not allowed", lambda w: w.names_order("a.internal", "www.example"), 403, "rejectedIdentifier")
case(30, "an address outside the networks", lambda w: w.order({"type": "ip", "value": "192.0.2.7"}), 403, "rejectedIdentifier")
for profile, kind in (("platinum", "invalidProfile"), ("", "invalidProfile"), (7, "malformed")):
    case(30, f"profile {profile!r}", lambda w, profile=profile: w.names_order("a.internal", profile=profile), 400, kind)


def from_now(**delta):
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")


TIMES = {
    "an end beyond the cap": {"notAfter": lambda: from_now(days=30)},
    "an end in the past": {"notAfter": lambda: from_now(hours=-1)},
    "a far begin": {"notBefore": lambda: from_now(days=30)},
    "an end before the begin": {"notBefore": lambda: from_now(hours=2), "notAfter": lambda: from_now(hours=1)},
    "an end that is no time": {"notAfter": "tomorrow"},
    "an end that is a number": {"notAfter": 1767225600},
    "a day that is none": {"notAfter": "2026-02-30T00:00:00Z"},
}
table(31, 400, "malformed", "validity", TIMES,
      lambda w, members: w.names_order("a.internal", **{name: value() if callable(value) else value for name, value in members.items()}))
for what, replaces in (("no dot", "AAAA"), ("empty", ""), ("a number", 7), ("three parts", "AA.AA.AA"), ("padded", "AA==.AA=="), ("no serial", "AAAA.")):
    case(32, f"replaces {what}", lambda w, replaces=replaces: w.names_order("a.internal", replaces=replaces), 400, "malformed")

# ---- what is another's, and what is not there (33) ----

FOREIGN = ("order", "authorization", "challenge", "certificate")
table(33, 404, "malformed", "another account's", {name: RESOURCES[name] for name in FOREIGN}, lambda w, url: w.other.post(url))
case(33, "another account's finalize", lambda w: w.other.post(w.finalize, {"csr": "AA"}), 404, "malformed")
case(33, "another account's challenge asked for", lambda w: w.other.post(w.challenge, {}), 404, "malformed")
case(33, "another account's authorization deactivated", lambda w: w.other.post(w.authorization, {"status": "deactivated"}), 404, "malformed")
for path in ("/order/1", "/authz/1", "/certificate/1", "/challenge/1/http-01", "/order/9007199254740991"):
    case(33, f"nothing at {path}", lambda w, path=path: w.post(w.base + path), 404, "malformed")
case(33, "finalize of nothing", lambda w: w.post(w.base + "/order/1/finalize", {"csr": "AA"}), 404, "malformed")
case(33, "through another endpoint", lambda w: w.post(w.pending.location.replace("/acme/acme/", "/acme/terms/")), 400, "accountDoesNotExist")
case(36, "a challenge that is not offered", lambda w: w.post(w.challenge.replace("http-01", "dns-persist-01"), {}), 404, "malformed")
for payload in ({"status": "valid"}, {"status": "pending"}, {"status": 7}, {}, {"identifier": {"type": "dns", "value": "a.internal"}}):
    case(35, f"authorization {json.dumps(payload)}", lambda w, payload=payload: w.post(w.authorization, payload), 400, "malformed")
case(37, "pre-authorization where there is none", lambda w: w.post(w.base + "/new-authz", {}), 404, "malformed")

# ---- finalize (43, 44) ----

case(43, "finalize of a pending order", lambda w: w.post(w.pending.json()["finalize"], {"csr": b64(der(new_csr(new_key(), w.names)))}), 403, "orderNotReady")


def csr_with(extension):
    def make(w):
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(extension(w), False)
        return builder.sign(new_key(), hashes.SHA256())

    return make


def alternative(*more):
    return lambda w: x509.SubjectAlternativeName([*map(x509.DNSName, w.names), *more])


CSRS = {
    "another name": lambda w: new_csr(new_key(), ["evil.internal"]),
    "a name too many": lambda w: new_csr(new_key(), [*w.names, "evil.internal"]),
    "a name missing": lambda w: new_csr(new_key(), w.names[:1]),
    "a common name that was not ordered": lambda w: new_csr(new_key(), w.names, "evil.internal"),
    "the account's key": lambda w: new_csr(w.client.key, w.names),
    "a weak key": lambda w: new_csr(rsa.generate_private_key(65537, 1024), w.names),
    "a small exponent": lambda w: new_csr(rsa.generate_private_key(3, 2048), w.names),
    "a bad signature": lambda w: der(new_csr(new_key(), w.names))[:-1] + b"\1",
    "bytes behind it": lambda w: der(new_csr(new_key(), w.names)) + b"\0",
    "cut off": lambda w: der(new_csr(new_key(), w.names))[:-9],
    "a certificate": lambda w: der(w.leaf),
    "DER of something": b"\x30\x03\x02\x01\x01",
    "no DER": b"certificate, please",
    "an e-mail address": csr_with(alternative(x509.RFC822Name("ops@e2e.internal"))),
    "a URI": csr_with(alternative(x509.UniformResourceIdentifier("https://a.internal/"))),
    "a wildcard in place of a name": lambda w: new_csr(new_key(), ["*." + w.names[0].split(".", 1)[1], w.names[1]]),
    "no names": csr_with(lambda w: x509.BasicConstraints(False, None)),
}
for what, csr in CSRS.items():
    case(44, f"CSR: {what}", lambda w, csr=csr: w.csr(csr(w) if callable(csr) else csr), 400, "badCSR")
for what, payload in (("none", {}), ("a number", {"csr": 1}), ("padded", {"csr": "AA=="}), ("PEM", {"csr": "-----BEGIN CERTIFICATE REQUEST-----"})):
    case(44, f"CSR: {what}", lambda w, payload=payload: w.post(w.finalize, payload), 400, "malformed")

# ---- certificates, renewal, revocation (46…48) ----

for what, identifier in (("no dot", "AAAA"), ("padded", "AA==.AA=="), ("no base64url", "!!.!!"), ("three parts", "AA.AA.AA")):
    case(47, f"renewal information: {what}", lambda w, identifier=identifier: w.raw("GET", f"/renewal-info/{identifier}"), 400, "malformed")
case(47, "renewal information of nothing known", lambda w: w.raw("GET", "/renewal-info/" + b64(b"\1" * 20) + "." + b64(b"\1" * 16)), 404, "malformed")
for what, payload in (("nothing", {}), ("a number", {"certificate": 1}), ("no base64url", {"certificate": "=="}), ("no certificate", {"certificate": b64(b"x")})):
    case(48, f"revoke {what}", lambda w, payload=payload: w.post(w.directory["revokeCert"], payload), 400, "malformed")
for reason in (6, 7, 8, 11, -1, 99):
    case(48, f"reason {reason}", lambda w, reason=reason: w.revoke(reason=reason), 400, "badRevocationReason")
for reason in ("1", 1.5, True):
    case(48, f"reason {reason!r}", lambda w, reason=reason: w.revoke(reason=reason), 400, "malformed")
case(48, "revoke what is revoked", lambda w: w.revoke(w.revoked), 400, "alreadyRevoked")
case(48, "revoke another account's", lambda w: w.revoke(client=w.other), 403, "unauthorized")
case(48, "revoke with another key", lambda w: w.revoke_by_key(new_key()), 403, "unauthorized")


def foreign_certificate(_):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere")])
    key, now = new_key(), datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(4711)
    return builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(1)).sign(key, hashes.SHA256())


case(48, "revoke what was not issued here", lambda w: w.revoke(foreign_certificate(w)), 404, "malformed")


def test_there_are_two_hundred():
    assert len(CASES) >= 200
    assert len({one.id for one in CASES}) == len(CASES)


@pytest.mark.parametrize("exchange,status,kind", CASES)
def test_refused_and_nothing_changed(world, exchange, status, kind):
    before = world.state()
    reply = exchange(world)
    assert (reply.status, reply.problem) == (status, kind), reply
    document = reply.json()
    assert document["status"] == status and len(document["detail"]) > 10
    if reply.method == "POST" and status != 413:
        assert reply.headers["Replay-Nonce"] and any('rel="index"' in link for link in reply.headers.get_all("Link"))
    assert world.state() == before
