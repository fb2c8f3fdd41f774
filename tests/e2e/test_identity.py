# SPDX-License-Identifier: Apache-2.0
"""Which certificate is meant, and whose it is: two CAs under one root, and one of them at two endpoints.

`acme` asks CA A, `twin` asks CA A under another issuer's id, `guest` asks CA B. At the last two no name needs a proof."""

import base64
import socket
import ssl

import pytest

from client_scenarios import fresh_name
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from support.acme_client import HttpProver
from support.certificates import lengthened, load_key, malleated, new_key, pem, renewal_identifier
from support.gateway import Gateway, stepca_issuer
from support.http_responder import HttpResponder
from support.step_ca import StepCA
from support.waiting import wait_until

OPEN = {"names": ["*.e2e.internal"]}


class Site:
    def __init__(self, folder, a, b, name_server):
        self.a, self.b = a, b
        self.gateway = Gateway(folder / "gateway", stepca_issuer(a, folder / "a"), a.root_path, name_server)
        configuration = self.gateway.configuration
        configuration["issuers"].update(other=stepca_issuer(b, folder / "b"), again=stepca_issuer(a, folder / "again"))
        for issuer in ("other", "again"):
            configuration["profiles"][issuer] = {"issuer": issuer, "max_ttl": "24h"}
        configuration["endpoints"].update(
            guest={"profiles": ["other"], "trusted": OPEN}, twin={"profiles": ["again"], "trusted": OPEN}
        )

    def rows(self, certificate):
        serial = f"{certificate.serial_number:x}"
        return self.gateway.query("SELECT * FROM v_certificates WHERE serial = ? ORDER BY id", serial)

    def is_untouched(self, certificate):
        return (
            [(row["state"], row["revocation"]) for row in self.rows(certificate)] in ([("good", None)], [])
            and certificate.serial_number not in self.a.revoked()
            and certificate.serial_number not in self.b.revoked()
        )

    def holder(self, endpoint, name):
        """An account that holds an authorization for the name, for which it proved nothing."""
        client = self.gateway.client(endpoint=endpoint)
        assert client.order([name]).json()["status"] == "ready"
        return client


@pytest.fixture(scope="module")
def site(tmp_path_factory, name_server):
    folder = tmp_path_factory.mktemp("identity")
    a = StepCA(folder / "ca-a").start()
    b = StepCA(folder / "ca-b", root=a.root).start()
    assert a.issuing.certificate.subject == b.issuing.certificate.subject
    made = Site(folder, a, b, name_server)
    made.gateway.start()
    with HttpResponder(made.gateway.http_port) as responder:
        made.prover = HttpProver(responder)
        yield made
    made.gateway.stop()
    a.stop()
    b.stop()


@pytest.fixture
def victim(site):
    """(client, name, key, certificate) at the endpoint `acme`."""
    client, name, key = site.gateway.client(), fresh_name(), new_key()
    return client, name, key, client.issue([name], site.prover, key)[0]


FORMS = {
    "as it is": lambda certificate: certificate,
    "(r, n - s)": malleated,
    "BER": lambda certificate: lengthened(certificate.public_bytes(Encoding.DER)),
    "(r, n - s) in BER": lambda certificate: lengthened(malleated(certificate)),
}
every_form = pytest.mark.parametrize("form", FORMS)


@every_form
@pytest.mark.parametrize("endpoint", ["guest", "twin"])
def test_S5_a_certificate_in_other_octets_is_the_same_at_another_endpoint(site, victim, form, endpoint):
    _, name, _, certificate = victim
    reply = site.holder(endpoint, name).revoke(FORMS[form](certificate), 4)
    assert (reply.status, reply.problem) == (404, "malformed"), reply
    assert site.is_untouched(certificate) and len(site.rows(certificate)) == 1


@every_form
@pytest.mark.parametrize("by_key", [False, True], ids=["account", "key"])
def test_S5_its_owner_may_send_it_in_any_octets(site, victim, form, by_key):
    client, _, key, certificate = victim
    assert client.revoke(FORMS[form](certificate), 4, key if by_key else None).status == 200
    assert site.a.revoked()[certificate.serial_number] == "superseded"
    (row,) = site.rows(certificate)
    assert (row["state"], row["issuer"], row["origin"]) == ("revoked", "main", "acme")


