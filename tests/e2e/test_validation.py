# SPDX-License-Identifier: Apache-2.0
"""Proving control for real: what http-01 and dns-01 accept, what they refuse, and what the client is told."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from client_scenarios import fresh_name
from support.acme_client import DnsProver, HttpProver
from support.certificates import names_of, new_key, slow_rsa_key
from support.http_responder import HttpResponder
from support.ports import free_port
from support.tls_responder import challenge_certificate, server_context


@pytest.fixture
def gateway(current_site):
    return current_site.gateway


def challenge_of(client, order, kind="http-01"):
    """Asks for the validation of an order's first authorization by `kind`; the challenge when it has ended."""
    url = order.json()["authorizations"][0]
    challenge = client.challenge(client.get(url), kind)
    reply = client.post(challenge["url"], {})
    assert reply.status == 200 and f'<{url}>;rel="up"' in reply.headers.get_all("Link")
    client.wait_while(url, "pending")
    return client.get(challenge["url"])


def assert_invalid(client, order, challenge, kind, *words):
    """The reason is at the challenge; authorization and order are lost."""
    assert challenge["status"] == "invalid" and challenge["error"]["type"].endswith(f":{kind}"), challenge
    for word in words:
        assert word in challenge["error"]["detail"], (word, challenge)
    assert client.get(order.location)["status"] == "invalid"
    assert client.get(order.json()["authorizations"][0])["status"] == "invalid"


# ---- http-01 ----


@pytest.mark.check(39)
def test_http_asks_by_name_on_the_port(gateway, responder):
    client, name, server = gateway.client(), fresh_name(), responder(gateway)
    client.issue([name], HttpProver(server))
    host, path = server.asked[0]
    assert host.split(":")[0] == name and path.startswith("/.well-known/acme-challenge/")


@pytest.mark.check(38)
def test_http_with_another_content(gateway, responder):
    client, server = gateway.client(), responder(gateway)
    order = client.order([fresh_name()])
    token = client.challenge(client.get(order.json()["authorizations"][0]), "http-01")["token"]
    server.answers[token] = "another content"
    challenge = challenge_of(client, order)
    assert_invalid(
        client, order, challenge, "incorrectResponse", "another content", "127.0.0.1", str(gateway.http_port)
    )


@pytest.mark.check(39)
def test_http_with_white_space_behind_it(gateway, responder):
    client, server = gateway.client(), responder(gateway)
    order = client.order([fresh_name()])
    token = client.challenge(client.get(order.json()["authorizations"][0]), "http-01")["token"]
    server.answers[token] = client.key_authorization(token) + " \r\n"
    assert challenge_of(client, order)["status"] == "valid"


@pytest.mark.check(38)
def test_http_without_the_file(gateway, responder):
    client = gateway.client()
    responder(gateway)
    order = client.order([fresh_name()])
    assert_invalid(client, order, challenge_of(client, order), "unauthorized", "404")


@pytest.mark.check(38)
def test_http_where_nobody_listens_is_tried_again_and_then_told(gateway):
    client = gateway.client()
    order = client.order([fresh_name()])
    challenge = challenge_of(client, order)
    assert_invalid(client, order, challenge, "connection", "127.0.0.1", str(gateway.http_port))
    (row,) = gateway.query("SELECT max(attempt_count) AS n FROM authorizations WHERE error IS NOT NULL")
    assert row["n"] >= 2


@pytest.mark.check(38)
def test_http_for_a_name_that_does_not_resolve(gateway, name_server):
    client, name = gateway.client(), fresh_name()
    name_server.set_servfail(name)
    order = client.order([name])
    assert_invalid(client, order, challenge_of(client, order), "dns", name)


@pytest.mark.check(38)
def test_http_comes_right_while_it_is_tried(gateway, responder):
    """A passing fault is no reason to fail: RFC 8555 §8.2."""
    client, name = gateway.client(), fresh_name()
    order = client.order([name])
    url = order.json()["authorizations"][0]
    challenge = client.challenge(client.get(url), "http-01")
    first = client.post(challenge["url"], {})  # nobody listens yet
    assert first.json()["status"] in ("pending", "processing")
    responder(gateway).answers[challenge["token"]] = client.key_authorization(challenge["token"])
    assert client.wait_while(url, "pending")["status"] == "valid"


class Redirects:
    """Sends every request elsewhere."""

    def __init__(self, port, target):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(302)
                self.send_header("Location", target(self.path))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = HTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


FORBIDDEN = {
    "the metadata service": "http://169.254.169.254:{port}/secret",
    "an address mapped into IPv6": "http://[::ffff:169.254.169.254]:{port}/secret",
    "everything": "http://0.0.0.0:{port}/secret",
    "another port": "http://127.0.0.1:{other}/secret",
    "another scheme": "ftp://127.0.0.1/secret",
    "a file": "file:///etc/passwd",
}


