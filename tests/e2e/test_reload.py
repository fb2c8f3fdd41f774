# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the issuers of the file are taken over together, or not at all. test_reload_keys.py has the other keys."""

import pathlib
import re

import pytest
from client_scenarios import fresh_name
from support.gateway import stepca_issuer
from support.provisioner_keys import ProvisionerKey
from support.step_ca import PROVISIONER
from support.waiting import wait_until

OTHER = "acmegate-next"
VERDICT = re.compile(r"reload: .* (was taken in|is refused; the running configuration stays)\n")


@pytest.fixture
def ca(new_step_ca):
    return new_step_ca(provisioner_keys={PROVISIONER: ProvisionerKey(), OTHER: ProvisionerKey(kind="P-384")})


@pytest.fixture
def gateway(new_gateway, ca):
    return new_gateway(ca).start()


def reload(gateway):
    """Sends SIGHUP; what was logged about it, up to the verdict."""
    before = len(gateway.process.output())
    gateway.write_configuration()
    gateway.process.hang_up()

    def verdict():
        words = gateway.process.output()[before:]
        return words if VERDICT.search(words) else None

    return wait_until(verdict, "the verdict on the reload")


def issue(gateway, prover):
    return gateway.client().issue([fresh_name()], prover)[0]


def break_the_password(gateway, issuer, folder):
    pathlib.Path(issuer["provisioner_password_file"]).write_text("wrong\n")
    return "password"


def take_a_key_that_is_not_the_provisioners(gateway, issuer, folder):
    pathlib.Path(issuer["provisioner_key_path"]).write_text(ProvisionerKey().text("JWK"))
    return "not the key"


def name_a_provisioner_that_is_not_there(gateway, issuer, folder):
    issuer["provisioner_name"] = "nobody"
    return "nobody"


def lose_the_root(gateway, issuer, folder):
    issuer["root_cert_path"] = str(folder / "none.crt")
    return "none.crt"


def misspell_a_key(gateway, issuer, folder):
    issuer["ca_urll"] = issuer["ca_url"]
    return "ca_url"


FAULTS = [
    break_the_password,
    take_a_key_that_is_not_the_provisioners,
    name_a_provisioner_that_is_not_there,
    lose_the_root,
    misspell_a_key,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_defect_14_a_bad_new_issuer_is_refused_and_the_old_one_serves_on(gateway, prover, tmp_path, fault):
    expected = fault(gateway, gateway.configuration["issuers"]["main"], tmp_path)
    words = reload(gateway)
    assert "the running configuration stays" in words and expected in words
    assert issue(gateway, prover)


def test_the_provisioner_is_rotated_without_a_restart(gateway, ca, prover, tmp_path):
    issue(gateway, prover)
    gateway.configuration["issuers"]["main"] = stepca_issuer(ca, tmp_path / "next", "compact JWE", OTHER)
    assert "was taken in" in reload(gateway)
    certificate = issue(gateway, prover)
    # The provisioner extension (1.3.6.1.4.1.37476.9000.64.1) names who asked.
    assert OTHER.encode() in b"".join(
        extension.value.value for extension in certificate.extensions if extension.oid.dotted_string.endswith("9000.64.1")
    )


def test_another_ca_under_the_same_id_is_refused_while_certificates_live(gateway, ca, new_step_ca, prover, tmp_path):
    issue(gateway, prover)
    gateway.configuration["issuers"]["main"] = stepca_issuer(new_step_ca(), tmp_path / "other")
    words = reload(gateway)
    assert f"under root {ca.fingerprint}" in words and "the running configuration stays" in words
    assert issue(gateway, prover)


def test_another_ca_may_take_over_when_no_certificates_live(gateway, new_step_ca, prover, tmp_path):
    other = new_step_ca()
    gateway.configuration["issuers"]["main"] = stepca_issuer(other, tmp_path / "other")
    assert "was taken in" in reload(gateway)
    gateway.root_path = other.root_path
    wait_until(gateway.serves, "an own certificate from the other CA")
    assert issue(gateway, prover)
