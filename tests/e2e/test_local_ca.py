# SPDX-License-Identifier: Apache-2.0
"""An issuer of type local: the CA that acmegate makes, and one that it is given."""

import datetime
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.certificates import Authority, key_pem, new_key, pem
from support.gateway import Gateway
from support.waiting import wait_until

NAMES = ["localhost", "127.0.0.0/8", "internal", "test"]


@pytest.fixture
def local_gateway(tmp_path, name_server):
    """Makes a gateway with a local CA of its own, not started yet."""
    made = []

    def make(**issuer):
        folder = tmp_path / "ca"
        issuer = {"type": "local", "directory": str(folder), **issuer}
        made.append(Gateway(tmp_path / f"gateway-{len(made)}", issuer, folder / "root_ca.crt", name_server))
        return made[-1]

    yield make
    for gateway in made:
        gateway.stop()


@pytest.fixture
def ca_folder(tmp_path):
    return tmp_path / "ca"


def issue(gateway, prover, **members):
    return gateway.client().issue([fresh_name()], prover, **members)


def openssl_verify(folder, chain, root):
    """As strictly as openssl can; its words."""
    (folder / "leaf.pem").write_bytes(pem(chain[0]))
    (folder / "chain.pem").write_bytes(b"".join(pem(one) for one in chain[1:]))
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", root]
    command += ["-untrusted", folder / "chain.pem"] if chain[1:] else []
    done = subprocess.run([*command, folder / "leaf.pem"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def assert_verifies(tmp_path, chain, root):
    words = openssl_verify(tmp_path, chain, root)
    assert words.strip().endswith("OK"), words


def refused_start(gateway):
    status, output, words = gateway.run("serve")
    assert status == 1, output + words
    return output + words


# ---- made ----


def test_what_it_signs_satisfies_openssl_at_its_strictest(local_gateway, ca_folder, responder, tmp_path):
    gateway = local_gateway(permitted_names=NAMES).start()
    prover = HttpProver(responder(gateway))
    for kind in ("P-256", "Ed25519", "RSA"):
        chain = issue(gateway, prover, key=new_key(kind))
        assert len(chain) == 2
        assert_verifies(tmp_path, chain, ca_folder / "root_ca.crt")


def test_usages_follow_key_and_profile(local_gateway, responder):
    gateway = local_gateway()
    gateway.configuration["profiles"]["client"] = {"issuer": "main", "extended_key_usages": ["clientAuth"]}
    gateway.configuration["endpoints"]["acme"]["profiles"] = ["default", "client"]
    gateway.start()
    prover = HttpProver(responder(gateway))
    both = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    cases = [("P-256", "default", False, both), ("RSA", "client", True, {ExtendedKeyUsageOID.CLIENT_AUTH})]
    for kind, profile, enciphers, usages in cases:
        extensions = issue(gateway, prover, key=new_key(kind), profile=profile)[0].extensions
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        assert usage.digital_signature and usage.key_encipherment is enciphers
        assert set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == usages


def test_revocation_and_issuer_are_named_where_they_are_configured(local_gateway, responder):
    urls = {name: f"http://pki.internal/{name}" for name in ("crl_url", "ocsp_url", "ca_issuers_url")}
    gateway = local_gateway(**urls).start()
    extensions = issue(gateway, HttpProver(responder(gateway)))[0].extensions
    points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert [name.value for point in points for name in point.full_name] == [urls["crl_url"]]
    assert {one.access_method: one.access_location.value for one in access} == {
        AuthorityInformationAccessOID.OCSP: urls["ocsp_url"],
        AuthorityInformationAccessOID.CA_ISSUERS: urls["ca_issuers_url"],
    }


def test_a_name_outside_the_constraints_is_refused_and_nothing_is_signed(local_gateway, responder):
    gateway = local_gateway(permitted_names=["localhost", "only.internal"])
    gateway.start()
    client, name = gateway.client(), fresh_name()
    order = client.ready_order([name], HttpProver(responder(gateway)))
    client.finalize(order, [name])
    ended = client.wait_while(order.location, "ready", "processing")
    assert ended["status"] == "invalid" and ended["error"]["type"].endswith(":rejectedIdentifier")
    assert name in ended["error"]["detail"] and "name constraints" in ended["error"]["detail"]
    assert not gateway.query("SELECT * FROM certificates WHERE origin = 'acme'")


def test_an_encrypted_ca_serves_on_after_a_restart_and_not_without_its_password(local_gateway, ca_folder, tmp_path):
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    password.chmod(0o600)
    # Each key is encrypted and opened with 600,000 rounds: some ten seconds of a busy machine.
    gateway = local_gateway(key_password_file=str(password)).start(seconds=120)
    for name in ("root_ca.key", "intermediate_ca.key"):
        text = (ca_folder / name).read_bytes()
        assert text.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
        serialization.load_pem_private_key(text, b"correct horse")
    before = (ca_folder / "root_ca.crt").read_bytes()
    gateway.stop()
    gateway.start(seconds=120)
    gateway.stop()
    assert (ca_folder / "root_ca.crt").read_bytes() == before

    password.write_text("wrong\n")
    assert "cannot be opened with the password" in refused_start(gateway)
    del gateway.configuration["issuers"]["main"]["key_password_file"]
    words = refused_start(gateway)
    assert "is encrypted" in words and "key_password_file" in words


def test_check_says_when_the_server_itself_lies_outside_the_constraints(local_gateway):
    gateway = local_gateway(permitted_names=["internal"]).launch()
    wait_until(lambda: "no client can connect" in gateway.process.output(), "the log to say so")
    gateway.stop()
    status, output, _ = gateway.run("check")
    assert status == 1 and "cannot sign the server's own certificate: localhost is outside" in output, output


# ---- given ----


def give(folder, authorities, key=None):
    """Writes root, chain and key of authorities (root first) as an operator would."""
    folder.mkdir()
    root, *below = authorities
    (folder / "root_ca.crt").write_bytes(pem(root.certificate))
    (folder / "intermediate_ca.crt").write_bytes(b"".join(pem(one.certificate) for one in reversed(below)))
    (folder / "intermediate_ca.key").write_bytes(key or key_pem(below[-1].key))


def authorities_of(depth, last_path_length=0):
    above, made = None, []
    for level in range(depth):
        above = Authority(f"given {level}", above, None if level < depth - 1 else last_path_length)
        made.append(above)
    return made


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_a_given_sub_ca_signs_and_its_whole_chain_is_served(local_gateway, ca_folder, responder, tmp_path, depth):
    authorities = authorities_of(depth)
    give(ca_folder, authorities)
    gateway = local_gateway().start()
    chain = issue(gateway, HttpProver(responder(gateway)))
    assert chain[1:] == [one.certificate for one in reversed(authorities[1:])]
    assert_verifies(tmp_path, chain, ca_folder / "root_ca.crt")
    status, output, _ = gateway.run("check")
    assert status == 0 and "signs until" in output, output
    assert not (ca_folder / "root_ca.key").exists()


def test_a_given_encrypted_key_opens(local_gateway, ca_folder, responder, tmp_path):
    authorities = authorities_of(2)
    encryption = serialization.BestAvailableEncryption(b"correct horse")
    formats = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    give(ca_folder, authorities, authorities[-1].key.private_bytes(*formats))
    gateway = local_gateway(key_password="correct horse").start()
    chain = issue(gateway, HttpProver(responder(gateway)))
    assert_verifies(tmp_path, chain, ca_folder / "root_ca.crt")


def path_too_short(folder):
    root = Authority("short", None, 0)
    middle = Authority("middle", root)
    give(folder, [root, middle, Authority("issuing", middle, 0)])
    return "path length"


def no_middle(folder):
    authorities = authorities_of(3)
    give(folder, authorities)
    (folder / "intermediate_ca.crt").write_bytes(pem(authorities[-1].certificate))
    return "unable to get local issuer certificate"


def other_key(folder):
    give(folder, authorities_of(2), key_pem(new_key()))
    return "is not the key of"


@pytest.mark.parametrize("spoil", [path_too_short, no_middle, other_key], ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_given_ca_that_could_not_issue_is_refused_with_words(local_gateway, ca_folder, spoil, command):
    expected = spoil(ca_folder)
    before = {path.name: path.read_bytes() for path in ca_folder.iterdir()}
    status, output, words = local_gateway().run(command)
    assert status == 1 and expected in output + words, output + words
    assert {path.name: path.read_bytes() for path in ca_folder.iterdir()} == before


# ---- the intermediate's end ----


def give_a_short_intermediate(folder, seconds):
    """An intermediate whose life of a minute before is all but over, and its root."""
    root = Authority("given root")
    issuing = Authority("given issuing", root, 0, datetime.timedelta(seconds=seconds))
    give(folder, [root, issuing])
    return root, issuing


def test_an_intermediate_is_renewed_by_the_roots_key(local_gateway, ca_folder, responder, tmp_path):
    root, issuing = give_a_short_intermediate(ca_folder, 20)
    (ca_folder / "root_ca.key").write_bytes(key_pem(root.key))
    gateway = local_gateway().start()
    chain = issue(gateway, HttpProver(responder(gateway)))
    renewed = chain[1]
    assert renewed.subject == issuing.certificate.subject and renewed.serial_number != issuing.certificate.serial_number
    assert renewed.public_key().public_numbers() == issuing.key.public_key().public_numbers()
    assert renewed.not_valid_after == root.certificate.not_valid_after
    assert_verifies(tmp_path, chain, ca_folder / "root_ca.crt")
    assert [pem(issuing.certificate)] == [
        path.read_bytes() for path in ca_folder.glob("intermediate_ca.*.crt") if path.name != "intermediate_ca.crt"
    ]


def test_without_the_roots_key_the_log_warns_and_nothing_changes(local_gateway, ca_folder):
    give_a_short_intermediate(ca_folder, 28)
    before = (ca_folder / "intermediate_ca.crt").read_bytes()
    gateway = local_gateway().launch()
    wait_until(lambda: "an intermediate of the CA ends at" in gateway.process.output(), "the warning")
    assert (ca_folder / "intermediate_ca.crt").read_bytes() == before
