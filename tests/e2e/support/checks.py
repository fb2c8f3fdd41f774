# SPDX-License-Identifier: Apache-2.0
"""Judging certificates with other eyes than the gateway's: OpenSSL's."""

import subprocess
import tempfile

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .certificates import pem


def same_key(certificate, key):
    """True when the certificate is for this private key."""
    both = (
        one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for one in (certificate, key)
    )
    return len(set(both)) == 1


def assert_chains_to(chain, root):
    """Leaf first, each issued by the next, the last by `root`, which is not among them."""
    assert root not in chain, "the root is part of the chain"
    for one, above in zip(chain, [*chain[1:], root]):
        assert one.issuer == above.subject, f"{one.subject} is not followed by its issuer"
    with tempfile.NamedTemporaryFile() as roots, tempfile.NamedTemporaryFile() as rest:
        roots.write(pem(root))
        rest.write(b"".join(map(pem, chain[1:])))
        roots.flush()
        rest.flush()
        command = ["openssl", "verify", "-CAfile", roots.name, "-untrusted", rest.name]
        done = subprocess.run(command, input=pem(chain[0]), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