@pytest.mark.check(42)
@pytest.mark.parametrize("target", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_http_redirects_go_through_the_same_gate(gateway, target):
    client, order_name = gateway.client(), fresh_name()
    order = client.order([order_name])
    url = target.format(port=gateway.http_port, other=free_port())
    with Redirects(gateway.http_port, lambda _: url):
        challenge = challenge_of(client, order)
    assert challenge["status"] == "invalid"
    assert "root:" not in challenge["error"]["detail"]


@pytest.mark.check(39)
def test_http_redirects_in_circles_end(gateway):
    client = gateway.client()
    order = client.order([fresh_name()])
    with Redirects(gateway.http_port, lambda path: path):
        challenge = challenge_of(client, order)
    assert_invalid(client, order, challenge, "connection", "redirect")


def test_N3_http_redirects_to_tls_port_are_followed(gateway):
    client = gateway.client()
    order = client.order([fresh_name()])
    target = f"http://127.0.0.1:{gateway.tls_port}"
    with HttpResponder(gateway.tls_port) as server, Redirects(gateway.http_port, lambda path: target + path):
        challenge = client.challenge(client.get(order.json()["authorizations"][0]), "http-01")
        server.answers[challenge["token"]] = client.key_authorization(challenge["token"])
        assert challenge_of(client, order)["status"] == "valid"


@pytest.mark.parametrize("key, status", [(new_key, "valid"), (slow_rsa_key, "invalid")], ids=["a usual key", "a slow key"])
def test_S9_https_behind_a_redirect_may_show_any_certificate_that_costs_little(gateway, tmp_path, key, status):
    client = gateway.client()
    order = client.order([fresh_name()])
    target = f"https://127.0.0.1:{gateway.tls_port}"
    tls = server_context(tmp_path, *challenge_certificate("other.example", "", key=key()))
    with HttpResponder(gateway.tls_port, tls=tls) as server, Redirects(gateway.http_port, lambda path: target + path):
        challenge = client.challenge(client.get(order.json()["authorizations"][0]), "http-01")
        server.answers[challenge["token"]] = client.key_authorization(challenge["token"])
        assert challenge_of(client, order)["status"] == status
        assert len(server.asked) == (status == "valid")


def test_N3_other_ports_are_refused_by_the_names_of_those_that_are_followed(gateway):
    client, other = gateway.client(), free_port()
    order = client.order([fresh_name()])
    with Redirects(gateway.http_port, lambda path: f"http://127.0.0.1:{other}{path}"):
        challenge = challenge_of(client, order)
    followed = ("80", "443", f"validation.http_port ({gateway.http_port})", f"validation.tls_port ({gateway.tls_port})")
    assert_invalid(client, order, challenge, "connection", str(other), *followed)


@pytest.mark.check(42)
def test_loopback_is_forbidden_unless_the_configuration_lifts_it(new_gateway, step_ca, responder):
    gateway = new_gateway(step_ca)
    gateway.configuration["validation"]["allow_addresses"] = []
    gateway.start()
    client, name, server = gateway.client(), fresh_name(), responder(gateway)
    order = client.order([name])
    challenge = challenge_of(client, order)
    assert challenge["status"] == "invalid" and "127.0.0.1" in challenge["error"]["detail"]
    assert server.asked == []


# ---- dns-01 ----


@pytest.mark.check(40)
def test_dns_among_several_values(gateway, name_server):
    client, name = gateway.client(), fresh_name()
    for value in ("something", "x" * 43):
        name_server.set_txt(f"_acme-challenge.{name}", value)
    assert names_of(client.issue([name], DnsProver(name_server))[0]) == [name]


@pytest.mark.check(40)
def test_dns_without_the_record(gateway):
    client, name = gateway.client(), fresh_name()
    order = client.order([name])
    challenge = challenge_of(client, order, "dns-01")
    assert challenge["status"] == "invalid" and f"_acme-challenge.{name}" in challenge["error"]["detail"]


@pytest.mark.check(40)
def test_dns_with_another_value(gateway, name_server):
    client, name = gateway.client(), fresh_name()
    order = client.order([name])
    name_server.set_txt(f"_acme-challenge.{name}", "not this")
    assert_invalid(client, order, challenge_of(client, order, "dns-01"), "incorrectResponse", "not this")


@pytest.mark.check(34)
def test_a_wildcard_is_offered_dns_only(gateway):
    client = gateway.client()
    order = client.order([f"*.{fresh_name()}"])
    authorization = client.get(order.json()["authorizations"][0])
    assert [one["type"] for one in authorization["challenges"]] == ["dns-01"]
    assert authorization["wildcard"] is True and not authorization["identifier"]["value"].startswith("*")


# ---- addresses ----


@pytest.mark.check(29, 39)
def test_an_address_by_http(gateway, responder):
    client = gateway.client()
    certificate = client.issue(["127.0.0.1"], HttpProver(responder(gateway)))[0]
    assert names_of(certificate) == ["127.0.0.1"]
