# SPDX-License-Identifier: Apache-2.0
"""Asking for revocation lists and OCSP responses, by HTTP and by openssl."""

import base64
import http.client
import re
import subprocess
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

from . import tools
from .certificates import der, pem

PATH = "/.well-known/pki"



def documented(word):
    """The block of docs/revocation.md that has this word in it, as it stands there."""
    text = (tools.ROOT / "docs/revocation.md").read_text()
    (found,) = [block for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if word in block]
    return found


# What makes a provisioner of step-ca issue OCSP responders' certificates.
TEMPLATE = documented("ocspSigning")


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def ocsp(self):
        assert self.status == 200 and self.headers["Content-Type"] == "application/ocsp-response", (self.status, self.body)
        return ocsp.load_der_ocsp_response(self.body)


class StatusClient:
    """Asks the plain listener of a gateway about an issuer."""

    def __init__(self, port, issuer="main"):
        self.port = port
        self.crl_path = f"{PATH}/crl/{issuer}"
        self.ocsp_path = f"{PATH}/ocsp/{issuer}"

    @property
    def ocsp_url(self):
        return f"http://127.0.0.1:{self.port}{self.ocsp_path}"

    def call(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def crl_reply(self, method="GET"):
        return self.call(method, self.crl_path)

    def revoked(self):
        """The list's serial numbers."""
        reply = self.crl_reply()
        assert reply.status == 200, reply.body
        return {entry.serial_number for entry in x509.load_der_x509_crl(reply.body)}

    def post(self, request, content_type="application/ocsp-request"):
        return self.call("POST", self.ocsp_path, request, Content_Type=content_type)

    def get(self, request, escape="", method="GET"):
        """`escape` names characters that stay as they are."""
        text = base64.b64encode(request).decode()
        return self.call(method, f"{self.ocsp_path}/{urllib.parse.quote(text, safe=escape)}")

    def by_serial(self, serial):
        return self.call("GET", f"{self.ocsp_path}/{serial}")

    def status(self, certificate, issuer):
        return self.post(question(certificate, issuer)).ocsp.certificate_status.name


def question(certificate, issuer, algorithm=hashes.SHA1, nonce=None):
    """The DER of a request."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, algorithm())
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), False)
    return der(builder.build())


def openssl_ocsp(folder, client, ca, certificate, *options):
    """What `openssl ocsp` makes of the answer: (verified, status words, all of its output)."""
    for name, chosen in (("leaf", [certificate]), ("issuer", [ca.issuing.certificate]), ("root", [ca.root.certificate])):
        (folder / f"ocsp-{name}.pem").write_bytes(b"".join(pem(one) for one in chosen))
    (folder / "ocsp-chain.pem").write_bytes(b"".join(pem(one.certificate) for one in ca.chain))
    issuer = folder / "ocsp-issuer.pem"
    command = ["openssl", "ocsp", "-url", client.ocsp_url, *options, "-issuer", issuer, "-cert", folder / "ocsp-leaf.pem"]
    command += ["-CAfile", folder / "ocsp-root.pem", "-verify_other", folder / "ocsp-chain.pem"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=30, check=False)
    words = done.stdout + done.stderr
    found = re.search(r"ocsp-leaf\.pem: (\w+)", words)
    return "Response verify OK" in words, found and found[1], words
