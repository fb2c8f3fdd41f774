# SPDX-License-Identifier: Apache-2.0
"""A back-up takes the place of a served database, and clients continue (docs/recovery.md)."""

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.waiting import wait_until

pytestmark = pytest.mark.sqlite("`db backup` and `db restore` are of the file; PostgreSQL has its own")


@pytest.fixture
def gateway(new_gateway, step_ca):
    return new_gateway(step_ca).start()


def test_C7_a_backup_is_restored_and_its_account_orders_again(gateway, responder, tmp_path):
    client, copy, prover = gateway.client(), tmp_path / "copy.db", HttpProver(responder(gateway))
    client.issue([fresh_name()], prover)
    assert gateway.run("db", "backup", copy)[0] == 0
    # The mark beside the database follows within a second: it tells the copy from what was served.
    mark = gateway.database.with_name("acmegate.db.mark")
    before = mark.read_bytes()
    wait_until(lambda: client.order([fresh_name()]) and mark.read_bytes() != before, "a newer mark")
    status, _, words = gateway.run("db", "restore", copy)
    assert status == 1 and "is already served by another acmegate" in words
    assert gateway.run("db", "vacuum")[0] == 1
    gateway.kill()
    status, said, words = gateway.run("db", "restore", copy)
    assert (status, words) == (0, "") and "kept what was there as" in said
    assert gateway.query("SELECT count(*) AS n FROM orders") == [{"n": 1}]
    status, said, words = gateway.run("db", "vacuum")
    assert (status, words) == (0, "") and "the indexes are new" in said
    gateway.start()
    client.issue([fresh_name()], prover)
    assert gateway.query("SELECT count(*) AS n FROM events WHERE kind = 'database.restored'") == [{"n": 1}]