def test_S5_octets_behind_it_are_no_certificate(site, victim):
    client, _, _, certificate = victim
    reply = client.revoke(certificate.public_bytes(Encoding.DER) + b"\0", 4)
    assert (reply.status, reply.problem) == (400, "malformed")
    assert site.is_untouched(certificate)


# The endpoint, the CA that signed without us, and the issuer that it counts as there.
OWNERS = [
    ("acme", "a", "main"),
    ("acme", "b", None),
    ("guest", "a", None),
    ("guest", "b", "other"),
    ("twin", "a", "again"),
    ("twin", "b", None),
]


@pytest.mark.parametrize("endpoint, ca, issuer", OWNERS)
def test_S5_an_unknown_certificate_is_of_the_issuer_whose_ca_signed_it(site, endpoint, ca, issuer):
    signer, key = getattr(site, ca), new_key()
    certificate = signer.sign_directly(key, fresh_name())
    reply = site.gateway.client(endpoint=endpoint).revoke(malleated(certificate), 4, key)
    if issuer is None:
        assert (reply.status, reply.problem) == (404, "malformed"), reply
        assert site.is_untouched(certificate) and site.rows(certificate) == []
        return
    assert reply.status == 200, reply
    assert signer.revoked()[certificate.serial_number] == "superseded"
    (row,) = site.rows(certificate)
    assert (row["state"], row["issuer"], row["origin"]) == ("revoked", issuer, "external")


@pytest.mark.parametrize("endpoint, ca, issuer", OWNERS)
def test_S5_one_that_is_known_is_of_the_endpoints_of_its_ca(site, tmp_path, endpoint, ca, issuer):
    key = new_key()
    certificate = getattr(site, ca).sign_directly(key, fresh_name())
    (tmp_path / "leaf.pem").write_bytes(pem(certificate))
    assert site.gateway.run("import", tmp_path / "leaf.pem")[0] == 0
    (row,) = site.rows(certificate)
    assert row["issuer"] == {"a": "main", "b": "other"}[ca]
    reply = site.gateway.client(endpoint=endpoint).revoke(certificate, 4, key)
    is_theirs = issuer is not None
    assert reply.status == (200 if is_theirs else 404), reply
    assert (site.rows(certificate)[0]["state"] == "revoked") == is_theirs


