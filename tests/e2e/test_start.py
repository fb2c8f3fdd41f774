# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a configuration is said at once, all of it, in words; nothing starts half."""

import json
import signal
import socket

import pytest

from support import tools
from support.gateway import run_command
from support.ports import free_port
from support.waiting import wait_until


def refused(gateway, command="serve"):
    """The words of a start that must fail."""
    status, output, words = gateway.run(command)
    assert status == 1, output + words
    return output + words


@pytest.mark.parametrize("command", ["serve", "check"])
def test_an_unknown_key_names_the_nearest_known_one(gateway, command):
    gateway.configuration["validation"]["http_prot"] = 80
    words = refused(gateway, command)
    assert "validation.http_prot" in words and "http_port" in words


def test_everything_wrong_is_told_at_once(gateway):
    gateway.configuration["validation"]["http_port"] = "eighty"
    gateway.configuration["profiles"]["default"]["issuer"] = "nobody"
    gateway.configuration["endpoints"]["acme"]["profiles"] = ["gold"]
    gateway.configuration["issuers"]["main"]["ca_url"] = "http://plain.internal"
    words = refused(gateway)
    for part in ("validation.http_port", "nobody", "gold", "ca_url"):
        assert part in words, part


def test_a_missing_configuration(tmp_path):
    status, output, words = run_command(tools.acmegate(), "serve", "--config", tmp_path / "none.json")
    assert status == 1 and str(tmp_path / "none.json") in output + words


def test_the_environment_names_the_configuration_and_the_option_wins(gateway, tmp_path):
    gateway.write_configuration()
    named = {"ACMEGATE_CONFIG": str(gateway.config_path)}
    status, output, words = run_command(tools.acmegate(), "check", **named)
    assert status == 0 and f"configuration {gateway.config_path} is valid" in output, output + words
    status, output, words = run_command(tools.acmegate(), "check", "-c", tmp_path / "none.json", **named)
    assert status == 1 and "none.json: cannot be read: No such file or directory (named by --config)" in words
    status, output, words = run_command(tools.acmegate(), "check", ACMEGATE_CONFIG=str(tmp_path / "none.json"))
    assert status == 1 and "(named by the environment's ACMEGATE_CONFIG)" in words


def test_a_configuration_that_is_no_json_names_the_place(tmp_path):
    path = tmp_path / "acmegate.json"
    path.write_text('{"listen": [')
    status, output, words = run_command(tools.acmegate(), "serve", "--config", path)
    assert status == 1 and str(path) in output + words


def test_comments_are_allowed(gateway, tmp_path):
    gateway.write_configuration()
    text = json.dumps(gateway.configuration, indent=2).replace("{", "{ // a comment\n /* and\n another */", 1)
    path = tmp_path / "commented.json"
    path.write_text(text)
    status, output, words = run_command(tools.acmegate(), "check", "--config", path)
    assert status == 0, output + words


@pytest.mark.parametrize("member", ["provisioner_key_path", "root_cert_path", "provisioner_password_file"])
def test_a_missing_file_is_named(gateway, member):
    issuer = gateway.configuration["issuers"]["main"]
    issuer[member] += ".missing"
    assert issuer[member] in refused(gateway)


def test_a_port_that_is_taken(gateway):
    with socket.create_server(("127.0.0.1", gateway.port)):
        assert str(gateway.port) in refused(gateway)


def test_a_second_server_on_the_same_database(gateway):
    gateway.start()
    other = free_port()
    gateway.configuration["listen"] = [f"127.0.0.1:{other}"]
    assert f"{gateway.store.place} is already served by another acmegate" in refused(gateway)


@pytest.mark.parametrize("prefix", ["ACMEGATE", "CERTCTL"])
def test_the_environment_fills_the_issuer(gateway, step_ca, prefix):
    issuer = gateway.configuration["issuers"]["main"]
    members = {"URL": "ca_url", "PROVISIONER": "provisioner_name", "KEY_PATH": "provisioner_key_path"}
    members["ROOT"] = "root_cert_path"
    variables = {f"{prefix}_STEPCA_{name}": issuer.pop(member) for name, member in members.items()}
    with open(issuer.pop("provisioner_password_file"), encoding="utf-8") as file:
        variables[f"{prefix}_STEPCA_PASSWORD"] = file.read().strip()
    status, output, words = gateway.run("check", **variables)
    assert status == 0 and step_ca.url in output, output + words


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["serve"], ["serve", "--nonsense"]], ids=" ".join)
def test_usage_errors_say_how_to_use_it(arguments):
    status, output, words = run_command(tools.acmegate(), *arguments)
    assert status == 2 and "acmegate" in output + words


def test_version():
    status, output, _ = run_command(tools.acmegate(), "version")
    assert status == 0 and output.startswith("acmegate ")


def early_signal(gateway, number):
    """The signal comes while the configuration is read."""
    gateway.variables.update(
        LD_PRELOAD=str(tools.preload_library("signal_preload")),
        ACMEGATE_TEST_SIGNAL=str(int(number)),
        ASAN_OPTIONS="verify_asan_link_order=0",
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_start_ends_the_server_well(gateway, number):
    early_signal(gateway, number)
    gateway.launch()
    assert gateway.process.wait_end() == 0, gateway.process.output()
    assert f"stopping on signal {int(number)}" in gateway.process.output()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_other_signals_during_the_start_end_nothing(gateway, number):
    early_signal(gateway, number)
    gateway.start()
    if number == signal.SIGHUP:
        wait_until(lambda: "was taken in" in gateway.process.output(), "the reload")
    gateway.stop()


def test_a_ca_that_comes_later_is_waited_for(gateway, new_step_ca, new_gateway):
    """The CA is down at the start: the gateway says so and serves as soon as it can be told who it is."""
    ca = new_step_ca()
    ca.stop()
    late = new_gateway(ca).launch()
    wait_until(late.process.output, "the gateway's first words")
    assert late.process.running(), late.process.output()
    ca.start()
    late.process.wait_ready(late.serves, 60)
