# SPDX-License-Identifier: Apache-2.0
"""What the permission matrix's requests are made of: an account's things, who sends, and the connection."""

import copy
import dataclasses
import http.client
import types
import urllib.parse

from .acme_client import AcmeClient, Reply
from .certificates import der, new_csr, new_key, renewal_identifier
from .jose import algorithm, b64, flattened, public_jwk


class Thing:
    """What one account has: names, an order with its authorization, a key, a certificate. What there is depends on its state."""

    def __init__(self, client, endpoint):
        self.client = client
        self.endpoint = endpoint
        self.old_key = client.key  # what a sender with this account's old key signs with
        self.key = new_key()
        self.names = []
        self.parent = None  # the URL of the authorization that this one is inherited from
        self.csr = None  # the one that the order was finalized with
        self.leaf = None
        self.leaf_der = None  # as it is sent, where that is not as it was signed
        self.controller = None  # another account, of matrix.CONTROLLERS
        account = int(client.account.rsplit("/", 1)[1])
        # The number behind an account's is its event's: no order, authorization or certificate has it.
        self.ids = dict.fromkeys(("order", "authz", "challenge", "certificate"), account + 1)
        self.ids["account"] = account

    def take_order(self, reply):
        self.ids["order"] = int(reply.location.rsplit("/", 1)[1])
        self.authorization = reply.json()["authorizations"][0]
        self.ids["authz"] = self.ids["challenge"] = int(self.authorization.rsplit("/", 1)[1])

    @property
    def certificate_payload(self):
        return {"certificate": b64(self.leaf_der or der(self.leaf))}

    def take_certificate(self, url, leaf):
        self.ids["certificate"] = int(url.rsplit("/", 1)[1])
        self.leaf = leaf

    def path(self, route, **members):
        """The route's label, its parts filled in."""
        kind = route.removeprefix("/acme/{endpoint}/").split("/")[0]
        parts = {"endpoint": self.endpoint, "id": self.ids.get(kind), "type": "http-01", "chain": 1}
        parts["certificate"] = renewal_identifier(self.leaf) if self.leaf else None
        return route.format(**{**parts, **members})


@dataclasses.dataclass
class Sender:
    key: object = None  # None: not signed
    kid: str = None  # None: by jwk
    endpoint: str = None  # None: where the thing is
    headers: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Request:
    world: object
    sender: Sender
    thing: Thing
    url: str

    @property
    def identifiers(self):
        return [{"type": "dns", "value": name} for name in self.thing.names]

    @property
    def csr(self):
        """The order's own, where it has one."""
        return {"csr": b64(self.thing.csr)} if self.thing.csr else self.other_csr

    @property
    def other_csr(self):
        return {"csr": b64(der(new_csr(self.thing.key, self.thing.names)))}

    def binding(self, name):
        """With the sender's key bound by a key of this name."""
        sender = types.SimpleNamespace(key=self.sender.key, directory={"newAccount": self.url})
        if name == "none":
            return {"termsOfServiceAgreed": True}
        if name == "of_another_key":
            sender.key, name = new_key(), "bound"
        return self.world.bind(sender, name)

    @property
    def key_change(self):
        """Of the thing's account, whoever sends it."""
        new, client = new_key(), self.thing.client
        inner = {"account": client.account, "oldKey": public_jwk(client.key)}
        return flattened(new, {"alg": algorithm(new), "jwk": public_jwk(new), "url": self.url}, inner)


class Wire(AcmeClient):
    """Keeps its connection: thousands of handshakes would be most of the test's time."""

    _connection = None

    def raw(self, method, url, body=None, headers=None):
        parts = urllib.parse.urlsplit(url)
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=40, context=self._context)
        for again in (True, False):
            try:
                self._connection.request(method, parts.path, body, headers or {})
                reply = Reply(self._connection.getresponse(), method)
                break
            except (http.client.HTTPException, OSError):  # the server may end an idle connection
                self._connection.close()
                if not again:
                    raise
        if reply.headers["Replay-Nonce"]:
            self._nonces.append(reply.headers["Replay-Nonce"])
        return reply


def clone(client):
    """The same account with nonces of its own, for another thread."""
    made = copy.copy(client)
    made._nonces = []
    return made
