# SPDX-License-Identifier: Apache-2.0
"""`--watch`: a list and an explanation that go on while a client is served."""

import json

import pytest
from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver
from support.gateway import environment
from support.processes import Process
from support.terminal import Terminal
from support.waiting import wait_until

CLEAR = "\x1b[H\x1b[2J"


@pytest.fixture
def gateway(new_gateway, step_ca):
    return new_gateway(step_ca).start()


def command(gateway, *words):
    return [tools.acmegate(), *words, "--config", gateway.config_path]


def test_C7_rows_come_as_they_change(gateway, responder):
    first, second = fresh_name(), fresh_name()
    client, prover = gateway.client(), HttpProver(responder(gateway))
    client.issue([first], prover)
    watch = Process("watch", command(gateway, "order", "list", "--watch", "--json"), gateway.folder / "watch", environment())

    def rows(name):
        whole = watch.output().rpartition("\n")[0].splitlines()
        return [row for row in map(json.loads, whole) if row["names"] == [name]]

    try:
        wait_until(lambda: rows(first), "the row that was there")
        client.issue([second], prover)
        wait_until(lambda: "valid" in [row["state"] for row in rows(second)], "the new row")
        assert len(rows(first)) == 1, "it did not change"
        assert watch.running()
    finally:
        watch.kill()


def test_C7_a_terminal_shows_the_newest_picture(gateway, responder):
    name = fresh_name()
    client, prover = gateway.client(), HttpProver(responder(gateway))
    client.order([name])
    terminal = Terminal(command(gateway, "explain", name, "--watch"), environment())
    terminal.expect(CLEAR)
    terminal.expect("pending")
    client.issue([name], prover)
    terminal.expect(CLEAR)
    terminal.expect("certificate-good")
    terminal.signal()
    assert terminal.end() == -2
