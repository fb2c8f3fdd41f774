# SPDX-License-Identifier: Apache-2.0
"""Sockets that a service manager has bound and passes to the server (sd_listen_fds(3))."""

import http.client
import os
import pathlib
import shutil
import socket
import ssl
import stat
import subprocess

import pytest
from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver
from support.admin import Admin
from support.passed_sockets import PassedSockets
from support.ports import answers, free_port
from support.processes import Process
from support.waiting import wait_until

CLIENTS = 20


@pytest.fixture
def passed():
    """Sockets for the gateway of a test."""
    sockets = PassedSockets()
    yield sockets
    sockets.close()


def connect(gateway):
    """A connection without a word yet."""
    return socket.create_connection(("127.0.0.1", gateway.port), 60)


def health(gateway, plain):
    """The status of /health over this connection."""
    context = ssl.create_default_context(cafile=str(gateway.root_path))
    with context.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        return reply.status


def words_of_a_failed_start(gateway):
    gateway.launch()
    assert gateway.process.wait_end() == 1
    return gateway.process.output()


# ---- served ----


def test_a_connection_waits_while_the_server_starts(gateway, passed, responder):
    gateway.passed = passed.tcp(gateway.port)
    early = [connect(gateway) for _ in range(CLIENTS)]
    gateway.start()
    assert [health(gateway, one) for one in early] == [200] * CLIENTS
    gateway.client().issue([fresh_name()], HttpProver(responder(gateway)))
    log = gateway.process.output()
    assert f"listen: listening on 127.0.0.1 port {gateway.port}, passed by the service manager" in log


def test_no_connection_is_refused_at_a_restart(gateway, passed):
    gateway.configuration["loops"] = 3
    gateway.passed = passed.tcp(gateway.port)
    gateway.start()
    for _ in range(2):
        gateway.stop()
        waiting = [connect(gateway) for _ in range(CLIENTS)]
        gateway.start()
        assert [health(gateway, one) for one in waiting] == [200] * CLIENTS
    gateway.stop()
    assert answers(gateway.port), "the socket is the service manager's"


def test_all_listeners_can_be_passed(gateway, passed, admin_socket, tmp_path):
    second, pki, admin_port = free_port(), free_port(), free_port()
    token = tmp_path / "token"
    token.write_text("a token of the tests, long enough\n")
    token.chmod(0o600)
    gateway.configuration["listen"].append(f"127.0.0.1:{second}")
    gateway.configuration["pki_listen"] = [f"127.0.0.1:{pki}"]
    gateway.configuration["admin"] = {
        "socket": str(admin_socket),
        "listen": [f"127.0.0.1:{admin_port}"],
        "token_file": str(token),
    }
    for port, name in ((admin_port, "admin"), (pki, "pki"), (second, ""), (gateway.port, "acme")):
        passed.tcp(port, name=name)
    gateway.passed = passed.unix(admin_socket)
    gateway.start()
    for port in (gateway.port, second):
        assert health(gateway, socket.create_connection(("127.0.0.1", port), 60)) == 200
    assert answers(pki)
    for admin in (
        Admin.on_socket(admin_socket),
        Admin.on_tcp(admin_port, gateway.root_path, token.read_text().strip()),
    ):
        assert admin.issuer()["id"] == "main"


def test_the_admin_socket_stays_in_its_folder(gateway, passed, admin_socket):
    gateway.configuration["admin"] = {"socket": str(admin_socket)}
    gateway.passed = passed.unix(admin_socket)
    admin_socket.chmod(0o620)
    for _ in range(2):
        gateway.start()
        assert Admin.on_socket(admin_socket).issuer()["id"] == "main"
        gateway.stop()
        assert stat.S_IMODE(os.lstat(admin_socket).st_mode) == 0o620, "it is the socket unit's"


