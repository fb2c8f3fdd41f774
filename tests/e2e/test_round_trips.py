# SPDX-License-Identifier: Apache-2.0
"""How often the server waits for PostgreSQL in one issuance: a wait for the network costs more than a statement."""

import pytest
from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.admin import Admin
from support.metrics import scrape

MOST = 21  # for one issuance by http-01, step by step in docs/scale-out.md
TRIES = 9


@pytest.fixture
def gateway(new_gateway, step_ca, postgresql):
    gateway = new_gateway(step_ca)
    gateway.configuration |= {
        "database": postgresql.new_database(),
        "state_directory": str(gateway.folder),
        "admin": {"socket": str(gateway.folder / "admin.sock")},
    }
    gateway.start()
    return gateway


def round_trips(admin):
    return scrape(admin)("acmegate_database_round_trips_total")


def test_an_issuance_waits_seldom(gateway, responder):
    """The fewest: looks for due work and signs of life, which come by the clock, are among those of some tries."""
    admin = Admin.on_socket(gateway.configuration["admin"]["socket"])
    client = gateway.client()
    prover = HttpProver(responder(gateway))
    client.issue([fresh_name()], prover)  # each statement is prepared once
    of_a_scrape = -round_trips(admin) + round_trips(admin)
    seen = []
    for _ in range(TRIES):
        before = round_trips(admin)
        client.issue([fresh_name()], prover)
        seen.append(round_trips(admin) - before - of_a_scrape)
    assert 0 < min(seen) <= MOST, seen
