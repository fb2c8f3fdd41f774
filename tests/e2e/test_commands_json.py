# SPDX-License-Identifier: Apache-2.0
"""What the commands print for programs (docs/commands.md), beside a running server."""

import json

import pytest
from cryptography import x509

from client_scenarios import fresh_name
from support.acme_client import HttpProver


@pytest.fixture
def gateway(new_gateway, step_ca):
    return new_gateway(step_ca).start()


def objects(gateway, *words, status=0):
    ended, said, complaint = gateway.run(*words, "--json")
    assert (ended, complaint) == (status, "")
    return [json.loads(line) for line in said.splitlines()]


def test_C7_lists_are_arrays_and_numbers_are_numbers(gateway, responder):
    client, name = gateway.client(), fresh_name()
    client.issue([name], HttpProver(responder(gateway)))
    (account,) = objects(gateway, "account", "list")
    assert account["contacts"] == [] and account["terms_agreed"] is True and account["orders"] == 1
    (order,) = objects(gateway, "order", "list", "--name", name)
    assert order["names"] == [name] and order["state"] == "valid"
    (certificate,) = objects(gateway, "cert", "list")
    assert certificate["names"] == [name] and certificate["expires"].endswith("Z")
    (story,) = objects(gateway, "explain", name)
    assert story["order"]["id"] == order["id"] and story["order"]["names"] == [name]
    assert story["certificate"]["serial"] == certificate["serial"]
    assert story["cause"]["name"] == "certificate-good" and story["cause"]["turn"] == "nobody"
    assert [attempt["state"] for attempt in story["attempts"]] == ["signed"]
    assert "order.created" in [event["kind"] for event in story["events"]]


def test_findings_and_settings_are_objects(gateway):
    gateway.stop()
    findings = objects(gateway, "check")
    assert {finding["result"] for finding in findings} <= {"ok", "warning"} and len(findings) > 5
    settings = {setting["key"]: setting for setting in objects(gateway, "config", "show")}
    assert settings["base_url"]["value"] == gateway.configuration["base_url"] and settings["base_url"]["origin"] == "file"


def test_C7_a_revocation_waits_for_the_ca_and_pem_is_the_certificate(gateway, responder, step_ca):
    client, name = gateway.client(), fresh_name()
    certificate = client.issue([name], HttpProver(responder(gateway)))[0]
    serial = f"{certificate.serial_number:x}"
    status, pem, _ = gateway.run("cert", "show", serial, "--pem")
    assert status == 0 and pem.count("BEGIN CERTIFICATE") == 2
    assert x509.load_pem_x509_certificate(pem.encode()) == certificate
    (expiring,) = objects(gateway, "cert", "list", "--expiring", "60d")
    assert expiring["serial"] == serial
    assert objects(gateway, "order", "list", "--failed") == []
    (told,) = objects(gateway, "cert", "revoke", serial, "--wait", "--timeout", "30s")
    assert told == {"serial": serial, "reason": "unspecified", "corrects": False, "confirmed": True, "served": True}
    assert certificate.serial_number in step_ca.revoked()
    assert objects(gateway, "cert", "list", "--expiring", "60d") == []
