# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 framing by the letter (RFC 9112), as raw exchanges over TLS, and targets in absolute form."""

import http.client
import re
import socket
import ssl

import pytest

from client_scenarios import fresh_name

PATH = "/acme/acme/directory"


@pytest.fixture(scope="module")
def gateway(new_module_gateway, step_ca):
    gateway = new_module_gateway(step_ca)
    gateway.configuration["alternate_names"] = ["acme.internal"]
    return gateway.start()


def exchange(gateway, text):
    """Sends octets on one connection and reads to its end: (statuses of the answers, everything that came)."""
    context = ssl.create_default_context(cafile=str(gateway.root_path))
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(text.encode("latin-1"))
            came = b""
            while part := tls.recv(65536):
                came += part
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", came)], came


def head(*lines, method="GET", target=PATH, version="HTTP/1.1", host="localhost", end="\r\n"):
    hosts = [f"Host: {host}"] if host else []
    return "".join(line + end for line in (f"{method} {target} {version}", *hosts, *lines, ""))


def post(*lines, body="", **members):
    return head(*lines, method="POST", target="/acme/acme/new-order", **members) + body


# A good request whose answer ends the connection: it is answered only where the one before it left the connection open.
SECOND = head("Connection: close")
OPEN, CLOSED = [200, 200], [400]

REFUSED = {
    "length and coding": post("Content-Length: 5", "Transfer-Encoding: chunked", body="0\r\n\r\n"),
    "coding and length": post("Transfer-Encoding: chunked", "Content-Length: 5", body="0\r\n\r\n"),
    "two lengths": post("Content-Length: 5", "Content-Length: 6", body="123456"),
    "the same length twice": post("Content-Length: 5", "Content-Length: 5", body="12345"),
    "a list of lengths": post("Content-Length: 5, 5", body="12345"),
    "a length with a sign": post("Content-Length: +5", body="12345"),
    "a negative length": post("Content-Length: -1"),
    "a length in base 16": post("Content-Length: 0x5", body="12345"),
    "a length with a space inside": post("Content-Length: 1 0", body="1234567890"),
    "an empty length": post("Content-Length:"),
    "a length over all bounds": post("Content-Length: 99999999999999999999999"),
    "an unknown coding": post("Transfer-Encoding: gzip", body="0\r\n\r\n"),
    "a coding before chunked": post("Transfer-Encoding: gzip, chunked", body="0\r\n\r\n"),
    "two codings": post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body="0\r\n\r\n"),
    "chunked twice": post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body="0\r\n\r\n"),
    "chunked in HTTP/1.0": post("Transfer-Encoding: chunked", version="HTTP/1.0", body="0\r\n\r\n"),
    "a chunk of no size": post("Transfer-Encoding: chunked", body="x\r\n\r\n0\r\n\r\n"),
    "a chunk of negative size": post("Transfer-Encoding: chunked", body="-1\r\n\r\n0\r\n\r\n"),
    "a chunk longer than its size": post("Transfer-Encoding: chunked", body="1\r\n12\r\n0\r\n\r\n"),
    "a chunk of a size over all bounds": post("Transfer-Encoding: chunked", body="fffffffffffffffff\r\n\r\n0\r\n\r\n"),
    "no host": head(host=None),
    "two hosts": head("Host: localhost"),
    "two other hosts": head("Host: elsewhere.internal"),
    "an empty host": head("Host:", host=None),
    "a host with a path": head("Host: localhost/x", host=None),
    "a host with user information": head("Host: x@localhost", host=None),
    "bare line feeds": head(end="\n"),
    "one bare line feed": head().replace("\r\nHost", "\nHost"),
    "a folded header": head("X-Folded: a", " b"),
    "a header folded with a tab": head("X-Folded: a", "\tb"),
    "an absolute target of another scheme": head(target=f"http://localhost{PATH}"),
    "an absolute target without a host": head(target=f"https://{PATH}"),
    "an absolute target with user information": head(target=f"https://x@localhost{PATH}"),
    "a target that is no URL": head(target="acme/acme/directory"),
    "a target of a host alone": head(target="localhost:443", method="CONNECT"),
    "a target that is a star": head(target="*", method="OPTIONS"),
}

