# SPDX-License-Identifier: Apache-2.0
"""certbot, as Debian packages it."""

from client_scenarios import CertificateKeyScenarios, ClientScenarios, fresh_name
from support.clients import Certbot


class TestCertbot(CertificateKeyScenarios, ClientScenarios):
    client_class = Certbot

    def test_registration_alone_is_an_account_with_its_contact(self, client, current_site):
        client(current_site).register()
        (row,) = current_site.gateway.query("SELECT * FROM v_accounts ORDER BY id DESC LIMIT 1")
        assert row["contacts"] == '["mailto:ops@e2e.internal"]' and row["state"] == "valid" and row["orders"] == 0
        assert "certbot" in row["user_agent"].lower()

    def test_a_failed_validation_is_told_in_words(self, client, current_site, name_server):
        client, name = client(current_site), fresh_name()
        name_server.set_a(name, "127.0.0.2")  # where certbot does not listen
        words = client.call(
            *("certonly", "--standalone", "--http-01-address", "127.0.0.1"),
            *("--http-01-port", current_site.gateway.http_port, "--agree-tos", "--register-unsafely-without-email"),
            *("-d", name),
            fails=True,
        )
        assert "127.0.0.2" in words
        (row,) = current_site.gateway.query("SELECT * FROM v_orders WHERE names = ?", name)
        assert row["state"] == "invalid" and "127.0.0.2" in row["blocked_on"]
