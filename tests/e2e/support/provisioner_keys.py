# SPDX-License-Identifier: Apache-2.0
"""The private key of a step-ca JWK provisioner, in each form that step-ca's users have it in."""

import base64
import json
import os

from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.serialization import load_der_private_key

from .certificates import key_pem, new_key
from .jose import algorithm, b64, private_jwk, public_jwk, thumbprint

FORMS = ("flattened JWE", "compact JWE", "JWK", "PEM")
# PBKDF2's rounds: the fewest that the gateway takes, and what `step crypto jwk create` uses. A start of the gateway with the
# latter costs a second of processor time.
FEW_ROUNDS, STEP_ROUNDS = 1_000, 600_000
_ALGORITHM = "PBES2-HS256+A128KW"


def _encrypt(text, password, rounds):
    """The five parts of a JWE as `step crypto jwk create` makes it (RFC 7518 §4.8)."""
    salt, content_key, iv = os.urandom(16), os.urandom(32), os.urandom(12)
    header = {"alg": _ALGORITHM, "cty": "jwk+json", "enc": "A256GCM", "p2c": rounds, "p2s": b64(salt)}
    protected = b64(json.dumps(header).encode())
    derived = PBKDF2HMAC(hashes.SHA256(), 16, _ALGORITHM.encode() + b"\0" + salt, rounds).derive(password.encode())
    sealed = AESGCM(content_key).encrypt(iv, text.encode(), protected.encode())
    parts = keywrap.aes_key_wrap(derived, content_key), iv, sealed[:-16], sealed[-16:]
    return protected, *(b64(part) for part in parts)


class ProvisionerKey:
    """A key of one kind, and what ca.json and the gateway are told of it. `rounds` are those of its encrypted forms."""

    password = "correct horse battery staple"

    def __init__(self, kind="P-256", rounds=FEW_ROUNDS):
        self.kind, self.rounds = kind, rounds
        self.key = new_key(kind)
        self.key_id = thumbprint(self.key)
        self._parts = None

    @classmethod
    def of_old_step(cls, text, password):
        """From PKCS #8 whose PBKDF2 parameters no library reads as they are: their PRF's NULL is `00 00`."""
        made = cls()
        octets = base64.b64decode(b"".join(text.splitlines()[1:-1])).replace(b"\x02\x09\x00\x00", b"\x02\x09\x05\x00")
        made.key = load_der_private_key(octets, password.encode())
        made.key_id = thumbprint(made.key)
        return made

    def _members(self, jwk):
        return {"use": "sig", "kid": self.key_id, "alg": algorithm(self.key), **jwk}

    def public(self):
        return self._members(public_jwk(self.key))

    def _encrypted(self):
        if self._parts is None:
            self._parts = _encrypt(json.dumps(self._members(private_jwk(self.key))), self.password, self.rounds)
        return self._parts

    def compact(self):
        return ".".join(self._encrypted())

    def text(self, form):
        """The file's content; the password opens the two encrypted forms."""
        if form == "flattened JWE":
            return json.dumps(dict(zip(("protected", "encrypted_key", "iv", "ciphertext", "tag"), self._encrypted())))
        if form == "compact JWE":
            return self.compact()
        if form == "JWK":
            return json.dumps(self._members(private_jwk(self.key)))
        return key_pem(self.key).decode()

    @staticmethod
    def is_encrypted(form):
        return form.endswith("JWE")
