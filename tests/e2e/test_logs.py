# SPDX-License-Identifier: Apache-2.0
"""The log: a line for each event, for people or for programs, the access log, and no secrets."""

import base64
import http.client
import json
import pathlib
import re
import socket
import ssl

import pytest
from client_scenarios import fresh_name
from support.acme_client import AcmeClient, Refused, Reply
from support.certificates import new_key
from support.eab import add_key, binding
from support.step_ca import PROVISIONER
from support.waiting import wait_until

DENIED = "denied.internal"


@pytest.fixture
def gateway(new_gateway, step_ca):
    """Everything is logged, as JSON."""
    gateway = new_gateway(step_ca)
    gateway.configuration["log"] = {"level": "debug", "format": "json", "access": True}
    gateway.configuration["endpoints"]["acme"]["names"] = {"deny": [DENIED]}
    gateway.configuration["endpoints"]["bound"] = {"profiles": ["default"], "eab": "required"}
    return gateway


def lines_of(gateway):
    """The lines so far. Each must be an object."""
    return [json.loads(line) for line in gateway.process.output().splitlines() if line]


def events_of(gateway):
    return gateway.query("SELECT * FROM v_events ORDER BY id")


def lines_with(gateway, **members):
    return [line for line in lines_of(gateway) if members.items() <= line.items()]


def refuse(client, name):
    with pytest.raises(Refused) as refused:
        client.order([name])
    return refused.value.reply


def test_the_start_is_told(gateway, step_ca):
    gateway.start()

    def said(words):
        return any(re.fullmatch(words, line["message"]) for line in lines_of(gateway))

    for words in (
        rf"acmegate \d+\.\d+\.\d+, commit \w+, configuration {gateway.config_path}",
        rf"database {re.escape(str(gateway.store.place))}, schema \d+",
        rf"listen: listening on 127\.0\.0\.1 port {gateway.port}",
        rf"issuer main: step-ca at {step_ca.url}, provisioner {PROVISIONER}",
        rf"directory {gateway.directory()}",
    ):
        wait_until(lambda: said(words), words)  # pylint: disable=cell-var-from-loop


def test_each_event_is_a_line(gateway, prover):
    gateway.start()
    client, name = gateway.client(), fresh_name()
    certificate = client.issue([name], prover)[0]
    refused = refuse(client, DENIED)
    assert client.revoke(certificate).status == 200
    wait_until(lambda: lines_with(gateway, message="certificate.revoked"), "the line of the revocation")

    kinds = [event["kind"] for event in events_of(gateway)]
    assert [line["message"] for line in lines_of(gateway) if line["message"] in kinds] == kinds
    (valid,) = lines_with(gateway, message="order.valid")
    (row,) = gateway.query("SELECT * FROM v_orders")
    assert valid["level"] == "info" and valid["names"] == name and valid["issuer"] == "main"
    assert (valid["order"], valid["account"], valid["serial"]) == (row["id"], row["account"], row["serial"])
    (proven,) = lines_with(gateway, message="challenge.valid")
    assert proven["names"] == name and proven["duration_ms"] >= 0 and proven["detail"]
    (denial,) = lines_with(gateway, message="order.refused")
    assert denial["level"] == "warning" and denial["names"] == DENIED and denial["cause"] == refused.json()["cause"]
    assert denial["by"] == "client 127.0.0.1"
    (end,) = lines_with(gateway, message="certificate.revoked")
    assert end["serial"] == row["serial"]


def both_lines(gateway, request):
    """Once there are two. The reply does not wait for the log: either may be the first."""
    lines = lines_with(gateway, request=request)
    return lines if len(lines) >= 2 else None


def test_reply_problem_event_and_line_have_the_request(gateway):
    gateway.start()
    client = gateway.client()
    refused = refuse(client, DENIED)
    request = refused.headers["X-Request-Id"]
    assert refused.json()["request"] == request
    assert [event["kind"] for event in events_of(gateway) if event["request"] == request] == ["order.refused"]
    lines_of_it = wait_until(lambda: both_lines(gateway, request), "the lines of the event and of the reply")
    assert sorted(line["message"] for line in lines_of_it) == ["order.refused", "request"]
    (access,) = lines_with(gateway, message="request", request=request)
    assert (access["method"], access["path"], access["status"]) == ("POST", "/acme/acme/new-order", 403)
    assert access["problem"] == "rejectedIdentifier" and access["user_agent"] == client.user_agent
    assert access["account"] == int(client.account.rsplit("/", 1)[1])


def raw(gateway, text):
    """The reply to these octets."""
    context = ssl.create_default_context(cafile=str(gateway.root_path))
    with socket.create_connection(("127.0.0.1", gateway.port), 30) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(text.encode())
            reply = http.client.HTTPResponse(connection)
            reply.begin()
            return Reply(reply, "GET")


def test_a_malformed_request_has_a_line_and_a_name_too(gateway):
    gateway.start()
    cases = [
        ("GET", 400, "Host: a\r\nHost: b"),
        ("POST", 413, f"Host: localhost\r\nContent-Length: {10**7}"),
    ]
    for method, status, headers in cases:
        reply = raw(gateway, f"{method} /acme/x?q=secret HTTP/1.1\r\n{headers}\r\n\r\n")
        assert reply.status == status and reply.problem == "malformed", reply
        request = reply.headers["X-Request-Id"]
        assert reply.json()["request"] == request
        (line,) = wait_until(lambda: lines_with(gateway, message="request", request=request), "the line")
        assert (line["method"], line["path"], line["status"]) == (method, "/acme/x", status)
        assert (line["problem"], line["client"]) == ("malformed", "127.0.0.1") and "account" not in line


def private_number(key):
    """The `d` of its JWK."""
    number = key.private_numbers().private_value
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).decode().rstrip("=")


def test_the_log_holds_no_secret(gateway, prover):
    """Neither at debug nor in the access log: passwords, keys, one-time tokens, signed requests."""
    gateway.start()
    kid, mac_key = add_key(gateway, endpoint="bound")
    bound = AcmeClient(gateway.directory("bound"), gateway.root_path)
    bound.register(externalAccountBinding=binding(bound, kid, mac_key))
    key = new_key()
    bound.issue([fresh_name()], prover, key)
    password_path = pathlib.Path(gateway.configuration["issuers"]["main"]["provisioner_password_file"])
    secrets = {
        "MAC key": base64.urlsafe_b64encode(mac_key).decode().rstrip("="),
        "password": password_path.read_text().strip(),
        "account key": private_number(bound.key),
        "certificate key": private_number(key),
        "token or signed request": "eyJ",
        "PEM": "PRIVATE KEY",
    }
    gateway.stop()  # the last lines are there
    assert lines_with(gateway, message="order.valid") and lines_with(gateway, message="request")
    text = gateway.process.output()
    assert [name for name, secret in secrets.items() if secret in text] == []


def test_level_and_form_follow_a_reload(gateway):
    gateway.start()
    gateway.configuration["log"] = {"level": "warning", "format": "text"}
    gateway.write_configuration()
    gateway.process.hang_up()

    def refused_line():
        refuse(gateway.client(), DENIED)
        return next((line for line in gateway.process.output().splitlines() if " warning order.refused " in line), None)

    assert f" names={DENIED} " in wait_until(refused_line, "a line of text")
    before = len(gateway.process.output())
    gateway.client()
    refuse(gateway.client(), DENIED)
    gateway.stop()  # the last lines are there
    new = gateway.process.output()[before:]
    assert " warning order.refused " in new and "account.created" not in new
