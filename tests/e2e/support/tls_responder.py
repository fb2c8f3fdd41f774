# SPDX-License-Identifier: Apache-2.0
"""What answers a tls-alpn-01 challenge (RFC 8737): a TLS server that shows a certificate made for it."""

import datetime
import hashlib
import pathlib
import socket
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from .certificates import general_name, key_pem, new_key, pem

PROTOCOL = "acme-tls/1"
ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")


def challenge_certificate(name, key_authorization, names=None, critical=True, extension=True, signer=None, key=None):
    """(PEM certificate, its key). The other members make it a wrong one."""
    key = key or new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ACME challenge")])
    issuer = subject if signer is None else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another")])
    now = datetime.datetime.utcnow()
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
    )
    if names != []:
        builder = builder.add_extension(x509.SubjectAlternativeName([general_name(one) for one in names or [name]]), False)
    if extension:
        digest = b"\x04\x20" + hashlib.sha256(key_authorization.encode()).digest()
        builder = builder.add_extension(x509.UnrecognizedExtension(ACME_IDENTIFIER, digest), critical)
    return builder.sign(signer or key, hashes.SHA256()), key


def server_context(folder, certificate, key):
    """Of a server that shows this certificate."""
    bundle = pathlib.Path(folder) / "server.pem"
    bundle.write_bytes(key_pem(key) + pem(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle)
    return context


class TlsResponder:
    """Shows `certificate` to whoever asks; usable in a `with` statement."""

    def __init__(self, port, folder, alpn=PROTOCOL):
        self.folder = pathlib.Path(folder)
        self.alpn = alpn
        self.certificate = None  # (certificate, key)
        self.asked = []  # server names, in order
        self._listener = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _context(self):
        context = server_context(self.folder, *self.certificate)
        if self.alpn:
            context.set_alpn_protocols([self.alpn])
        context.sni_callback = lambda _socket, name, _context: self.asked.append(name)
        return context

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            try:
                if self.certificate is None:
                    connection.recv(4096)
                else:
                    self._context().wrap_socket(connection, server_side=True).close()
            except OSError:
                pass  # whoever asks may close as soon as it has seen the certificate
            finally:
                connection.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


class TlsProver:
    """Proves control by tls-alpn-01, through a TlsResponder. `wrong` goes to challenge_certificate."""

    kind = "tls-alpn-01"

    def __init__(self, responder, **wrong):
        self.responder = responder
        self.wrong = wrong

    def prepare(self, client, name, token):
        key_authorization = self.wrong.get("key_authorization") or client.key_authorization(token)
        wrong = {member: value for member, value in self.wrong.items() if member != "key_authorization"}
        self.responder.certificate = challenge_certificate(name, key_authorization, **wrong)