# What libh2o's parser refuses by itself, in plain text.
UNREADABLE = {
    "a first header that is folded": head(" Host: localhost", host=None),
    "a bare carriage return": head("X-Other: a\rb"),
    "white space before the colon": head("X-Other : a"),
    "a length with white space before the colon": post("Content-Length : 5", body="12345"),
    "a header without a colon": head("X-Other"),
    "a header without a name": head(": a"),
    "a zero byte": head("X-Other: a\0b"),
    "no version": f"GET {PATH}\r\n\r\n",
    "another version": head(version="HTTP/2.0"),
    "no request": "\x16\x03\x01\x02\x00\x01\r\n\r\n",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_P8_framing_is_refused_and_nothing_behind_it_answered(gateway, text):
    statuses, came = exchange(gateway, text + SECOND)
    assert statuses == CLOSED, came
    assert b"\r\nConnection: close\r\n" in came and b"application/problem+json" in came


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_P8_framing_that_cannot_be_read(gateway, text):
    statuses, came = exchange(gateway, text + SECOND)
    assert statuses == CLOSED and b"\r\nConnection: close\r\n" in came, came


GOOD = {
    "one empty line before": "\r\n" + head(),
    "a header without a value": head("X-Other:"),
    "white space around a value": head("X-Other: \t a\t "),
    "octets above ASCII": head("X-Other: \xe9"),
    "a host with a port": head("Host: localhost:9", host=None),
    "an absolute target": head(target="https://localhost" + PATH),
    "an absolute target in capitals": head(target="HTTPS://LOCALHOST" + PATH),
    "an absolute target with a port": head(target="https://localhost:9" + PATH),
    "an absolute target with a query": head(target=f"https://localhost{PATH}?a=b/c"),
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD.keys())
def test_P8_framing_that_is_right(gateway, text):
    statuses, came = exchange(gateway, text + SECOND)
    assert statuses == OPEN, came


CHUNKED = {
    "one chunk": "5\r\n12345\r\n0\r\n\r\n",
    "two chunks": "2\r\n12\r\n3\r\n345\r\n0\r\n\r\n",
    "zeros before the size": "0005\r\n12345\r\n0\r\n\r\n",
    "an extension": "5;name=value\r\n12345\r\n0\r\n\r\n",
    "a trailer": "5\r\n12345\r\n0\r\nX-Other: a\r\n\r\n",
    "a bare line feed": "5\n12345\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("body", CHUNKED.values(), ids=CHUNKED.keys())
def test_P8_framing_nothing_is_read_behind_chunks(gateway, body):
    text = post("Content-Type: application/jose+json", "Transfer-Encoding: chunked", body=body)
    statuses, came = exchange(gateway, text + SECOND)
    assert statuses == [400] and b"\r\nConnection: close\r\n" in came, came


def test_P7_the_host_of_an_absolute_target_counts(gateway):
    urls = {}
    for name in ("localhost", "acme.internal"):
        _, came = exchange(gateway, head("Connection: close", target=f"https://{name}{PATH}", host="elsewhere.internal"))
        urls[name] = re.search(rb'"newOrder":"([^"]*)"', came).group(1).decode()
    assert urls["acme.internal"] == "https://acme.internal/acme/acme/new-order"
    assert urls["localhost"] == gateway.configuration["base_url"] + "/acme/acme/new-order"


def test_P7_a_signed_request_with_an_absolute_target(gateway, monkeypatch):
    client = gateway.client()
    url, body = client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": fresh_name()}]}
    put = http.client.HTTPConnection.putrequest

    def put_absolute(self, method, path, *arguments, **members):
        put(self, method, gateway.configuration["base_url"] + path, *arguments, **members)

    monkeypatch.setattr(http.client.HTTPConnection, "putrequest", put_absolute)
    reply = client.post(url, body)
    assert reply.status == 201 and reply.location.startswith(gateway.configuration["base_url"])
