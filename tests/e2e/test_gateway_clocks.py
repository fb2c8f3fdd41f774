# SPDX-License-Identifier: Apache-2.0
"""Two gateways on one PostgreSQL (docs/scale-out.md), and the clock of one is a few seconds off."""

import time

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver, number_of
from support.waiting import wait_until

pytestmark = pytest.mark.sqlite("its gateways are on PostgreSQL in any case")


@pytest.fixture(params=[-5, 5], ids=["behind", "ahead"])
def off(request):
    """The seconds by which the clock of the gateway `two` is off."""
    return request.param


@pytest.fixture
def pair(off, new_pair):
    made = new_pair()
    made.two.variables.update(
        LD_PRELOAD=str(tools.preload_library("clock_preload")),
        ACMEGATE_TEST_CLOCK=str(off),
        ASAN_OPTIONS="verify_asan_link_order=0",
    )
    return made.start()


def test_the_clock_is_off(pair, off):
    began = int(time.time())
    order = pair.client(pair.two).order([fresh_name()])
    (row,) = pair.query("SELECT created_at FROM orders WHERE id = ?", number_of(order.location))
    assert began <= row["created_at"] - off <= time.time()


def test_each_goes_on_with_what_the_other_began(pair, responder, step_ca):
    leaves, prover = [], HttpProver(responder(pair.one))
    for here in pair.both * 2:
        there, client, name = pair.other(here), pair.client(here), fresh_name()
        order = client.order([name])
        (proven,) = client.at(there).prove(order.json(), prover)
        assert proven["status"] == "valid"
        assert client.at(here).finalize(order, [name]).status == 200
        leaves.append(client.at(there).certificate(order.location)[0])
        assert client.at(there).revoke(leaves[-1], 4).status == 200
    wait_until(lambda: {leaf.serial_number for leaf in leaves} <= step_ca.revoked().keys(), "the revocations")
    assert [row["status"] for row in pair.query("SELECT status FROM attempts")] == ["signed"] * len(leaves)
    assert {row["state"] for row in pair.query("SELECT state FROM v_gateways")} == {"serving"}


def test_one_goes_on_with_the_work_of_the_other(pair, responder):
    """The work is due at a time of the other's clock."""
    client, name, server = pair.client(pair.two), fresh_name(), responder(pair.one)
    order = client.order([name])
    (authorization,) = order.json()["authorizations"]
    server.hold()
    client.answer(authorization, HttpProver(server))
    pair.two.kill()
    server.release()
    wait_until(lambda: client.at(pair.one).get(order.location)["status"] == "ready", "the other's challenge", 60)
    assert client.finalize(order, [name]).status == 200
    assert client.certificate(order.location)
