# SPDX-License-Identifier: Apache-2.0
"""`acmegate try NAME` asks the network what a validation would ask, without an order or a running server."""

import json

import pytest
from client_scenarios import fresh_name


@pytest.fixture
def gateway(new_gateway, step_ca):
    return new_gateway(step_ca)


def test_a_web_server_without_the_answer_is_reached(gateway, responder, name_server):
    name = fresh_name()
    responder(gateway)
    status, output, errors = gateway.run("try", name)
    assert status == 0, output + errors
    assert "profile default  allows the name" in output
    assert f"http-01          reached; the client has to put its answer there\n    GET http://{name}:{gateway.http_port}/" in output
    assert "status 404" in output
    assert "dns-01           reached; the client has to set the TXT record" in output
    assert "tls-alpn-01      fails" in output and "Connection refused" in output
    assert not gateway.store.is_made()
    status, output, _ = gateway.run("try", name, "--json")
    findings = {finding["what"]: finding for finding in map(json.loads, output.splitlines())}
    assert status == 0 and findings["profile default"]["result"] == "allows"
    assert findings["http-01"]["result"] == "reached" and "status 404" in findings["http-01"]["tried"]
    assert findings["tls-alpn-01"]["cause"] == "connection-failed"


def test_nothing_listens_and_no_record_can_be_read(gateway, name_server):
    name = fresh_name()
    name_server.set_servfail(name)
    name_server.set_servfail(f"_acme-challenge.{name}")
    status, output, errors = gateway.run("try", name)
    assert status == 1, output + errors
    for challenge in ("http-01", "dns-01", "tls-alpn-01"):
        assert f"  {challenge:16} fails\n" in output, output
    assert output.count("    next: ") == 3
