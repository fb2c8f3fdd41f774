# SPDX-License-Identifier: Apache-2.0
"""Judging certificates with other eyes than the gateway's: OpenSSL's."""

import socket
import ssl
import subprocess
import tempfile

from cryptography import x509
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


def certificate_served(port, name, root):
    """What a TLS server shows for a name; None while there is nothing good."""
    context = ssl.create_default_context(cafile=str(root))
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            with context.wrap_socket(plain, server_hostname=name) as tls:
                return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True))
    except OSError:
        return None
