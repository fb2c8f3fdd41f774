# SPDX-License-Identifier: Apache-2.0
"""The table of the permission matrix: a row is a request and the thing that it is about."""

from .matrix import (
    KEYS, MISSING, NOBODY, PROOFS, WHO, Row, private, public, spread, without_standings,
)

ACME = "/acme/{endpoint}"
UNAUTHORIZED = "403 unauthorized"
MALFORMED = "400 malformed"
NOT_READY = "403 orderNotReady"

ROWS = []


def row(what, method, route, cells, state="account", proof="unproven", **members):
    ROWS.append(Row(what, method, route, cells, state, proof, **members))


def by_proof(what, route, state, cells, **members):
    """A row for each way to allow a name. An owner's standing is shown by the first."""
    for proof in PROOFS:
        row(what, "POST", route, cells if proof == "proven" else without_standings(cells), state, proof, **members)


# ---- what everybody may read ----

# A signature on what needs none must be one of an account of this endpoint.
SIGNED_OPEN = {
    **NOBODY, **spread(("own", "other", "bound", "bound_revoked"), "200"), **spread(KEYS, "200"),
    **spread(("other_endpoint_at_home", "other_ca_at_home", "other_root_at_home"), "200"),
}
for what, route, get in (("directory", "/directory", "200"), ("new-nonce", "/new-nonce", "204")):
    row(what, "GET", ACME + route, public(get))
    row(what + "-head", "HEAD", ACME + route, public("200"))
    row(what + "-post", "POST", ACME + route, SIGNED_OPEN)
for method in ("GET", "HEAD"):
    row(f"limits-{method}", method, ACME + "/limits", public("200"))

# ---- accounts ----

# By jwk; a kid is no key. A key has one account an endpoint, and accounts of other endpoints are none here.
REGISTER = {**spread(WHO, MALFORMED), **spread(KEYS, "201 valid")}
row("new-account", "POST", ACME + "/new-account", REGISTER, payload={"termsOfServiceAgreed": True})
BINDINGS = {"none": "403 externalAccountRequired", "bound": "201 valid", "bound_revoked": UNAUTHORIZED, "of_another_key": MALFORMED}
for name, answer in BINDINGS.items():
    row(f"new-account-binding-{name}", "POST", ACME + "/new-account", {"fresh_key": answer},
        payload=lambda request, name=name: request.binding(name), path={"endpoint": "bound"})

# An account's URL answers its own account only, whichever number stands there.
ACCOUNT = private("200 valid", other=UNAUTHORIZED, **spread(
    ("other_endpoint_at_home", "other_ca_at_home", "other_root_at_home"), UNAUTHORIZED))
ONLY_OWN = {**ACCOUNT, **spread(("own", "bound", "bound_revoked"), UNAUTHORIZED)}
row("read-account", "POST", ACME + "/account/{id}", ACCOUNT)
row("read-missing-account", "POST", ACME + "/account/{id}", ONLY_OWN, path={"id": 1})
row("update-account", "POST", ACME + "/account/{id}", ACCOUNT, payload={"contact": ["mailto:ops@e2e.internal"]}, changes=True)
row("deactivate-account", "POST", ACME + "/account/{id}", {**ACCOUNT, **spread(("own", "bound", "bound_revoked"), "200 deactivated")},
    payload={"status": "deactivated"}, changes=True)
LISTED = {who: answer.replace(" valid", "") for who, answer in ACCOUNT.items()}
row("list-orders", "POST", ACME + "/account/{id}/orders", LISTED)
row("list-missing-orders", "POST", ACME + "/account/{id}/orders", ONLY_OWN, path={"id": 1})
row("change-key", "POST", ACME + "/key-change", private("200 valid", **spread(
    ("other", "other_endpoint_at_home", "other_ca_at_home", "other_root_at_home"), MALFORMED)),
    payload=lambda request: request.key_change, changes=True)

# ---- new orders and authorizations: what allowed a name for one account allows it for no other ----

AT_HOME = ("other_endpoint_at_home", "other_ca_at_home", "other_root_at_home")


