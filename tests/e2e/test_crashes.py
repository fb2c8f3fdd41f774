# SPDX-License-Identifier: Apache-2.0
"""S2: what the server died of twice is set aside at the next start. Nothing else is: not what was under way beside it, and
nothing at all after a kill."""

import signal

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver
from support.background import Background
from support.waiting import wait_until


@pytest.fixture
def poison(tmp_path):
    """The file that says what faults."""
    return tmp_path / "poison"


@pytest.fixture
def gateway(new_gateway, step_ca, poison):
    gateway = new_gateway(step_ca)
    gateway.configuration["validation"]["timeout"] = "50s"
    gateway.variables = {
        "LD_PRELOAD": str(tools.preload_library("crash_preload", "-fno-builtin")),
        "ACMEGATE_TEST_POISON": str(poison),
        "ASAN_OPTIONS": "verify_asan_link_order=0",
    }
    return gateway.start()


def number_of(url):
    return int(url.rsplit("/", 1)[1])


def crashes(gateway):
    """The ids that the faults so far are counted against."""
    lines = gateway.beside("crashes").read_text().splitlines()
    return [int(line.removeprefix("crashed ")) for line in lines]


def assert_dies(gateway, of, times):
    """By its own fault; what a sanitizer says of that is no finding."""
    gateway.process.wait_end(60)
    gateway.log.write_text("")
    assert crashes(gateway) == [of] * times


def processing(gateway):
    """A validation may begin before the COMMIT of its challenge."""
    (row,) = gateway.query("SELECT count(*) AS n FROM authorizations WHERE challenge_status = 'processing'")
    return row["n"]


def set_aside(gateway):
    return gateway.query("SELECT detail, order_id, authorization_id, certificate_id FROM events WHERE kind = 'work.set_aside'")


def start_until_set_aside(gateway, of):
    """Two deaths, the second at a start; the third start lives."""
    assert_dies(gateway, of, 1)
    gateway.launch()
    assert_dies(gateway, of, 2)
    gateway.start()
    wait_until(lambda: set_aside(gateway) and crashes(gateway) == [], "it to be set aside")
    assert f"{of} is set aside" in gateway.process.output()
    (event,) = set_aside(gateway)
    assert "crashed 2 times" in event["detail"] and of in event.values()


def test_S2_a_validation_that_kills_is_refused_and_those_beside_it_are_not(gateway, responder, poison):
    client, bad, good = gateway.client(), fresh_name(), [fresh_name(), fresh_name()]
    server = responder(gateway)
    server.hold(*good)
    innocent, guilty = client.order(good), client.order([bad])
    beside = [Background(client.answer, url, HttpProver(server)) for url in innocent.json()["authorizations"]]
    wait_until(lambda: len(server.asked) == processing(gateway) == len(good), "others to be under way")
    poison.write_text(f"inet_pton {bad}")
    (url,) = guilty.json()["authorizations"]
    asking = Background(client.answer, url, HttpProver(server))
    start_until_set_aside(gateway, number_of(url))
    asking.end_anyhow()
    for order in (client.wait_while(guilty.location, "pending"), client.get(url)["challenges"][0]):
        assert order["status"] == "invalid" and order["error"]["type"].endswith(":serverInternal")
        assert "does not try it again" in order["error"]["detail"]
    status, printed, _ = gateway.run("explain", str(number_of(guilty.location)))
    assert status == 0 and "work.set_aside" in printed and "crashed 2 times" in printed
    server.release()
    for one in beside:
        one.end_anyhow()
    assert client.wait_while(innocent.location, "pending")["status"] == "ready"


def test_S2_an_order_whose_signing_kills_is_refused(gateway, responder, poison):
    client, bad, other = gateway.client(), fresh_name(), fresh_name()
    server = responder(gateway)
    order = client.ready_order([bad], HttpProver(server))
    poison.write_text(f"yajl_gen_string {bad}")
    asking = Background(client.finalize, order, [bad])
    start_until_set_aside(gateway, number_of(order.location))
    asking.end_anyhow()
    poison.unlink()
    ended = client.wait_while(order.location, "processing")
    assert ended["status"] == "invalid" and ended["error"]["type"].endswith(":serverInternal")
    assert client.issue([other], HttpProver(server))


def test_S2_a_revocation_that_kills_waits_a_day_and_is_not_dropped(gateway, responder, step_ca, poison):
    client = gateway.client()
    certificate = client.issue([fresh_name()], HttpProver(responder(gateway)))[0]
    serial = f"{certificate.serial_number:x}"

    def row():
        (found,) = gateway.query(
            "SELECT id, status, revocation_error, revocation_next_attempt_at - unixepoch() AS wait FROM certificates"
            " WHERE serial = ?",
            serial,
        )
        return found

    poison.write_text(f"yajl_gen_string {certificate.serial_number}")
    asking = Background(client.revoke, certificate, 1)
    start_until_set_aside(gateway, row()["id"])
    asking.end_anyhow()
    wait_until(lambda: row()["revocation_error"], "the revocation to be put off")
    assert "does not try it again" in row()["revocation_error"] and row()["status"] == "good"
    assert 23 * 3600 < row()["wait"] <= 24 * 3600
    poison.unlink()
    gateway.stop()
    gateway.execute("UPDATE certificates SET revocation_next_attempt_at = 0 WHERE serial = ?", serial)
    gateway.start()
    wait_until(lambda: row()["status"] == "revoked", "the revocation to be confirmed")
    assert certificate.serial_number in step_ca.revoked()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_S2_a_signal_from_outside_is_nobodys_fault(gateway, responder, number):
    """However often: what was under way goes on."""
    client, name, server = gateway.client(), fresh_name(), responder(gateway)
    order = client.order([name])
    server.hold()
    asking = Background(client.answer, order.json()["authorizations"][0], HttpProver(server))
    for _ in range(3):
        assert server.reached.wait(30)
        server.reached.clear()
        wait_until(lambda: processing(gateway) == 1, "its challenge to be committed")
        gateway.process.signal(number)
        gateway.process.wait_end(60)
        gateway.log.write_text("")
        assert crashes(gateway) == []
        gateway.start()
    server.release()
    asking.end_anyhow()
    assert client.wait_while(order.location, "pending")["status"] == "ready"
    assert set_aside(gateway) == []
