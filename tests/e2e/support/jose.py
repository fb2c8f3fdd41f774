# SPDX-License-Identifier: Apache-2.0
"""base64url, JWK and JWS signatures (RFC 7515, 7517, 7518, 7638, 8037)."""

import base64
import hashlib
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_CURVE_NAMES = {"secp256r1": ("P-256", 32), "secp384r1": ("P-384", 48), "secp521r1": ("P-521", 66)}
_EC_ALGORITHMS = {
    "P-256": ("ES256", hashes.SHA256),
    "P-384": ("ES384", hashes.SHA384),
    "P-521": ("ES512", hashes.SHA512),
}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def public_jwk(key):
    """Of a private key: the public members."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))}
    numbers = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    name, size = _CURVE_NAMES[key.curve.name]
    return {"kty": "EC", "crv": name, "x": _number(numbers.x, size), "y": _number(numbers.y, size)}


def private_jwk(key):
    jwk = public_jwk(key)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        jwk["d"] = b64(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
        return jwk
    numbers = key.private_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        members = {
            "d": numbers.d,
            "p": numbers.p,
            "q": numbers.q,
            "dp": numbers.dmp1,
            "dq": numbers.dmq1,
            "qi": numbers.iqmp,
        }
        jwk.update({name: _number(value) for name, value in members.items()})
        return jwk
    jwk["d"] = _number(numbers.private_value, _CURVE_NAMES[key.curve.name][1])
    return jwk


def thumbprint(key):
    members = json.dumps(public_jwk(key), sort_keys=True, separators=(",", ":"))
    return b64(hashlib.sha256(members.encode()).digest())


def algorithm(key):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "EdDSA"
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256"
    return _EC_ALGORITHMS[_CURVE_NAMES[key.curve.name][0]][0]


def sign(key, data):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    name, size = _CURVE_NAMES[key.curve.name]
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(_EC_ALGORITHMS[name][1]())))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def flattened(key, protected, payload):
    """A flattened JWS. `payload` is bytes as they are, or what json.dumps takes."""
    if not isinstance(payload, bytes):
        payload = json.dumps(payload).encode()
    head, body = b64(json.dumps(protected).encode()), b64(payload)
    return {"protected": head, "payload": body, "signature": b64(sign(key, f"{head}.{body}".encode()))}


def compact(key, header, claims):
    """A compact JWS."""
    signed = flattened(key, header, claims)
    return ".".join((signed["protected"], signed["payload"], signed["signature"]))


def compact_claims(token):
    """Header and claims of a compact JWS, unverified."""
    head, body, _ = token.split(".")
    return json.loads(unb64(head)), json.loads(unb64(body))