def test_listeners_without_a_passed_socket_are_bound(gateway, passed):
    other = free_port()
    gateway.configuration["listen"].append(f"127.0.0.1:{other}")
    gateway.passed = passed.tcp(other)
    gateway.start()
    for port in (gateway.port, other):
        assert health(gateway, socket.create_connection(("127.0.0.1", port), 60)) == 200
    gateway.stop()
    assert answers(other) and not answers(gateway.port)


def low_port():
    """One below 1024 that is free, where such ports need a capability."""
    if int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) < 1024:
        pytest.skip("this host lets everybody have ports below 1024")
    for port in range(1023, 600, -1):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except PermissionError:
            pytest.skip("this user may not bind ports below 1024")
        except OSError:
            continue
    raise RuntimeError("no port below 1024 is free")


def test_a_port_below_1024_needs_no_capability(gateway, passed):
    gateway.port = low_port()
    gateway.configuration.update(
        base_url=f"https://localhost:{gateway.port}", listen=[f"127.0.0.1:{gateway.port}"]
    )
    gateway.before = [tools.program("setpriv"), "--inh-caps=-net_bind_service", "--bounding-set=-net_bind_service"]
    assert f"cannot listen on 127.0.0.1 port {gateway.port}: Permission denied" in words_of_a_failed_start(gateway)
    gateway.passed = passed.tcp(gateway.port)
    gateway.start()
    assert health(gateway, connect(gateway)) == 200


def test_systemd_socket_activate_starts_it_with_the_first_connection(gateway):
    """systemd's own tool: it listens, and becomes the server when somebody connects."""
    activate = shutil.which("systemd-socket-activate") or tools.unavailable("systemd-socket-activate is not installed")
    gateway.write_configuration()
    options = ["-l", f"127.0.0.1:{gateway.port}", "--fdname=acme"]
    command = [activate, *options, tools.acmegate(), "serve", "--config", gateway.config_path]
    gateway.process = Process("systemd-socket-activate", command, gateway.log)
    gateway.process.wait_ready(lambda: "Listening on" in gateway.process.output())
    assert "acmegate" not in gateway.process.output()
    assert health(gateway, connect(gateway)) == 200
    wait_until(lambda: "passed by the service manager" in gateway.process.output(), "the line of the listener")


# ---- refused ----


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_socket_that_fits_no_listener_is_named_with_the_keys(gateway, passed, command):
    other = free_port()
    gateway.passed = passed.tcp(gateway.port, name="acme").tcp(other, name="stray")
    gateway.write_configuration()
    words = passed.command([tools.acmegate(), command, "--config", str(gateway.config_path)])
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=60, pass_fds=passed.fds, check=False
    )
    assert done.returncode == 1
    assert (
        f"socket stray (descriptor 4) on 127.0.0.1 port {other} was passed by the service manager, but no address of "
        "listen, pki_listen and admin.listen is the same: change that key, or ListenStream= of the socket unit"
    ) in done.stdout + done.stderr
    if command == "check":
        assert f"ok    listen: the service manager passed 127.0.0.1 port {gateway.port}" in done.stdout
    assert "socket acme " not in done.stdout + done.stderr


def test_a_unix_socket_at_another_path_is_named(gateway, passed, admin_socket):
    gateway.configuration["admin"] = {"socket": str(admin_socket)}
    other = admin_socket.with_name("other.sock")
    gateway.passed = passed.unix(other)
    words = words_of_a_failed_start(gateway)
    assert f"at {other} was passed by the service manager, but admin.socket is another path" in words


def test_what_is_no_listening_socket_is_refused(gateway, passed):
    gateway.passed = passed.add(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), name="acmegate.socket")
    words = words_of_a_failed_start(gateway)
    assert "descriptor 3 (acmegate.socket) was passed, but it is no listening stream socket" in words


def test_variables_of_another_process_are_ignored(gateway, passed):
    """A socket that a parent forgot: the server binds its own, and nobody answers at the other."""
    stray = free_port()
    passed.process = "1"
    gateway.passed = passed.tcp(stray)
    gateway.start()
    assert health(gateway, connect(gateway)) == 200
    assert "passed by the service manager" not in gateway.process.output()
