"""Which certificate is meant, and whose it is: two CAs under one root, and one of them at two endpoints.

`acme` asks CA A, `twin` asks CA A under another issuer's id, `guest` asks CA B. At the last two no name needs a proof."""

import base64

import pytest

from client_scenarios import fresh_name
from cryptography.hazmat.primitives.serialization import Encoding
from support.acme_client import HttpProver
from support.certificates import lengthened, malleated, new_key, pem
from support.gateway import Gateway, stepca_issuer
from support.http_responder import HttpResponder
from support.step_ca import StepCA

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
    assert (row["state"], row["issuer"], row["origin"]) == ("revoked", issuer, "native")


@pytest.mark.parametrize("endpoint, ca, issuer", OWNERS)
def test_S5_one_that_is_known_is_of_its_issuers_endpoints(site, tmp_path, endpoint, ca, issuer):
    key = new_key()
    certificate = getattr(site, ca).sign_directly(key, fresh_name())
    (tmp_path / "leaf.pem").write_bytes(pem(certificate))
    assert site.gateway.run("import", tmp_path / "leaf.pem")[0] == 0
    (row,) = site.rows(certificate)
    assert row["issuer"] == {"a": "main", "b": "other"}[ca]
    reply = site.gateway.client(endpoint=endpoint).revoke(certificate, 4, key)
    is_theirs = row["issuer"] == issuer
    assert reply.status == (200 if is_theirs else 404), reply
    assert (site.rows(certificate)[0]["state"] == "revoked") == is_theirs


@every_form
def test_S5_an_import_in_other_octets_is_known_already(site, victim, tmp_path, form):
    octets = FORMS[form](victim[3])
    octets = octets if isinstance(octets, bytes) else octets.public_bytes(Encoding.DER)
    body = base64.encodebytes(octets).decode()
    (tmp_path / "leaf.pem").write_text(f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
    status, said, words = site.gateway.run("import", tmp_path / "leaf.pem")
    assert status == 0 and "0 taken, 1 known already" in said, said + words
    assert len(site.rows(victim[3])) == 1