def asks_anew(own, other, elsewhere, **others):
    """Whoever has an account may ask; a revoked key's account may not."""
    return private(own, other=other, bound_revoked=UNAUTHORIZED, **spread(AT_HOME, elsewhere), **others)


UNPROVEN = "201 pending"
DENIED = "403 rejectedIdentifier"
NEW = {  # own, another account here, accounts of other endpoints
    "unproven": (UNPROVEN, UNPROVEN, UNPROVEN),
    "reused": ("201 ready", UNPROVEN, UNPROVEN),
    "inherited": ("201 ready", UNPROVEN, UNPROVEN),
    "trusted_name": ("201 ready", "201 ready", "201 ready"),
    "trusted_network": ("201 ready", "201 ready", UNPROVEN),
    "trusted_key": ("201 ready", UNPROVEN, UNPROVEN),
    "below_trusted": (UNPROVEN, UNPROVEN, UNPROVEN),
    "orphaned": (UNPROVEN, UNPROVEN, UNPROVEN),
    "fleeting": (UNPROVEN, UNPROVEN, "201 ready"),
    "denied": (DENIED, DENIED, UNPROVEN),
}
for proof, answers in NEW.items():
    cells = asks_anew(*answers)
    row("new-order", "POST", ACME + "/new-order", cells if proof in ("unproven", "reused") else without_standings(cells),
        "named", proof, payload=lambda request: {"identifiers": request.identifiers})
    cells = {who: answer.replace("201 ready", "200 valid" if proof == "reused" else "201 valid") for who, answer in cells.items()}
    row("new-authz", "POST", ACME + "/new-authz", cells if proof in ("unproven", "reused") else without_standings(cells),
        "named", proof, payload=lambda request: {"identifier": request.identifiers[0]}, changes=True)

# What was allowed before is not reused when the reason has gone, and nobody else's ever is.
for state, proof in (("ready", "fleeting"), ("orphaned", "inherited"), ("deactivated", "proven"), ("expired", "proven")):
    row("order-again", "POST", ACME + "/new-order", {"own": UNPROVEN, "other": UNPROVEN}, state, proof,
        payload=lambda request: {"identifiers": request.identifiers})
row("order-again", "POST", ACME + "/new-order", {"own": "201 ready", "other": UNPROVEN, "control_other_endpoint": "201 ready"},
    "ready", "proven", payload=lambda request: {"identifiers": request.identifiers})

# ---- orders ----

ORDER = ACME + "/order/{id}"
row("read-order", "POST", ORDER, private("200 pending"), "pending")
by_proof("read-order", ORDER, "ready", private("200 ready"))
by_proof("read-order", ORDER, "valid", private("200 valid"))
for state in ("invalid", "deactivated"):
    row("read-order", "POST", ORDER, private("200 invalid"), state, "proven")
row("read-order", "POST", ORDER, private("200 processing"), "processing", "proven")
row("read-order", "POST", ORDER, private(MISSING), "expired", "proven")
row("read-order", "POST", ORDER, private(MISSING))

FINALIZE = ORDER + "/finalize"


def finalize(state, proof, cells, **members):
    row("finalize", "POST", FINALIZE, cells, state, proof, payload=lambda request: request.csr, **members)


finalize("pending", "unproven", private(NOT_READY))
for proof in PROOFS:
    cells = private("200 valid", bound_revoked=UNAUTHORIZED)
    finalize("ready", proof, cells if proof == "proven" else without_standings(cells), changes=True, ends=("bound_revoked",))
finalize("ready", "trusted_key", {"bound_revoked": UNAUTHORIZED}, ends=("bound_revoked",))
finalize("ready", "denied", without_standings(private(DENIED)), ends=("own",))
finalize("ready", "fleeting", without_standings(private(UNAUTHORIZED)), ends=("own",))
finalize("orphaned", "inherited", private(NOT_READY))
finalize("processing", "proven", private("200 processing"))
finalize("valid", "proven", private("200 valid"))
for state in ("processing", "valid"):
    row("finalize-otherwise", "POST", FINALIZE, without_standings(private(NOT_READY)), state, "proven",
        payload=lambda request: request.other_csr)
