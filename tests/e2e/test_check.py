# SPDX-License-Identifier: Apache-2.0
"""`acmegate check` says beforehand, line by line, whether the CA will sign for us, and what to do where it will not."""

import json
import pathlib

import pytest

from cryptography.x509.oid import ExtendedKeyUsageOID
from support.certificates import key_pem, new_key
from support.ocsp_responder import RESPONDER, ResponderFiles, with_responder
from support.ports import free_port
from support.provisioner_keys import ProvisionerKey
from support.step_ca import PROVISIONER


def check(gateway):
    status, output, words = gateway.run("check")
    return status, output + words


def test_a_good_configuration_passes_line_by_line(gateway, step_ca):
    status, output = check(gateway)
    assert status == 0, output
    assert len(output.splitlines()) >= 6
    for word in (step_ca.url, PROVISIONER, step_ca.keys[PROVISIONER].key_id, "clock", "token"):
        assert word in output, word


def test_it_signs_and_keeps_nothing(gateway, step_ca):
    check(gateway)
    assert not gateway.store.is_made()


@pytest.mark.parametrize("version", ["0.30.2", "0.19.0"])
def test_both_versions_pass(new_gateway, step_cas, version):
    ca = step_cas(version)
    status, output = check(new_gateway(ca))
    assert status == 0 and version in output, output


def issuer_of(gateway):
    return gateway.configuration["issuers"]["main"]


def unreachable(gateway, _):
    issuer_of(gateway)["ca_url"] = f"https://localhost:{free_port()}"
    return ["connect"]


def unknown_host(gateway, _):
    issuer_of(gateway)["ca_url"] = "https://ca.nowhere.invalid:9000"
    return ["ca.nowhere.invalid"]


def other_root(gateway, new_step_ca):
    issuer_of(gateway)["root_cert_path"] = str(new_step_ca().root_path)
    return ["root_cert_path"]


def unknown_provisioner(gateway, _):
    issuer_of(gateway)["provisioner_name"] = "nobody"
    return ["nobody", PROVISIONER]


def wrong_password(gateway, _):
    pathlib.Path(issuer_of(gateway)["provisioner_password_file"]).write_text("wrong\n")
    return ["password"]


def other_key(gateway, _):
    pathlib.Path(issuer_of(gateway)["provisioner_key_path"]).write_text(ProvisionerKey().text("JWK"))
    return [PROVISIONER, "key"]


def no_key(gateway, _):
    issuer_of(gateway)["provisioner_key_path"] += ".missing"
    return [issuer_of(gateway)["provisioner_key_path"]]


def key_that_is_none(gateway, _):
    pathlib.Path(issuer_of(gateway)["provisioner_key_path"]).write_text(json.dumps({"kty": "oct", "k": "AAAA"}))
    return ["key"]


@pytest.mark.parametrize(
    "spoil",
    [unreachable, unknown_host, other_root, unknown_provisioner, wrong_password, other_key, no_key, key_that_is_none],
    ids=lambda spoil: spoil.__name__,
)
def test_a_failure_says_what_is_wrong(gateway, new_step_ca, spoil):
    words = spoil(gateway, new_step_ca)
    status, output = check(gateway)
    assert status == 1, output
    for word in words:
        assert word in output, (word, output)


def test_a_wish_beyond_the_provisioner_is_told(new_gateway, new_step_ca):
    gateway = new_gateway(new_step_ca(claims={"maxTLSCertDuration": "36h", "defaultTLSCertDuration": "24h"}))
    issuer_of(gateway)["validity_days"] = 30
    _, output = check(gateway)
    assert "validity_days" in output and "36h" in output


# ---- the ways past the gateway ----


def warnings(output, word):
    return [line for line in output.splitlines() if line.startswith("warn") and word in line]


def test_renewal_past_the_gateway_is_warned_of_and_no_failure(gateway):
    status, output = check(gateway)
    (line,) = warnings(output, "disableRenewal")
    assert status == 0 and PROVISIONER in line and "max_ttl" in line


