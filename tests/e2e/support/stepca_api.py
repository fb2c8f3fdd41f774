# SPDX-License-Identifier: Apache-2.0
"""Raw exchanges with step-ca's own API, at a gateway or a CA."""

import base64
import http.client
import json
import ssl

from . import jose
from .acme_client import Reply
from .certificates import der, new_csr, new_key, pem, read_chain


class StepCaApiClient:
    def __init__(self, gateway, ca):
        self.ca = ca
        self.port = gateway.port
        self._context = ssl.create_default_context(cafile=str(ca.root_path))

    def call(self, method, path, body=None, headers=None):
        """One exchange; a body that is not bytes goes as JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=60, context=self._context)
        try:
            connection.request(method, path, body, headers or {})
            return Reply(connection.getresponse(), method)
        finally:
            connection.close()

    def sign_body(self, names, key=None, subject=None, token=None, csr_names=None, common_name=None, **members):
        """What /sign takes; `token` adds to the token's claims or replaces them."""
        csr = new_csr(key or new_key(), names if csr_names is None else csr_names, common_name)
        ott = self.ca.token("sign", subject or names[0], **{"sans": names, **(token or {})})
        return {"csr": pem(csr).decode(), "ott": ott, **members}

    def sign(self, names, path="/1.0/sign", **members):
        return self.call("POST", path, self.sign_body(names, **members))

    def revoke(self, number, path="/1.0/revoke", **members):
        """`members` add to the body or replace what it says of the serial number."""
        body = {"serial": str(number), "ott": self.ca.token("revoke", str(number)), "passive": True, **members}
        return self.call("POST", path, body)

    def renewal_token(self, key, chain, **claims):
        """As step makes it; `chain` begins with the certificate to renew."""
        header = {
            "alg": jose.algorithm(key),
            "typ": "JWT",
            "x5cInsecure": [base64.b64encode(der(one)).decode() for one in chain],
        }
        return self.ca.renewal_token(key, header, chain[0], **claims)

    def renew(self, key, chain, path="/1.0/renew", **claims):
        return self.call("POST", path, headers={"Authorization": f"Bearer {self.renewal_token(key, chain, **claims)}"})


def chain_of(reply):
    """The chain of a good answer to /sign or /renew, leaf first."""
    assert reply.status == 201, reply
    return read_chain("".join(reply.json()["certChain"]))
