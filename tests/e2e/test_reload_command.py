# SPDX-License-Identifier: Apache-2.0
"""`acmegate reload`: it succeeds when the running server took its file in, and only then."""

import json
import os
import subprocess

import pytest
from support import tools
from support.gateway import environment, run_command
from support.service_manager import NotifySocket

VERDICTS = "SELECT kind, detail FROM events WHERE kind LIKE 'configuration.%' ORDER BY id"


def test_it_says_what_is_in_force_and_what_waits(gateway, tmp_path):
    heard = NotifySocket(tmp_path / "notify")
    gateway.variables.update(heard.variables)
    gateway.start()
    heard.wait_for("the start", READY="1")
    gateway.configuration["endpoints"]["second"] = {"profiles": ["default"], "challenges": ["http-01"]}
    gateway.configuration["loops"] = 1
    status, output, words = gateway.run("reload")
    assert status == 0, output + words
    lines = output.splitlines()
    assert lines[0] == f"{gateway.config_path} was taken in:"
    assert sorted(lines[1:]) == ["endpoints.second was added", "loops waits for a restart"]
    gateway.client(endpoint="second")
    heard.wait_for("the reload", RELOADING="1")
    heard.wait_for("its end", READY="1")
    status, output, words = gateway.run("reload")
    assert status == 0 and output.splitlines()[1:] == ["loops waits for a restart"], output + words
    verdicts = gateway.query(VERDICTS)
    assert [verdict["kind"] for verdict in verdicts] == ["configuration.loaded"] * 2
    assert str(gateway.config_path) in verdicts[0]["detail"] and "endpoints.second was added" in verdicts[0]["detail"]
    heard.close()


def test_more_changes_than_an_event_holds_are_counted(gateway):
    gateway.start()
    added = {f"{number:03d}-{'x' * 50}": {"profiles": ["default"], "challenges": ["http-01"]} for number in range(300)}
    gateway.configuration["endpoints"].update(added)
    status, output, words = gateway.run("reload")
    assert status == 0, output + words
    *told, last = output.splitlines()[1:]
    assert all(line.endswith(" was added") for line in told), told
    assert last == f"and {len(added) - len(told)} more, which the server's log has"
    gateway.client(endpoint=max(added))


def test_nothing_changed(gateway):
    gateway.start()
    status, output, words = gateway.run("reload")
    assert status == 0 and output.splitlines()[1:] == ["no key has changed"], output + words


def test_what_the_server_refuses_is_a_failure_with_the_reasons(gateway):
    gateway.start()
    gateway.configuration["issuers"]["main"]["provisioner_name"] = "nobody"
    status, output, words = gateway.run("reload")
    assert status == 1 and output == "", output
    assert f"the server refused {gateway.config_path}; its configuration stays:" in words and "nobody" in words
    verdict = gateway.query(VERDICTS)[0]
    assert verdict["kind"] == "configuration.rejected" and "nobody" in verdict["detail"]


def test_a_bad_file_is_not_shown_to_the_server(gateway):
    gateway.start()
    gateway.configuration["frob"] = 1
    status, output, words = gateway.run("reload")
    assert status == 1 and "frob" in words and "the server was not asked; its configuration stays" in words
    assert gateway.query(VERDICTS) == []


@pytest.mark.sqlite("no ordinary user may enter the folder of the tests' PostgreSQL")
def test_a_secret_that_only_the_server_may_read(gateway, tmp_path):
    """As with LoadCredential= of systemd, whose files the process of ExecReload= may not read."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a file that a process without a capability may not read")
    issuer = gateway.configuration["issuers"]["main"]
    secret = tmp_path / "credential"
    with open(issuer["provisioner_password_file"], encoding="utf-8") as file:
        secret.write_text(file.read())
    os.chown(secret, 65534, 65534)
    secret.chmod(0o600)
    issuer["provisioner_password_file"] = str(secret)
    gateway.start()
    gateway.configuration["log"] = {"level": "debug"}
    gateway.write_configuration()
    capabilities = "-dac_override,-dac_read_search"
    bounded = [tools.program("setpriv"), f"--inh-caps={capabilities}", f"--bounding-set={capabilities}"]

    def reload():
        command = [*bounded, tools.acmegate(), "reload", "--config", str(gateway.config_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(), check=False)
        return done.returncode, done.stdout + done.stderr

    readable = subprocess.run([*bounded, "cat", secret], capture_output=True, check=False).returncode == 0
    assert not readable
    status, words = reload()
    assert status == 0 and "log.level is in force" in words, words
    secret.unlink()
    status, words = reload()
    assert status == 1 and "the server refused" in words and f"cannot read {secret}" in words, words


def test_without_a_server_it_fails(gateway):
    gateway.start()
    gateway.stop()
    status, _, words = gateway.run("reload")
    assert status == 1 and f"no server uses the database {gateway.store.place}" in words


@pytest.mark.parametrize("text", ["0s", "soon"])
def test_a_timeout_is_a_duration(gateway, text):
    status, _, words = gateway.run("reload", "--timeout", text)
    assert status == 2 and "--timeout" in words


def test_a_server_that_reads_another_file_gives_no_verdict_on_this_one(gateway, tmp_path):
    gateway.start()
    other = tmp_path / "other.json"
    other.write_text(json.dumps(gateway.configuration))
    status, _, words = run_command(tools.acmegate(), "reload", "--config", other, "--timeout", "3s")
    assert status == 1 and f"did not answer within 3 s, but read {gateway.config_path} (sha256 " in words, words
