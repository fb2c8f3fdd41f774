# SPDX-License-Identifier: Apache-2.0
"""lego, as Debian packages it. It revokes by the account only."""

from client_scenarios import ClientScenarios, fresh_name
from support.clients import Lego


class TestLego(ClientScenarios):
    client_class = Lego

    def test_a_second_revocation_is_refused_as_already_revoked(self, client, current_site):
        client, name = client(current_site), fresh_name()
        client.issue([name])
        client.revoke(name, "keyCompromise")
        assert "alreadyRevoked" in client.revoke(name, "keyCompromise", fails=True)
