# SPDX-License-Identifier: Apache-2.0
"""The rest of the permission matrix's table: routes that know no ACME account. Who they let in is a column of their own."""

import base64
import json

from client_scenarios import fresh_name

from . import jose
from .acme_client import JOSE_JSON
from .certificates import der, new_csr, new_key, pem
from .matrix import MISSING, Row, spread
from .matrix_world import ADMIN_TOKEN, PEOPLE
from .step_ca import PROVISIONER

ROWS = []
SAME = ("anonymous", "stepca_token", "admin_token")  # for pages that look at no Authorization


def row(what, method, route, cells, ask):
    ROWS.append(Row(what, method, route, cells, ask=ask))


def bearer(world, who):
    tokens = {
        "stepca_token": lambda: world.ca.token("sign", "a.e2e.internal", PEOPLE),
        "admin_token": lambda: ADMIN_TOKEN,
        "wrong_token": lambda: ADMIN_TOKEN[:-1],
        "other_scheme": lambda: ADMIN_TOKEN,
    }
    scheme = "Basic" if who == "other_scheme" else "Bearer"
    return {"Authorization": f"{scheme} {tokens[who]()}"} if who in tokens else {}


def page(path, **parts):
    """Asks for a path; `parts` fill it in from the world."""

    def ask(world, asked, who):
        url = world.site + path.format(**{name: value(world) for name, value in parts.items()})
        body = b"" if asked.method == "POST" else None
        return world.wire.raw(asked.method, url, body, bearer(world, who))

    return ask


# ---- of the site ----

for method in ("GET", "HEAD"):
    for route in ("health", "ready"):
        row(f"{route}-{method}", method, f"/{route}", spread(SAME, "200"), page(f"/{route}"))
    for issuer in ("main", "other_ca", "other_root"):
        row(f"crl-{method}-{issuer}", method, "/.well-known/pki/crl/{issuer}", spread(SAME, "200"), page(f"/.well-known/pki/crl/{issuer}"))
row("crl-GET-missing", "GET", "/.well-known/pki/crl/{issuer}", spread(SAME, MISSING), page("/.well-known/pki/crl/nobody"))
for suffix, rest in (("", ""), ("/{rest}", "/1")):
    for method in ("GET", "HEAD", "POST"):
        route = "/.well-known/pki/ocsp/{issuer}" + suffix
        # A POST wants the type of a question.
        row(f"ocsp{rest}-{method}", method, route, spread(SAME, "415 malformed" if method == "POST" else "200"),
            page(f"/.well-known/pki/ocsp/main{rest}"))
        for issuer in ("other_ca", "nobody"):  # that has no responder, and that is not there
            missing = "404" if method == "HEAD" else MISSING
            row(f"ocsp{rest}-{method}-{issuer}", method, route, spread(SAME, missing), page(f"/.well-known/pki/ocsp/{issuer}{rest}"))

# ---- step-ca's own API: what everybody may read ----

row("stepca_api-health-GET", "GET", "/1.0/health", spread(SAME, "200"), page("/1.0/health"))
row("stepca_api-version", "GET", "/1.0/version", spread(SAME, "200"), page("/1.0/version"))
row("stepca_api-roots", "GET", "/1.0/roots", spread(SAME, "201"), page("/1.0/roots"))
row("stepca_api-root", "GET", "/1.0/root/{name}", spread(SAME, "200"), page("/1.0/root/{one}", one=lambda w: w.ca.fingerprint))
row("stepca_api-root-of-other_root", "GET", "/1.0/root/{name}", spread(SAME, "404"),
    page("/1.0/root/{one}", one=lambda w: w.other_root.fingerprint))
row("stepca_api-provisioners", "GET", "/1.0/provisioners", spread(SAME, "200"), page("/1.0/provisioners"))
KEY = "/1.0/provisioners/{name}/encrypted-key"
row("stepca_api-key-of-people", "GET", KEY, spread(SAME, "200"), page("/1.0/provisioners/{kid}/encrypted-key", kid=lambda w: w.ca.keys[PEOPLE].key_id))
for name in (PROVISIONER, "acmegate-ocsp"):  # the gateway's own
    row(f"stepca_api-key-of-{name}", "GET", KEY, spread(SAME, "404"),
        page("/1.0/provisioners/{kid}/encrypted-key", kid=lambda w, name=name: w.ca.keys[name].key_id))

# ---- step-ca's own API: by token ----


def forged(world, route, subject, **claims):
    """Of a provisioner that the CA has, by a key that it has not."""
    key, known = new_key(), world.ca.keys[PEOPLE]
    _, payload = jose.compact_claims(world.ca.token(route, subject, PEOPLE, **claims))
    return jose.compact(key, {"alg": jose.algorithm(key), "kid": known.key_id, "typ": "JWT"}, payload)


def used(world, route, subject, **claims):
    token = world.ca.token(route, subject, PEOPLE, **claims)
    world.ca.sign_directly(new_key(), subject, token)
    return token


# A token's audience is the CA's name, which all three share.
TOKENS = {
    "stepca_token": lambda w, route, subject, **claims: w.ca.token(route, subject, PEOPLE, **claims),
    "other_ca_token": lambda w, route, subject, **claims: w.other_ca.token(route, subject, **claims),
    "other_root_token": lambda w, route, subject, **claims: w.other_root.token(route, subject, **claims),
    "other_subject": lambda w, route, subject, **claims: w.ca.token(route, "1" + subject, PEOPLE, **{**claims, "sans": ["1" + subject]}),
    "other_purpose": lambda w, route, subject, **claims: w.ca.token({"sign": "revoke", "revoke": "sign"}[route], subject, PEOPLE, **claims),
    "forged_token": forged,
}


