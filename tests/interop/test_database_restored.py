# SPDX-License-Identifier: Apache-2.0
"""A back-up of the database is put back: certbot, lego and Caddy go on with their accounts, and the order that the copy has in
processing, which was signed since, is not signed again (docs/recovery.md)."""

import pytest

from support.background import Background
from support.ca_faults import names_in
from support.waiting import wait_until
from test_database_lost import HOSTS, accounts
from test_restored_database import put_back

pytestmark = pytest.mark.sqlite("it tells a copy by the mark beside the file")


@pytest.fixture(**HOSTS)
def host(request, new_gateway, step_ca, ca_proxy, tmp_path, name_server):
    gateway = new_gateway(step_ca, url=ca_proxy.url)
    host = request.param(gateway.start(), tmp_path / "host", name_server)
    host.gateway = gateway
    host.begin()
    return host


def test_the_host_goes_on_and_nothing_stale_is_signed(host, ca_proxy, tmp_path):
    gateway, copy, before = host.gateway, tmp_path / "copy.db", accounts(host.gateway)
    hold = ca_proxy.hold_request("sign")
    renewing = Background(host.go_on)
    hold.wait()
    status, _, words = gateway.run("db", "backup", copy)
    assert status == 0, words
    hold.let_go()
    renewed = renewing.end(120)

    gateway.stop()
    put_back(gateway, copy)
    asked = len(ca_proxy.sent("sign"))
    gateway.start()
    (stale,) = wait_until(
        lambda: gateway.query("SELECT id, state, blocked_on FROM v_orders WHERE state = 'invalid'"), "the order's end"
    )
    assert "restored from a copy" in stale["blocked_on"]
    serial = f"{renewed.serial_number:x}"
    assert gateway.query("SELECT id FROM certificates WHERE serial = ?", serial) == [], "the copy has what came later"

    again = host.go_on()
    assert again.serial_number != renewed.serial_number and accounts(gateway) == before
    signed = [names_in(one)[0] for one in ca_proxy.sent("sign")[asked:]]
    assert len(signed) == len(gateway.query("SELECT id FROM attempts WHERE order_id > ?", stale["id"])), signed