def test_other_ways_to_a_certificate_are_named(new_gateway, new_step_ca, name_server):
    keys = {PROVISIONER: ProvisionerKey(), "admin": ProvisionerKey()}
    ca = new_step_ca(provisioner_keys=keys, acme=(free_port(), name_server.address))
    status, output = check(new_gateway(ca))
    (line,) = warnings(output, "other provisioners")
    assert status == 0 and "admin (JWK), acme (ACME)" in line and f"{PROVISIONER} (JWK)" not in line


def test_a_provisioner_that_is_alone_and_forbids_renewal_leaves_no_way(new_gateway, new_step_ca):
    status, output = check(new_gateway(new_step_ca(claims={"disableRenewal": True})))
    assert status == 0 and warnings(output, "") == [], output


# ---- the OCSP responder ----


def lines(output, verdict, word):
    return [line for line in output.splitlines() if line.startswith(verdict) and word in line]


def test_the_responders_provisioner_is_asked_what_the_issuers_is(responder_ca, new_gateway, tmp_path):
    ca = responder_ca(claims={"disableRenewal": True})
    status, output = check(with_responder(ca, new_gateway(ca), tmp_path))
    assert status == 0, output
    for word in ("key", f"provisioner {RESPONDER}", ca.keys[RESPONDER].key_id, "token is accepted"):
        assert [line for line in lines(output, "ok", "issuer main (ocsp): ") if word in line], (word, output)
    assert not lines(output, "warn", RESPONDER), output


def responder_of_a_wrong_name(issuer, _):
    issuer["ocsp"]["provisioner_name"] = "nobody"


def responder_of_another_key(issuer, _):
    pathlib.Path(issuer["ocsp"]["provisioner_key_path"]).write_text(ProvisionerKey().text("JWK"))


def responder_files(issuer, files):
    issuer["ocsp"] = files.configuration


def responder_for_tls(issuer, files):
    responder_files(issuer, files)
    files.write(usage=ExtendedKeyUsageOID.SERVER_AUTH)


def responder_files_that_are_not_there(issuer, files):
    responder_files(issuer, files)
    files.key_path.unlink()


def responder_with_another_key(issuer, files):
    responder_files(issuer, files)
    files.key_path.write_bytes(key_pem(new_key()))


@pytest.mark.parametrize(
    "spoil, word",
    [
        (responder_of_a_wrong_name, "nobody"),
        (responder_of_another_key, "is not the key"),
        (responder_for_tls, "is not for OCSPSigning"),
        (responder_files_that_are_not_there, "responder.key cannot be read"),
        (responder_with_another_key, "does not belong to the certificate"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_responder_that_cannot_be_is_a_failure(responder_ca, new_gateway, tmp_path, spoil, word):
    ca = responder_ca()
    gateway = with_responder(ca, new_gateway(ca), tmp_path)
    files = ResponderFiles(ca, tmp_path)
    files.write()
    spoil(issuer_of(gateway), files)
    status, output = check(gateway)
    assert status == 1 and [line for line in lines(output, "FAIL", "ocsp") if word in line], output


def test_files_of_a_responder_pass_and_their_end_is_told(step_ca, new_gateway, tmp_path):
    gateway = new_gateway(step_ca)
    responder_files(issuer_of(gateway), files := ResponderFiles(step_ca, tmp_path))
    files.write(seconds=5 * 86400)
    status, output = check(gateway)
    assert status == 0 and lines(output, "ok", "signs OCSP responses until"), output
    assert lines(output, "warn", "id-pkix-ocsp-nocheck"), output
    status, output, _ = gateway.run("check", "--expiring", "14d")
    assert status == 1 and lines(output, "FAIL", "OCSP responder"), output


@pytest.mark.parametrize(
    "members, warned",
    [
        ({"eab": "optional"}, True),
        ({"eab": "optional", "without_eab": {"names": {"allow": ["*.guests.internal"]}}}, False),
        ({"eab": "optional", "without_eab": {"profiles": ["default"]}}, False),
        ({"eab": "required"}, False),
        ({"eab": "off"}, False),
    ],
)
def test_S15_optional_keys_without_limits_for_those_without_are_warned_of(gateway, members, warned):
    gateway.configuration["endpoints"]["acme"] |= members
    status, output = check(gateway)
    assert status == 0, output
    assert ("warn  endpoint acme: eab is optional" in output) == warned, output
