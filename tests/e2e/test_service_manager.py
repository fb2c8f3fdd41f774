# SPDX-License-Identifier: Apache-2.0
"""What a service manager such as systemd hears, by a notify socket of the test."""

import os
import time

import pytest
from support.service_manager import NotifySocket


@pytest.fixture(params=["path", "abstract"])
def notify_socket(request, tmp_path):
    name = tmp_path / "notify" if request.param == "path" else f"@acmegate-test-{os.getpid()}-{time.monotonic_ns()}"
    heard = NotifySocket(name)
    yield heard
    heard.close()


def test_start_reload_and_end(gateway, notify_socket):
    gateway.variables.update(notify_socket.variables)
    gateway.start()
    ready = notify_socket.wait_for("the start", READY="1")
    assert ready["STATUS"] == f"Serving {gateway.configuration['base_url']}"
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    gateway.process.hang_up()
    reloading = notify_socket.wait_for("the reload", RELOADING="1")
    assert before < int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notify_socket.wait_for("the reload's end", READY="1", STATUS="Serving")
    gateway.stop()
    notify_socket.wait_for("the end", STOPPING="1")


def test_a_ca_that_is_down_holds_up_no_start_for_ever(new_step_ca, new_gateway, tmp_path):
    """READY comes without a certificate, after a while; the status says what is missing, and when it has come."""
    heard = NotifySocket(tmp_path / "notify")
    ca = new_step_ca()
    ca.stop()
    gateway = new_gateway(ca)
    gateway.variables.update(heard.variables)
    gateway.launch()
    waiting = heard.wait_for("the first words", STATUS="Waiting for the server's own certificate from issuer main")
    assert "READY" not in waiting and not gateway.serves()
    assert "Waiting for" in heard.wait_for("the start", READY="1")["STATUS"]
    ca.start()
    heard.wait_for("the certificate", 60, STATUS="Serving https://localhost")
    assert gateway.serves()
    heard.close()


def test_the_watchdog_is_fed_while_all_threads_answer(gateway, tmp_path):
    heard = NotifySocket(tmp_path / "notify")
    gateway.variables.update(heard.variables, WATCHDOG_USEC="600000")
    gateway.start()
    for _ in range(5):
        heard.wait_for("the watchdog's food", 5, WATCHDOG="1")
    gateway.stop()
    heard.close()


def test_the_watchdog_of_another_process_is_not_fed(gateway, tmp_path):
    heard = NotifySocket(tmp_path / "notify")
    gateway.variables.update(heard.variables, WATCHDOG_USEC="300000", WATCHDOG_PID="1")
    gateway.start()
    heard.wait_for("the start", READY="1")
    gateway.process.hang_up()
    heard.wait_for("the reload's end", READY="1")
    gateway.stop()
    assert not any("WATCHDOG" in message for message in heard.hear())
    heard.close()


def test_a_thread_that_hangs_starves_the_watchdog(gateway, tmp_path):
    """A lock on the database that does not end keeps the committer from its answer."""
    heard = NotifySocket(tmp_path / "notify")
    gateway.variables.update(heard.variables, WATCHDOG_USEC="600000")
    gateway.start()
    heard.wait_for("the watchdog's food", 5, WATCHDOG="1")
    with gateway.store.locked():
        with pytest.raises(TimeoutError):
            while True:
                heard.wait_for("food", 2, WATCHDOG="1")
    heard.wait_for("the watchdog's food", 20, WATCHDOG="1")
    gateway.stop()
    heard.close()
