# SPDX-License-Identifier: Apache-2.0
"""The part of the permission matrix's table about certificates of others: who may act on them, and at which CA's endpoint.

Authorizations for all names of a certificate let another account act on it (RFC 8555 §7.6, RFC 9773 §5), when they are proven:
not when they are inherited, or valid because the name, the network or the key is trusted."""

from .certificates import renewal_identifier
from .matrix import MISSING, Row, public, spread

ACME = "/acme/{endpoint}"
UNAUTHORIZED = "403 unauthorized"
ELSEWHERE = ("control_other_endpoint", "control_other_ca", "control_other_root")
NO_MORE = ("control_withdrawn", "control_expired")
PROVEN = ("control_proven", "control_reused")
TRUSTED = ("trusted_name", "trusted_network", "trusted_key")

ROWS = []


def row(what, route, cells, state, proof, **members):
    ROWS.append(Row(what, "POST", ACME + route, cells, state, proof, **members))


def controllers(proven, other, elsewhere):
    """For names that nobody trusts."""
    return {**spread(PROVEN, proven), "control_inherited": other, **spread(NO_MORE, other), **spread(ELSEWHERE, elsewhere)}


# ---- revocation ----


def revoke(state, proof, cells, **members):
    row("revoke-cert", "/revoke-cert", cells, state, proof, payload=lambda request: request.thing.certificate_payload,
        changes=True, **members)


HERE = controllers("200", UNAUTHORIZED, MISSING)
# A certificate of no account is of every endpoint with its CA.
OF_ITS_CA = {**HERE, "control_other_endpoint": "200"}
for state, cells in (("valid", HERE), ("reencoded", HERE), ("external", OF_ITS_CA), ("inventory", OF_ITS_CA), ("external_reencoded", OF_ITS_CA)):
    revoke(state, "unproven", cells)
    for proof in TRUSTED:
        revoke(state, proof, {"control_trusted": UNAUTHORIZED})
    # Trusted at the other CA's endpoint too, where the certificate is nobody's.
    revoke(state, "trusted_name", spread(("control_other_ca", "control_other_root"), MISSING))
revoke("reencoded", "proven", {"own": "200", "certificate_key": "200", "fresh_key": UNAUTHORIZED, "other": UNAUTHORIZED})
for state in ("external", "external_reencoded"):
    revoke(state, "proven", {"own": UNAUTHORIZED, "certificate_key": "200", "fresh_key": UNAUTHORIZED, "other": UNAUTHORIZED})
for state in ("of_other_ca", "of_other_root"):
    revoke(state, "proven", spread(("own", "other", "certificate_key", "fresh_key"), MISSING))
    revoke(state, "unproven", {"control_proven": MISSING})
    revoke(state, "trusted_name", {"control_trusted": MISSING})
# The server says that it is its own, where its CA is known.
revoke("gateways", "unproven", {"control_proven": UNAUTHORIZED, "control_other_endpoint": UNAUTHORIZED, "control_other_ca": MISSING})
for state in ("valid", "external"):  # by its key, at endpoints of other CAs and of the same
    for home in ("other_ca", "other_root", "second"):
        answer = "200" if (state, home) == ("external", "second") else MISSING
        ROWS.append(Row(f"revoke-cert-at-{home}", "POST", ACME + "/revoke-cert", {"certificate_key": answer}, state, "proven",
                        payload=lambda request: request.thing.certificate_payload, changes=True, path={"endpoint": home}))

# ---- replaces ----

REPLACED, LEFT_OUT = "201 replaces", "201 left out"


def replace(state, proof, cells):
    row("replace", "/new-order", cells, state, proof, changes=True,
        payload=lambda request: {"identifiers": request.identifiers, "replaces": renewal_identifier(request.thing.leaf)},
        tell=lambda reply: "replaces" if "replaces" in reply.json() else "left out")


replace("valid", "proven", {"own": REPLACED, "other": LEFT_OUT})
replace("valid", "unproven", controllers(LEFT_OUT, LEFT_OUT, LEFT_OUT))
# No account's: whoever proves its names for the order replaces it.
replace("inventory", "unproven", {
    **controllers(REPLACED, LEFT_OUT, LEFT_OUT), **spread(NO_MORE, REPLACED), "control_other_endpoint": REPLACED, "own": REPLACED,
})
replace("external", "unproven", controllers(LEFT_OUT, LEFT_OUT, LEFT_OUT))
for state in ("valid", "inventory"):
    for proof in TRUSTED:
        replace(state, proof, {"control_trusted": LEFT_OUT})
for state in ("of_other_ca", "of_other_root"):
    replace(state, "unproven", {"own": LEFT_OUT, "control_proven": LEFT_OUT})
replace("gateways", "unproven", {"control_proven": LEFT_OUT})

# ---- renewal information: of the endpoint's own issuers ----


def renewal_info(state, proof, answer, home):
    for method in ("GET", "HEAD"):
        ROWS.append(Row(f"renewal-info-{method}-at-{home}", method, ACME + "/renewal-info/{certificate}",
                        public(answer if method == "GET" else answer.split()[0]), state, proof, path={"endpoint": home}))


for state in ("valid", "revoked", "inventory"):
    for home in ("second", "other_ca", "other_root"):
        here = "200" if (state, home) == ("inventory", "second") else MISSING
        renewal_info(state, "proven", here, home)
for state in ("of_other_ca", "of_other_root"):
    renewal_info(state, "unproven", MISSING, "acme")
