# SPDX-License-Identifier: Apache-2.0
"""What every real client must be able to do; each client's own file runs these with it."""

import uuid

import pytest

from support.certificates import names_of
from support.checks import assert_chains_to, same_key


def fresh_name():
    """A name that no other test has used."""
    return f"{uuid.uuid4().hex[:12]}.e2e.internal"


class ClientScenarios:
    """`client_class` is set by each client's own class."""

    client_class = None

    @pytest.fixture
    def client(self, tmp_path, name_server):
        """The client in front of a site: client(site)."""
        return lambda site: self.client_class(site.gateway, tmp_path / "client", name_server)

    def assert_holds(self, client, site, names):
        """The client has a good certificate for exactly these names, with its key; the database tells of it."""
        chain = client.chain(names[0])
        assert names_of(chain[0]) == sorted(names)
        assert same_key(chain[0], client.key(names[0]))
        assert_chains_to(chain, site.ca.root.certificate)
        serial = f"{chain[0].serial_number:x}"
        (row,) = site.gateway.query("SELECT * FROM v_orders WHERE serial = ?", serial)
        assert row["state"] == "valid" and sorted(row["names"].split(", ")) == sorted(names)
        assert self.client_class.user_agent in row["user_agent"] and row["address"] == "127.0.0.1"
        return chain[0]

    def revocation(self, site, certificate):
        (row,) = site.gateway.query(
            "SELECT state, revocation, revocation_reason, revocation_requested_by FROM v_certificates WHERE serial = ?",
            f"{certificate.serial_number:x}",
        )
        return row

    # ---- against both versions of step-ca ----

    def test_one_name_by_http_01(self, client, site):
        client, name = client(site), fresh_name()
        client.issue([name])
        self.assert_holds(client, site, [name])

    def test_several_names_and_revocation_by_the_account(self, client, site):
        client, names = client(site), [fresh_name(), fresh_name(), fresh_name()]
        client.issue(names)
        certificate = self.assert_holds(client, site, names)
        client.revoke(names[0], "superseded")
        row = self.revocation(site, certificate)
        assert row["state"] == "revoked" and row["revocation"] == "confirmed by the CA"
        assert row["revocation_reason"] == 4 and row["revocation_requested_by"] == "account"
        if site.ca.has_crl:
            assert site.ca.revoked()[certificate.serial_number] == "superseded"

    # ---- against the current one ----

    def test_wildcard_and_its_base_by_dns_01(self, client, current_site):
        client, name = client(current_site), fresh_name()
        client.issue([f"*.{name}", name], wildcard=True)
        self.assert_holds(client, current_site, [f"*.{name}", name])

    def test_renewal_brings_a_new_certificate_for_the_same_names(self, client, current_site):
        client, names = client(current_site), [fresh_name(), fresh_name()]
        client.issue(names)
        first = self.assert_holds(client, current_site, names)
        client.renew(names[0])
        second = self.assert_holds(client, current_site, names)
        assert first.serial_number != second.serial_number


class CertificateKeyScenarios:
    """For the clients that can revoke by the certificate's own key."""

    def test_revocation_by_the_certificate_key(self, client, current_site):
        client, name = client(current_site), fresh_name()
        client.issue([name])
        certificate = self.assert_holds(client, current_site, [name])
        client.revoke(name, "cessationOfOperation", by_key=True)
        row = self.revocation(current_site, certificate)
        assert row["state"] == "revoked" and row["revocation_requested_by"] == "certificate key"
        assert current_site.ca.revoked()[certificate.serial_number] == "cessationOfOperation"
