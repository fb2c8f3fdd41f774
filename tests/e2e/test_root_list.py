# SPDX-License-Identifier: Apache-2.0
"""The CA's list of roots is told to the operator and never trusted; and the steps of docs/step-ca.md for another root."""

import pytest
from client_scenarios import fresh_name
from cryptography.hazmat.primitives import hashes
from support.certificates import Authority, pem
from support.checks import assert_chains_to
from support.waiting import wait_until
from test_reload import reload


@pytest.fixture
def ca(new_step_ca):
    return new_step_ca()


@pytest.fixture
def gateway(new_gateway, ca, tmp_path):
    """Its own file of roots, which the test writes."""
    gateway = new_gateway(ca)
    gateway.root_path = tmp_path / "pinned.crt"
    gateway.configuration["issuers"]["main"]["root_cert_path"] = str(gateway.root_path)
    pin(gateway, ca.root)
    return gateway


def pin(gateway, *roots):
    gateway.root_path.write_bytes(b"".join(pem(root.certificate) for root in roots))


def fingerprint(root):
    return root.certificate.fingerprint(hashes.SHA256()).hex()


def issue(gateway, prover):
    return gateway.client().issue([fresh_name()], prover)


def check(gateway):
    status, output, words = gateway.run("check")
    return status, [line for line in (output + words).splitlines() if " root" in line]


def test_a_root_that_the_ca_lists_is_told_and_not_trusted(gateway, with_admin, ca, prover):
    admin = with_admin(gateway)
    old, new = ca.root, Authority("acmegate test root, new")
    status, lines = check(gateway)
    assert status == 0 and any("every root that the CA lists is pinned" in line for line in lines)

    ca.change_roots([old, new])
    gateway.start()
    told = f"the CA lists a root that is not in root_cert_path, SHA-256 {fingerprint(new)}"
    wait_until(lambda: told in gateway.process.output(), "the root to be told")
    shown = admin.issuer()
    assert (shown["roots_not_pinned"], shown["roots_not_listed"]) == ([fingerprint(new)], [])
    status, lines = check(gateway)
    (warning,) = [line for line in lines if fingerprint(new) in line]
    assert status == 0 and warning.startswith("warn") and "reload" in warning and fingerprint(old) not in warning
    assert_chains_to(issue(gateway, prover), old.certificate)

    # The CA switches before anybody has pinned it: that is no CA of ours.
    client = gateway.client()
    order = client.ready_order([name := fresh_name()], prover)
    ca.change_roots([old, new], signing=new)
    client.finalize(order, [name])
    wait_until(lambda: "root_cert_path does not vouch" in gateway.process.output(), "the refusal")
    assert client.get(order.location)["status"] == "processing"

    # What waits is signed when it is pinned; nothing else needs a repair.
    pin(gateway, old, new)
    assert "was taken in" in reload(gateway)
    assert_chains_to(client.certificate(order.location, seconds=60), new.certificate)


def test_a_rotation_step_by_step(gateway, ca, prover):
    old, new = ca.root, Authority("acmegate test root, new")
    gateway.start()
    client = gateway.client()
    under_old = client.issue([fresh_name()], prover)
    assert_chains_to(under_old, old.certificate)

    pin(gateway, old, new)
    assert "was taken in" in reload(gateway)
    told = f"the CA no longer lists the pinned root with SHA-256 {fingerprint(new)}"
    wait_until(lambda: told in gateway.process.output(), "the list")

    ca.change_roots([new, old], signing=new)
    assert_chains_to(client.issue([fresh_name()], prover), new.certificate)
    assert not [line for line in check(gateway)[1] if "lists a root" in line]

    # Out it goes when nothing lives under it any more, and not before; without a restart.
    ca.change_roots([new])
    _, lines = check(gateway)
    assert [line for line in lines if line.startswith("ok") and fingerprint(old) in line]
    pin(gateway, new)
    assert f"under root {fingerprint(old)}" in reload(gateway)
    assert client.revoke(under_old[0]).status == 200
    assert "was taken in" in reload(gateway)
    wait_until(gateway.serves, "an own certificate under the new root")
    assert_chains_to(issue(gateway, prover), new.certificate)
