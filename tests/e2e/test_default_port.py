# SPDX-License-Identifier: Apache-2.0
"""A base URL with the default port: one URL with and without it (RFC 3986 §6.2.3)."""

import json

import pytest

from client_scenarios import fresh_name
from support import jose
from support.acme_client import AcmeClient, HttpProver
from support.certificates import new_key
from support.jose import flattened, public_jwk

SHORT, LONG = "https://localhost", "https://localhost:443"


class PortClient(AcmeClient):
    """Signs URLs as they are, and goes to the port that the gateway has in truth."""

    def __init__(self, gateway):
        self.port = gateway.port
        super().__init__(f"{SHORT}/acme/acme/directory", gateway.root_path)

    def raw(self, method, url, body=None, headers=None):
        path = url.removeprefix(LONG).removeprefix(SHORT)
        assert path.startswith("/"), url
        return super().raw(method, f"https://localhost:{self.port}{path}", body, headers)


@pytest.fixture(scope="module")
def gateway(new_module_gateway, step_ca):
    gateway = new_module_gateway(step_ca)
    gateway.configuration.update(base_url=LONG + "/", alternate_names=["127.0.0.1:443"])
    return gateway.start()


def test_P5_the_short_form_is_handed_out(gateway):
    client = PortClient(gateway)
    urls = [one for one in client.directory.values() if isinstance(one, str)]
    assert urls and all(one.startswith(SHORT + "/") for one in urls)
    for host in ("127.0.0.1", "127.0.0.1:443"):
        directory = client.raw("GET", f"{SHORT}/acme/acme/directory", headers={"Host": host}).json()
        assert directory["newOrder"] == "https://127.0.0.1/acme/acme/new-order"


@pytest.mark.parametrize("base", [SHORT, LONG])
def test_P5_signed_urls_are_taken_in_either_form(gateway, responder, base):
    client = PortClient(gateway)

    def form(url):
        return base + url.removeprefix(SHORT)

    client.directory = {name: form(url) if isinstance(url, str) else url for name, url in client.directory.items()}
    client.register()
    assert client.account.startswith(SHORT + "/")
    client.account = form(client.account)
    order = client.order([fresh_name()]).json()
    proven = client.prove({"authorizations": [form(url) for url in order["authorizations"]]}, HttpProver(responder(gateway)))
    assert [one["status"] for one in proven] == ["valid"]
    new, url = new_key(), client.directory["keyChange"]
    inner = flattened(new, {"alg": jose.algorithm(new), "jwk": public_jwk(new), "url": url}, {"account": client.account, "oldKey": public_jwk(client.key)})
    assert client.post(url, inner).status == 200


@pytest.mark.parametrize("base", ["https://localhost:80", "https://localhost:4430", "http://localhost", "https://localhost:", "https://127.0.0.1"])
def test_P5_other_urls_are_refused(gateway, base):
    client = PortClient(gateway).register()
    protected = client.protected(f"{base}/acme/acme/new-order")
    body = flattened(client.key, protected, {"identifiers": [{"type": "dns", "value": fresh_name()}]})
    reply = client.raw("POST", client.directory["newOrder"], json.dumps(body), {"Content-Type": "application/jose+json"})
    assert (reply.status, reply.problem) == (403, "unauthorized"), reply