def csr(name):
    return pem(new_csr(new_key(), [name])).decode()


def post(world, path, body=None, **headers):
    return world.wire.raw("POST", world.site + path, json.dumps(body or {}).encode(), {"Content-Type": "application/json", **headers})


def as_account(world, path):
    """An ACME account's signature is none of a provisioner's."""
    client = world.account("acme", "other")
    url = world.site + path
    body = jose.flattened(client.key, client.protected(url), {})
    return client.raw("POST", url, json.dumps(body), {"Content-Type": JOSE_JSON})


def sign(world, _, who):
    name = fresh_name()
    if who == "account":
        return as_account(world, "/1.0/sign")
    if who in ("anonymous", "admin_token"):
        return post(world, "/1.0/sign", {"csr": csr(name)}, **bearer(world, who))
    token = used if who == "used_token" else TOKENS[who]
    return post(world, "/1.0/sign", {"csr": csr(name), "ott": token(world, "sign", name, sans=[name])})


NO_TOKEN = spread(("anonymous", "admin_token", "account"), "400")
BAD_TOKEN = spread(("other_ca_token", "other_root_token", "other_purpose", "forged_token"), "401")
row("stepca_api-sign", "POST", "/1.0/sign", {"stepca_token": "201", **NO_TOKEN, **BAD_TOKEN, "used_token": "401", "other_subject": "403"}, sign)


def issued(ca):
    """A certificate of a CA's, with its key."""
    key = new_key()
    return key, ca.sign_directly(key, fresh_name())


def revoke(world, _, who):
    ca = world.other_ca if who == "stepca_token_for_other_ca" else world.ca
    serial = str(issued(ca)[1].serial_number)
    if who == "account":
        return as_account(world, "/1.0/revoke")
    body = {"serial": serial, "passive": True}
    if who not in ("anonymous", "admin_token"):
        body["ott"] = TOKENS[who](world, "revoke", serial)
    return post(world, "/1.0/revoke", body, **bearer(world, who))


row("stepca_api-revoke", "POST", "/1.0/revoke", {"stepca_token": "200", **NO_TOKEN, **BAD_TOKEN, "other_subject": "403"}, revoke)


def renew(world, _, who):
    ca = {"certificate_of_other_ca": world.other_ca, "certificate_of_other_root": world.other_root}.get(who, world.ca)
    key, leaf = issued(ca)
    if who == "account":
        return as_account(world, "/1.0/renew")
    if who in ("anonymous", "admin_token", "stepca_token"):
        return post(world, "/1.0/renew", **bearer(world, who))
    if who == "certificate_revoked":
        ca.revoke_directly(leaf, 4)
    chain = [base64.b64encode(der(one)).decode() for one in (leaf, ca.issuing.certificate)]
    signer = new_key() if who == "other_key" else key
    token = world.ca.renewal_token(signer, {"alg": jose.algorithm(signer), "typ": "JWT", "x5cInsecure": chain}, leaf)
    return post(world, "/1.0/renew", Authorization=f"Bearer {token}")


RENEW = {
    **spread(("anonymous", "account"), "400"), **spread(("admin_token", "stepca_token"), "401"),
    "other_key": "500",  # the CA's own word for a signature that is none
    "certificate_key": "201", "certificate_revoked": "401",
    "certificate_of_other_ca": "403", "certificate_of_other_root": "403",
}
row("stepca_api-renew", "POST", "/1.0/renew", RENEW, renew)
row("stepca_api-rekey", "POST", "/1.0/rekey", spread(SAME, "400"), page("/1.0/rekey"))

# ---- the admin API ----

ADMIN = ("anonymous", "stepca_token", "wrong_token", "other_scheme", "account")


def administer(path, body=None):
    def ask(world, asked, who):
        data, headers = body, {"Content-Type": "application/json", **bearer(world, who)}
        if who == "account":
            client = world.account("acme", "other")
            data = json.dumps(jose.flattened(client.key, client.protected(world.site + path), {}))
            headers["Content-Type"] = JOSE_JSON
        if who == "admin_at_acme":
            return world.wire.raw(asked.method, world.site + path, data, bearer(world, "admin_token"))
        api = world.admin_socket if who == "socket" else world.admin
        return api.raw(asked.method, path, data, headers)

    return ask


def administered(what, method, route, path, allowed, body=None):
    cells = {**spread(("admin_token", "socket"), allowed), **spread(ADMIN, "401 about:blank"), "admin_at_acme": MISSING}
    row(what, method, route, cells, administer(path, body))


administered("admin-metrics", "GET", "/metrics", "/metrics", "200")
administered("admin-list", "GET", "/api/v1/issuers", "/api/v1/issuers", "200")
administered("admin-show", "GET", "/api/v1/issuers/{id}", "/api/v1/issuers/main", "200")
administered("admin-show-missing", "GET", "/api/v1/issuers/{id}", "/api/v1/issuers/nobody", "404 about:blank")
# The body is no issuer, and there is no change to take back: who may is told so, and nothing changes.
administered("admin-put", "PUT", "/api/v1/issuers/{id}", "/api/v1/issuers/main", "400 about:blank", "{}")
administered("admin-delete", "DELETE", "/api/v1/issuers/{id}", "/api/v1/issuers/main", "404 about:blank")