finalize("invalid", "proven", private(NOT_READY))
finalize("deactivated", "proven", private(NOT_READY))
finalize("expired", "proven", private(MISSING))
finalize("account", "unproven", private(MISSING))

# ---- authorizations and challenges ----

AUTHORIZATION = ACME + "/authz/{id}"
row("read-authz", "POST", AUTHORIZATION, private("200 pending"), "pending")
by_proof("read-authz", AUTHORIZATION, "ready", private("200 valid"))
for state in ("invalid", "deactivated", "expired"):
    row("read-authz", "POST", AUTHORIZATION, private(f"200 {state}"), state, "proven")
row("read-authz", "POST", AUTHORIZATION, private(MISSING))


def deactivate(state, proof, cells, **members):
    row("deactivate-authz", "POST", AUTHORIZATION, cells, state, proof, payload={"status": "deactivated"}, **members)


deactivate("pending", "unproven", private("200 deactivated"), changes=True)
for proof in PROOFS:
    cells = private("200 deactivated")
    deactivate("ready", proof, cells if proof == "proven" else without_standings(cells), changes=True)
deactivate("deactivated", "proven", private("200 deactivated"))
for state in ("invalid", "expired"):
    deactivate(state, "proven", private(MALFORMED))
deactivate("account", "unproven", private(MISSING))

CHALLENGE = ACME + "/challenge/{id}/{type}"
for what, payload in (("read-challenge", b""), ("ask-challenge", {})):
    changed = {"payload": payload, "changes": payload != b""}
    row(what, "POST", CHALLENGE, private("200 pending" if payload == b"" else "200 invalid"), "pending", **changed)
    row(what, "POST", CHALLENGE, private("200 valid"), "ready", "proven", payload=payload)
    for proof in PROOFS[2:]:  # valid without a challenge
        row(what, "POST", CHALLENGE, without_standings(private(MISSING)), "ready", proof, payload=payload)
    row(what, "POST", CHALLENGE, private("200 invalid"), "invalid", "proven", payload=payload)
    row(what, "POST", CHALLENGE, private(MISSING), payload=payload)

# ---- certificates ----

CERTIFICATE = ACME + "/certificate/{id}"
by_proof("download", CERTIFICATE, "valid", private("200"))
for state in ("revoked", "over"):
    row("download", "POST", CERTIFICATE, private("200"), state, "proven")
row("download", "POST", CERTIFICATE, private(MISSING), "rejected", "proven")
row("download", "POST", CERTIFICATE, private(MISSING))
row("download-chain", "POST", CERTIFICATE + "/{chain}", private("200"), "valid", "proven")
row("download-missing-chain", "POST", CERTIFICATE + "/{chain}", private(MISSING), "valid", "proven", path={"chain": 2})

RENEWAL = ACME + "/renewal-info/{certificate}"
for method in ("GET", "HEAD"):
    for state in ("valid", "revoked", "over"):
        row(f"renewal-info-{method}", method, RENEWAL, public("200"), state, "proven")
row("renewal-info-GET", "GET", RENEWAL, public(MISSING), "rejected", "proven")
row("renewal-info-GET", "GET", RENEWAL, public(MISSING), path={"certificate": "AQEBAQEBAQEBAQEBAQEBAQEBAQE.AQEBAQEBAQEBAQEBAQEBAQ"})

# The certificate is in the payload, so that there is nothing to guess: who may not is told so, at its own endpoint.
REVOKE = private("200", certificate_key="200", fresh_key=UNAUTHORIZED, other=UNAUTHORIZED)


def revoke(state, proof, cells, **members):
    row("revoke-cert", "POST", ACME + "/revoke-cert", cells, state, proof,
        payload=lambda request: request.thing.certificate_payload, **members)


for proof in PROOFS:
    revoke("valid", proof, REVOKE if proof == "proven" else without_standings(REVOKE), changes=True)
revoke("over", "proven", REVOKE, changes=True)
revoke("revoked", "proven", {**REVOKE, **spread(("own", "bound", "bound_revoked", "certificate_key"), "400 alreadyRevoked")})
revoke("rejected", "proven", private(MISSING, **spread(KEYS, MISSING)))
