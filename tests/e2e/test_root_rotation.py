# SPDX-License-Identifier: Apache-2.0
"""A CA changes its root: both are pinned for a while, then the new one alone, when nothing lives under the old one any more."""

import pytest
from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.certificates import pem
from support.gateway import stepca_issuer
from support.waiting import wait_until
from test_reload import reload


@pytest.fixture
def ca(new_step_ca):
    return new_step_ca()


@pytest.fixture
def pins(tmp_path):
    """Writes a bundle of roots: pins("name", root…)."""

    def write(name, *roots):
        path = tmp_path / f"{name}.pem"
        path.write_bytes(b"".join(pem(root.certificate) for root in roots))
        return str(path)

    return write


def trusted_alone(gateway, path):
    """What the server shows leads to these roots."""
    gateway.root_path = path
    return gateway.serves()


def test_the_old_root_stays_pinned_as_long_as_certificates_live_under_it(
    new_gateway, with_admin, ca, pins, responder, tmp_path
):
    gateway = new_gateway(ca, form="JWK")
    section = gateway.configuration["issuers"]["main"]
    old = ca.root
    section["root_cert_path"] = gateway.root_path = pins("old", old)
    admin = with_admin(gateway)
    gateway.start()
    prover = HttpProver(responder(gateway))
    client = gateway.client()
    under_old = client.issue([fresh_name()], prover)[0]

    # A root that the CA does not use yet may stand beside the one that it uses.
    old_fingerprint = ca.fingerprint
    ca.rotate_root()
    new = ca.root
    assert admin.put({**section, "root_cert_path": pins("new", new)}).status == 422
    both = pins("both", old, new)
    reply = admin.put({**section, "root_cert_path": both})
    assert reply.status == 200, reply
    assert reply.json()["changed"] == {
        "root_fingerprints": {"from": [old_fingerprint], "to": [old_fingerprint, ca.fingerprint]}
    }
    gateway.root_path = both
    client = gateway.client(client.key)
    chain = client.issue([fresh_name()], prover)
    assert chain[-1].issuer == new.certificate.subject

    # The new one alone: refused while a certificate of the old one lives, by PUT and by SIGHUP.
    alone = {**section, "root_cert_path": pins("alone", new)}
    refused = admin.put(alone)
    until = under_old.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ")
    (reason,) = refused.json()["reasons"]
    assert refused.status == 422 and f"until {until} under root {old_fingerprint}" in reason and "keep that root" in reason
    assert admin.issuer()["root_fingerprints"] == [old_fingerprint, ca.fingerprint]
    assert admin.delete().status == 422

    # Its certificate can be revoked still; with that nothing lives under it.
    assert client.revoke(under_old).status == 200
    assert admin.put(alone).status == 200
    assert admin.issuer()["root_fingerprints"] == [ca.fingerprint]
    wait_until(lambda: trusted_alone(gateway, alone["root_cert_path"]), "an own certificate under the new root")
    assert gateway.client(client.key).issue([fresh_name()], prover)


def test_sighup_keeps_to_the_same_rule(new_gateway, ca, pins, responder):
    gateway = new_gateway(ca, form="JWK")
    section = gateway.configuration["issuers"]["main"]
    old, old_fingerprint = ca.root, ca.fingerprint
    section["root_cert_path"] = gateway.root_path = pins("old", old)
    gateway.start()
    client = gateway.client()
    under_old = client.issue([fresh_name()], HttpProver(responder(gateway)))[0]
    ca.rotate_root()
    section["root_cert_path"] = pins("new", ca.root)
    words = reload(gateway)
    assert f"under root {old_fingerprint}" in words and "the running configuration stays" in words
    section["root_cert_path"] = pins("both", old, ca.root)
    assert "was taken in" in reload(gateway)
    assert client.revoke(under_old).status == 200
    section["root_cert_path"] = pins("new", ca.root)
    assert "was taken in" in reload(gateway)


def test_a_start_with_roots_that_leave_certificates_behind_warns(new_gateway, new_step_ca, ca, responder, tmp_path):
    gateway = new_gateway(ca, form="JWK").start()
    gateway.client().issue([fresh_name()], HttpProver(responder(gateway)))
    gateway.stop()
    other = new_step_ca()
    gateway.configuration["issuers"]["main"] = stepca_issuer(other, tmp_path / "other", "JWK")
    gateway.root_path = other.root_path
    gateway.start()
    assert "cannot be revoked" in gateway.process.output()
