# SPDX-License-Identifier: Apache-2.0
"""External account keys, as an operator gives them out and a client shows them (RFC 8555 §7.3.4)."""

import hashlib
import hmac
import json
import re

from .jose import b64, public_jwk, unb64


def add_shown_key(gateway, *options, endpoint="acme"):
    """(kid, MAC key) as the command shows them and clients take them: the MAC key is in base64url."""
    status, said, words = gateway.run("eab", "add", endpoint, *options)
    assert status == 0, words
    shown = dict(re.findall(r"^(kid|hmac key) +(\S+)$", said, re.M))
    return shown["kid"], shown["hmac key"]


def add_key(gateway, *options, endpoint="acme"):
    """(kid, octets of the MAC key)."""
    kid, mac_key = add_shown_key(gateway, *options, endpoint=endpoint)
    return kid, unb64(mac_key)


def binding(client, kid, mac_key, algorithm="HS256", header=None, payload=None):
    """`header` replaces members, None leaves one out."""
    protected = {"alg": algorithm, "kid": kid, "url": client.directory["newAccount"], **(header or {})}
    head = b64(json.dumps({name: value for name, value in protected.items() if value is not None}).encode())
    body = b64(json.dumps(payload or public_jwk(client.key)).encode())
    digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(algorithm, hashlib.sha256)
    return {"protected": head, "payload": body, "signature": b64(hmac.digest(mac_key, f"{head}.{body}".encode(), digest))}
