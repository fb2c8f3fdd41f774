# SPDX-License-Identifier: Apache-2.0
"""uacme, as Debian packages it."""

from client_scenarios import CertificateKeyScenarios, ClientScenarios
from support.clients import Uacme


class TestUacme(CertificateKeyScenarios, ClientScenarios):
    client_class = Uacme

    def test_registration_alone_is_an_account(self, client, current_site):
        client(current_site).register()
        (row,) = current_site.gateway.query("SELECT * FROM v_accounts ORDER BY id DESC LIMIT 1")
        assert row["state"] == "valid" and "uacme/" in row["user_agent"]