@every_form
def test_S5_an_import_in_other_octets_is_known_already(site, victim, tmp_path, form):
    octets = FORMS[form](victim[3])
    octets = octets if isinstance(octets, bytes) else octets.public_bytes(Encoding.DER)
    body = base64.encodebytes(octets).decode()
    (tmp_path / "leaf.pem").write_text(f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
    status, said, words = site.gateway.run("import", tmp_path / "leaf.pem")
    assert status == 0 and "0 taken, 1 already known" in said, said + words
    assert len(site.rows(victim[3])) == 1


# ---- rights ----


def is_unauthorized(reply, words):
    assert (reply.status, reply.problem) == (403, "unauthorized"), reply
    assert words in reply.json()["detail"]


@pytest.mark.parametrize("known", [False, True], ids=["unknown", "imported"])
def test_S6_trust_revokes_nothing(site, tmp_path, known):
    name = fresh_name()
    certificate = site.b.sign_directly(new_key(), name)
    if known:
        (tmp_path / "leaf.pem").write_bytes(pem(certificate))
        assert site.gateway.run("import", tmp_path / "leaf.pem")[0] == 0
    is_unauthorized(site.holder("guest", name).revoke(certificate, 4), "a challenge of its own")
    assert site.is_untouched(certificate) and len(site.rows(certificate)) == known


def test_S6_trust_revokes_no_other_accounts_certificate(site):
    owner, name = site.gateway.client(endpoint="guest"), fresh_name()
    order = owner.order([name])
    assert owner.finalize(order, [name]).status == 200
    certificate = owner.certificate(order.location)[0]
    is_unauthorized(site.holder("guest", name).revoke(certificate, 4), "a challenge of its own")
    assert site.is_untouched(certificate)
    assert owner.revoke(certificate, 4).status == 200
    assert site.b.revoked()[certificate.serial_number] == "superseded"


def test_S6_a_proof_revokes_at_the_endpoints_of_the_ca(site):
    name, client = fresh_name(), site.gateway.client()
    client.ready_order([name], site.prover)
    theirs, foreign = site.a.sign_directly(new_key(), name), site.b.sign_directly(new_key(), name)
    assert client.revoke(foreign, 4).status == 404
    assert site.is_untouched(foreign)
    assert client.revoke(theirs, 4).status == 200
    assert site.rows(theirs)[0]["revocation_requested_by"] == "account in control of the names"


@pytest.mark.parametrize("foreign", ["spiffe://e2e.internal/x", "somebody@e2e.internal"])
def test_S16_a_name_of_another_kind_is_in_no_accounts_control(site, foreign):
    name, client, key = fresh_name(), site.gateway.client(), new_key()
    client.ready_order([name], site.prover)
    certificate = site.a.sign_directly(key, name, token=site.a.token("sign", name, sans=[name, foreign]))
    is_unauthorized(client.revoke(certificate, 4), "which no authorization covers")
    assert site.is_untouched(certificate)
    assert client.revoke(certificate, 4, key).status == 200


def own_certificate(gateway):
    context = ssl.create_default_context(cafile=str(gateway.root_path))
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            return x509.load_der_x509_certificate(connection.getpeercert(True))


def test_S6_the_servers_own_certificate_is_revoked_by_its_key_alone(step_ca, new_gateway, responder):
    gateway = new_gateway(step_ca)
    gateway.configuration["endpoints"]["acme"]["trusted"] = {"names": ["localhost"]}
    gateway.configuration["stepca_api"] = {"profile": "default"}
    gateway.start()
    own, client = own_certificate(gateway), gateway.client()
    assert client.order(["localhost"]).json()["status"] == "ready"
    gateway.stop()
    gateway.execute("UPDATE authorizations SET basis = 'proven'")
    gateway.start()
    is_unauthorized(client.revoke(own, 1), "this server's own name localhost")
    assert own.serial_number not in step_ca.revoked()
    key = load_key(gateway.beside("tls.key"))
    assert client.revoke(own, 1, key).status == 200
    assert step_ca.revoked()[own.serial_number] == "keyCompromise"
    # One look for both: each loop of the server changes its certificate for itself.
    following = wait_until(
        lambda: (one := own_certificate(gateway)).serial_number != own.serial_number and one, "another certificate"
    )
    assert following.public_key().public_numbers() != own.public_key().public_numbers()


def replaced(client, name, certificate):
    """The newOrder reply of an order that says it replaces the certificate."""
    identifiers = [{"type": "dns", "value": name}]
    return client.post(client.directory["newOrder"], {"identifiers": identifiers, "replaces": renewal_identifier(certificate)})


def test_S6_trust_replaces_nobodys_certificate(site, tmp_path):
    name = fresh_name()
    certificate = site.b.sign_directly(new_key(), name)
    (tmp_path / "leaf.pem").write_bytes(pem(certificate))
    assert site.gateway.run("import", tmp_path / "leaf.pem")[0] == 0
    order = replaced(site.gateway.client(endpoint="guest"), name, certificate)
    assert order.status == 201 and "replaces" not in order.json()
    newest = "SELECT detail FROM events WHERE kind = 'order.replaces_ignored' ORDER BY id DESC LIMIT 1"
    assert "needed no proof" in site.gateway.query(newest)[0]["detail"]


@pytest.mark.parametrize("endpoint", ["guest", "twin"])
def test_S6_another_endpoint_uses_up_no_owners_replacement(site, victim, endpoint):
    client, name, _, certificate = victim
    thief = site.gateway.client(endpoint=endpoint)
    order = replaced(thief, name, certificate)
    assert "replaces" not in order.json()
    assert thief.finalize(order, [name]).status == 200
    assert replaced(client, name, certificate).json()["replaces"] == renewal_identifier(certificate)


def test_S6_a_certificate_of_another_ca_is_not_replaced(site, tmp_path):
    name = fresh_name()
    certificate = site.a.sign_directly(new_key(), name)
    (tmp_path / "leaf.pem").write_bytes(pem(certificate))
    assert site.gateway.run("import", tmp_path / "leaf.pem")[0] == 0
    assert "replaces" not in replaced(site.gateway.client(endpoint="guest"), name, certificate).json()
