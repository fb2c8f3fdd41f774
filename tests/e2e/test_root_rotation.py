"""Another root: the CA's list of roots is told to the operator and never trusted, and the steps of docs/step-ca.md."""

import pytest

from client_scenarios import fresh_name
from cryptography.hazmat.primitives import hashes
from support.acme_client import HttpProver
from support.certificates import Authority, pem
from support.checks import assert_chains_to
from support.waiting import wait_until


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


@pytest.fixture
def prover(gateway, responder):
    return HttpProver(responder(gateway))


def issue(gateway, prover):
    return gateway.client().issue([fresh_name()], prover)


def check(gateway):
    status, output, words = gateway.run("check")
    return status, [line for line in (output + words).splitlines() if " root" in line]


def test_a_root_that_the_ca_lists_is_told_and_not_trusted(gateway, ca, prover):
    old, new = ca.root, Authority("acmegate test root, new")
    status, lines = check(gateway)
    assert status == 0 and any("every root that the CA lists is pinned" in line for line in lines)

    ca.change_roots([old, new])
    gateway.start()
    told = f"the CA lists a root that root_cert_path does not hold, SHA-256 {fingerprint(new)}"
    wait_until(lambda: told in gateway.process.output(), "the root to be told")
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


def test_a_rotation_step_by_step(gateway, ca, prover):
    old, new = ca.root, Authority("acmegate test root, new")
    gateway.start()
    assert_chains_to(issue(gateway, prover), old.certificate)

    pin(gateway, old, new)
    gateway.process.hang_up()
    wait_until(lambda: "serve now" in gateway.process.output(), "the reload")
    told = f"the CA does not list the pinned root with SHA-256 {fingerprint(new)} any more"
    wait_until(lambda: told in gateway.process.output(), "the list")

    ca.change_roots([new, old], signing=new)
    assert_chains_to(issue(gateway, prover), new.certificate)
    assert not [line for line in check(gateway)[1] if "lists a root" in line]

    # Its own certificate is the old root's until it is renewed; what knows the new root only is served after that.
    ca.change_roots([new])
    _, lines = check(gateway)
    assert [line for line in lines if line.startswith("ok") and fingerprint(old) in line]
    gateway.stop()
    pin(gateway, new)
    for suffix in (".tls.crt", ".tls.key"):
        gateway.database.with_name(gateway.database.name + suffix).unlink()
    gateway.start()
    assert_chains_to(issue(gateway, prover), new.certificate)
