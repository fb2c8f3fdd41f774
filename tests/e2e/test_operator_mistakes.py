# SPDX-License-Identifier: Apache-2.0
"""Mistakes that an operator makes: `check` names each beforehand, with cause and advice, and `serve` says the same words."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest
from support import odd_name_server as dns
from support import tools
from support.acme_client import AcmeClient
from support.gateway import Gateway, environment, run_command
from support.odd_name_server import Answer, OddNameServer
from support.ports import free_port
from support.waiting import wait_until

NOBODY = 65534


@pytest.fixture
def gateway(tmp_path, admin_socket):
    """With a CA of its own, so that nothing outside has a say."""
    gateway = Gateway(tmp_path / "gateway", {"type": "local", "directory": str(tmp_path / "ca")}, tmp_path / "ca/root_ca.crt")
    gateway.admin_socket = admin_socket
    yield gateway
    gateway.stop()


# ---- the file ----


TEXTS = {
    "trailing comma in an object": ('{\n  "listen": ["127.0.0.1:1"],\n}', "line 3: a comma before }"),
    "trailing comma in a list": ('{\n  "listen": ["127.0.0.1:1",\n ]\n}', "line 3: a comma before ]"),
    "YAML": ("base_url: https://localhost\nlisten:\n  - 127.0.0.1:1\n", "line 1: this is not JSON"),
    "YAML with three dashes": ("---\ntls:\n  issuer: main\n", "line 1: this is not JSON"),
    "YAML that begins as true does": ("tls:\n  issuer: main\n", "line 1: this is not JSON"),
    "an empty file": ("", "line 1: this is not JSON"),
}


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("case", TEXTS)
def test_a_file_that_is_no_json(tmp_path, case, command):
    text, words = TEXTS[case]
    path = tmp_path / "acmegate.json"
    path.write_text(text)
    status, output, errors = run_command(tools.acmegate(), command, "--config", path)
    assert status == 1 and f"{path}: {words}" in output + errors, output + errors


# ---- faults: check and serve fail with the same words ----


def port_in_use(gateway, stack):
    taken = socket.create_server(("127.0.0.1", gateway.port))
    stack.append(taken.close)
    return f"listen: cannot listen on 127.0.0.1 port {gateway.port}: Address already in use; another program has this port"


def pki_port_in_use(gateway, stack):
    port = free_port()
    taken = socket.create_server(("127.0.0.1", port))
    stack.append(taken.close)
    gateway.configuration["pki_listen"] = [f"127.0.0.1:{port}"]
    return f"pki_listen: cannot listen on 127.0.0.1 port {port}: Address already in use; another program has this port"


def address_of_another_host(gateway, _):
    gateway.configuration["listen"] = [f"192.0.2.1:{gateway.port}"]
    return "listen: cannot listen on 192.0.2.1 port %d: Cannot assign requested address; this host does not have" % gateway.port


def long_socket_path(gateway, _):
    gateway.configuration["admin"] = {"socket": "/tmp/" + "a" * 120}
    return "is too long for a socket's path, 107 octets at most: choose a shorter one"


def socket_folder_missing(gateway, _):
    gateway.configuration["admin"] = {"socket": str(gateway.admin_socket.parent / "none/admin.sock")}
    return f"folder {gateway.admin_socket.parent / 'none'}: No such file or directory; make it for the user that serves"


def file_at_the_socket(gateway, _):
    gateway.admin_socket.write_text("")
    gateway.configuration["admin"] = {"socket": str(gateway.admin_socket)}
    return "exists and is not a socket"


def database_folder_missing(gateway, _):
    gateway.configuration["database"] = str(gateway.folder / "none/acmegate.db")
    return f"its folder {gateway.folder / 'none'} does not exist: make it, for the user that serves"


def served_once(gateway):
    gateway.start()
    gateway.stop()


def damaged_page(gateway, _):
    served_once(gateway)
    with open(gateway.database, "r+b") as file:
        file.seek(0)
        file.write(b"not what SQLite writes here")
    return "is damaged (file is not a database): stop the server, then 'acmegate db restore FILE' with a back-up (docs/recovery.md)"


def truncated_file(gateway, _):
    served_once(gateway)
    os.truncate(gateway.database, 8192)
    return "is damaged ("


def secret_too_short(gateway, _):
    with_key(gateway)
    gateway.beside("secret").write_bytes(b"short")
    return "is not a key file: it must have 32 octets; restore it from its back-up"


def secret_of_another(gateway, _):
    with_key(gateway)
    gateway.beside("secret").write_bytes(os.urandom(32))
    return "1 of 1 external account keys were sealed with another file: restore that from its back-up; or revoke them"


def secret_missing(gateway, _):
    with_key(gateway)
    gateway.beside("secret").unlink()
    return "the file is missing, and 1 external account keys are sealed with it: restore it from its back-up; or revoke them"


def with_key(gateway):
    gateway.configuration["endpoints"]["acme"]["eab"] = "required"
    served_once(gateway)
    status, output, words = gateway.run("eab", "add", "acme")
    assert status == 0, output + words


OF_A_FILE = pytest.mark.sqlite("PostgreSQL keeps its files for itself")

FAULTS = [
    port_in_use, pki_port_in_use, address_of_another_host, long_socket_path, socket_folder_missing, file_at_the_socket,
    *(pytest.param(fault, marks=OF_A_FILE) for fault in (database_folder_missing, damaged_page, truncated_file)),
    secret_too_short, secret_of_another, secret_missing,
]  # fmt: skip


def run_serve(gateway):
    """`serve`, which must end by itself."""
    gateway.launch()
    status = gateway.process.wait_end()
    return status, gateway.process.output()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_told_by_check_and_serve(gateway, fault):
    stack = []
    try:
        words = fault(gateway, stack)
        gateway.log.unlink(missing_ok=True)
        status, output, errors = gateway.run("check")
        told = [line for line in output.splitlines() if words in line]
        assert status == 1 and told and told[0].startswith("FAIL"), output + errors
        status, output = run_serve(gateway)
        if fault is not truncated_file:  # reading it all is for check
            assert status == 1 and words in output, output
    finally:
        for undo in stack:
            undo()


# ---- of an ordinary user ----


def as_nobody(gateway, command):
    """The exit status and words of a command that an ordinary user without capabilities runs."""
    gateway.write_configuration()
    for path in (gateway.folder, *gateway.folder.parents):
        if path.stat().st_uid == os.getuid() and path != pathlib.Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    done = subprocess.run(
        [tools.acmegate(), command, "--config", gateway.config_path],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment(), user=NOBODY, group=NOBODY,
        extra_groups=[], timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@OF_A_FILE
@pytest.mark.skipif(os.getuid() != 0, reason="only root may run a program as another user")
@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_database_of_another_user(gateway, command):
    gateway.write_configuration()
    status, output = as_nobody(gateway, command)
    words = f"{gateway.folder} belongs to root, and acmegate runs as nobody, which may not write it: run it as the owner"
    assert status == 1 and words in output, output


@pytest.mark.sqlite("no ordinary user may enter the folder of the tests' PostgreSQL")
@pytest.mark.skipif(os.getuid() != 0, reason="only root may run a program as another user")
@pytest.mark.parametrize(("command", "mark"), [("check", "warn"), ("serve", "error")])
def test_a_privileged_port_as_an_ordinary_user(gateway, command, mark):
    if int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 443:
        pytest.skip("this host gives every user these ports")
    gateway.configuration["listen"] = ["127.0.0.1:443"]
    status, output = as_nobody(gateway, command)
    told = [line for line in output.splitlines() if "CAP_NET_BIND_SERVICE" in line]
    assert status == 1 and len(told) == 1 and mark in told[0], output  # 1: the database is not this user's either


# ---- warnings: check passes, serve serves, both say it ----


def base_url_of_another_port(gateway):
    gateway.configuration["base_url"] = "https://localhost"
    return "base_url: clients connect to port 443, but no address of `listen` has that port; correct only if something"


def allow_nothing(gateway):
    gateway.configuration["endpoints"]["acme"]["names"] = {"allow": []}
    return "endpoints.acme.names.allow is an empty list, which allows every name: list the names to issue for"


def open_eab(gateway):
    gateway.configuration["endpoints"]["acme"]["eab"] = "optional"
    return "endpoint acme: eab is optional, and accounts without an external account key may have all"


def older_accounts_without_keys(gateway):
    gateway.start()
    AcmeClient(gateway.directory(), gateway.root_path).register()
    gateway.stop()
    gateway.configuration["endpoints"]["acme"]["eab"] = "required"
    return "endpoint acme: eab is required, and 1 older accounts without an external account key may still have all"


def password_file_used_twice(gateway):
    path = gateway.folder / "password"
    path.write_text("open sesame, please")
    path.chmod(0o644)
    gateway.configuration["issuers"]["main"]["key_password_file"] = str(path)
    gateway.configuration["issuers"]["second"] = {
        "type": "local", "directory": str(gateway.folder / "second"), "key_password_file": str(path),
    }  # fmt: skip
    return f"{path}: file permissions too open: readable by others; run chmod 600"


WARNINGS = [base_url_of_another_port, allow_nothing, open_eab, older_accounts_without_keys, password_file_used_twice]


@pytest.mark.parametrize("warning", WARNINGS, ids=lambda warning: warning.__name__)
def test_a_warning_is_told_once_by_check_and_serve(gateway, warning):
    words = warning(gateway)
    status, output, errors = gateway.run("check")
    told = [line for line in (output + errors).splitlines() if words in line]
    assert status == 0 and len(told) == 1 and told[0].startswith("warn"), output + errors
    gateway.log.unlink(missing_ok=True)
    gateway.start(120)  # a key that is made for a password takes its time
    assert gateway.process.output().count(words) == 1, gateway.process.output()


# ---- name servers ----


def silent(stack):
    """(its address, what it does when asked)"""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    stack.enter_context(server)
    return f"127.0.0.1:{server.getsockname()[1]}", "did not answer in time"


def nobody(_):
    return f"127.0.0.1:{free_port()}", "could not be reached"


def refusing(stack):
    server = stack.enter_context(OddNameServer())
    server.says["localhost", dns.A] = Answer(rcode=dns.REFUSED)
    return server.address, "answered REFUSED"


def failing(stack):
    server = stack.enter_context(OddNameServer())
    server.says["localhost", dns.A] = Answer(rcode=dns.SERVFAIL)
    return server.address, "answered SERVFAIL"


def good(stack):
    return stack.enter_context(OddNameServer()).address, "answers"


# servers; the verdict and the end of each one's line
NAME_SERVERS = [
    ([silent], [("FAIL", "let UDP and TCP through to it. No name can be validated until then")]),
    ([nobody], [("FAIL", "start it, correct its address, or let UDP and TCP through to it. No name can be validated until then")]),
    ([refusing], [("FAIL", "allow this host there. No name can be validated until then")]),
    ([silent, nobody], [("FAIL", "No name can be validated until then")] * 2),
    ([nobody, good], [("warn", "Each look-up loses time there until then"), ("ok", "answers")]),
    ([good, refusing], [("ok", "answers"), ("warn", "allow this host there. Each look-up loses time there until then")]),
    ([failing], [("warn", "repair it, or set another")]),
    ([failing, silent], [("warn", "repair it, or set another"), ("warn", "Each look-up loses time there until then")]),
]  # fmt: skip


@pytest.mark.parametrize("servers, lines", NAME_SERVERS, ids=lambda part: "+".join(one.__name__ for one in part) if callable(part[0]) else "")
def test_name_servers_that_do_not_serve_are_told_by_check_and_serve(gateway, servers, lines):
    with contextlib.ExitStack() as stack:
        made = [server(stack) for server in servers]
        gateway.configuration["validation"]["resolvers"] = [address for address, _ in made]
        status, output, errors = gateway.run("check")
        told = [line for line in output.splitlines() if "validation.resolvers: " in line]
        assert len(told) == len(made), output + errors
        for line, (address, what), (verdict, end) in zip(told, made, lines, strict=True):
            assert line.split()[0] == verdict and f"validation.resolvers: {address} {what}" in line and line.endswith(end), line
        assert status == (lines[0][0] == "FAIL"), output
        gateway.log.unlink(missing_ok=True)
        gateway.start()
        for line in told:
            if not line.startswith("ok"):
                wait_until(lambda words=line.split(None, 1)[1]: words in gateway.process.output(), f"{line} in the log")


def test_check_asks_all_name_servers_at_once(gateway):
    with contextlib.ExitStack() as stack:
        made = [silent(stack) for _ in range(4)]
        gateway.configuration["validation"]["resolvers"] = [address for address, _ in made]
        began = time.monotonic()
        status, output, _ = gateway.run("check")
        assert status == 1 and output.count("did not answer in time") == 4, output
        assert time.monotonic() - began < 2 * len(made), "one after the other"


def test_the_name_servers_of_the_system_are_left_alone_for_a_local_host(gateway):
    gateway.configuration["validation"]["resolvers"] = []
    _, output, errors = gateway.run("check")
    assert "name servers" not in output + errors and "validation.resolvers" not in output + errors


# ---- a running server ----


def test_check_leaves_a_running_server_alone(gateway):
    gateway.configuration["admin"] = {"socket": str(gateway.admin_socket)}
    gateway.start()
    status, output, errors = gateway.run("check")
    assert status == 0 and f"port {gateway.port} is in use, and a running acmegate has the database" in output, output + errors
    assert gateway.serves()
    assert AcmeClient(gateway.directory(), gateway.root_path).register().account


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2], ids=lambda number: number.name)
def test_the_signals_of_log_rotation_end_nothing(gateway, number):
    gateway.start()
    gateway.process.signal(number)
    gateway.process.hang_up()
    wait_until(lambda: "reload:" in gateway.process.output(), "a signal that was sent later")
    assert gateway.serves()


def test_a_migrated_schema_is_a_line_of_the_log(gateway, engine):
    oldest, newest = gateway.store.make_oldest()
    gateway.start()
    assert f"{gateway.store.place} went from schema {oldest} to {newest}" in gateway.process.output()
    copy = f"kept a copy with schema {oldest}: {gateway.database}.schema-{oldest}.backup"
    assert (copy in gateway.process.output()) == (engine == "sqlite")  # PostgreSQL's copies are its operator's
    assert AcmeClient(gateway.directory(), gateway.root_path).register().account
