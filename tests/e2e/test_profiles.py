# SPDX-License-Identifier: Apache-2.0
"""Profiles (draft-ietf-acme-profiles): what the directory tells of them, and what each lets through."""

import pytest

from client_scenarios import fresh_name
from cryptography import x509
from support.acme_client import HttpProver
from support.certificates import names_of, new_key


@pytest.fixture
def gateway(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    gateway.configuration["profiles"] |= {
        "modern": {"issuer": "main", "key_types": ["P-256", "Ed25519"], "description": "elliptic curves only"},
        "large": {"issuer": "main", "key_types": ["RSA", "P-384"]},
    }
    gateway.configuration["endpoints"] = {"acme": {"profiles": ["default", "modern", "large"]}}
    return gateway.start()


def test_the_directory_lists_them(gateway):
    listed = gateway.client().directory["meta"]["profiles"]
    assert listed == {"default": "", "modern": "elliptic curves only", "large": ""}


ACCEPTED = {
    "default": {"P-256", "P-384", "P-521", "RSA", "Ed25519"},
    "modern": {"P-256", "Ed25519"},
    "large": {"RSA", "P-384"},
}


@pytest.mark.check(44)
@pytest.mark.parametrize("profile", ACCEPTED)
def test_keys_that_a_profile_takes(gateway, responder, profile):
    client, prover = gateway.client(), HttpProver(responder(gateway))
    for kind in ("P-256", "P-384", "P-521", "RSA", "Ed25519"):
        names = [fresh_name()]
        order = client.ready_order(names, prover, profile=profile)
        assert order.json()["profile"] == profile
        reply = client.finalize(order, names, new_key(kind))
        if kind in ACCEPTED[profile]:
            assert reply.status == 200, reply
            assert names_of(client.certificate(order.location)[0]) == names
        else:
            assert (reply.status, reply.problem) == (400, "badCSR") and f"type {kind};" in reply.detail, reply
            assert client.get(order.location)["status"] == "ready"


def test_usages_where_the_issuer_can(step_ca, new_gateway, responder, tmp_path):
    gateway = new_gateway(step_ca)
    gateway.configuration["issuers"]["own"] = {"type": "local", "directory": str(tmp_path / "own")}
    gateway.configuration["profiles"] |= {
        "both": {"issuer": "own"},
        "client": {"issuer": "own", "extended_key_usages": ["clientAuth"]},
    }
    gateway.configuration["endpoints"]["acme"]["profiles"] += ["both", "client"]
    client, prover = gateway.start().client(), HttpProver(responder(gateway))
    for profile, usages in (("both", {"serverAuth", "clientAuth"}), ("client", {"clientAuth"})):
        leaf = client.issue([fresh_name()], prover, profile=profile)[0]
        found = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert {one._name for one in found} == usages


def test_usages_are_not_promised_of_step_ca(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    gateway.configuration["profiles"]["default"]["extended_key_usages"] = ["clientAuth"]
    code, _, errors = gateway.run("config", "show")
    assert code != 0 and "profiles.default.extended_key_usages" in errors and "template" in errors


def test_a_key_type_that_is_none(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    gateway.configuration["profiles"]["default"]["key_types"] = ["P-265"]
    code, _, errors = gateway.run("config", "show")
    assert code != 0 and "profiles.default.key_types" in errors and "P-256, P-384" in errors
