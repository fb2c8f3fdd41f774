# SPDX-License-Identifier: Apache-2.0
"""The admin API: who may use it, and what it shows."""

import http.client
import json
import os
import socket
import stat

import pytest
from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.admin import Admin
from support.ports import free_port
from support.step_ca import PROVISIONER
from support.waiting import wait_until

TOKEN = "a token of the tests, long enough"
NOBODY = 65534


def add_tcp(gateway, tmp_path, token=TOKEN):
    port = free_port()
    (tmp_path / "token").write_text(token + "\n")
    (tmp_path / "token").chmod(0o600)
    gateway.configuration.setdefault("admin", {}).update(
        {"listen": [f"127.0.0.1:{port}"], "token_file": str(tmp_path / "token")}
    )
    return port


# ---- what it shows ----


def test_an_issuer_is_shown_with_its_health_key_roots_and_limits(gateway, admin, responder, step_ca):
    gateway.client().issue([fresh_name()], HttpProver(responder(gateway)))
    shown = wait_until(lambda: (one := admin.issuer())["limits"].get("max_duration") and one, "the CA's limits")
    assert shown["id"] == "main" and shown["type"] == "stepca" and shown["source"] == "file"
    assert shown["ca_url"] == step_ca.url and shown["provisioner_name"] == PROVISIONER
    assert shown["kid"] == step_ca.keys[PROVISIONER].key_id
    assert shown["root_fingerprints"] == [step_ca.fingerprint]
    assert shown["health"]["usable"] is True and shown["health"]["last_success"]
    assert shown["limits"]["min_duration"] == "5m" and shown["limits"]["max_duration"] == "24h"
    assert shown["calls"] == {"running": 0, "waiting": 0}
    assert admin.get("/api/v1/issuers").json()["issuers"][0]["id"] == "main"


def test_nothing_that_is_shown_is_a_secret(admin, step_ca):
    key = step_ca.keys[PROVISIONER]
    shown = admin.get("/api/v1/issuers").body.decode()
    assert key.password not in shown and "password" not in shown
    assert json.loads(key.text("JWK"))["d"] not in shown


def test_an_issuer_that_fails_is_shown_as_failing(new_gateway, with_admin, new_step_ca, responder):
    ca = new_step_ca()
    gateway = new_gateway(ca)
    admin = with_admin(gateway)
    gateway.start()
    names = [fresh_name()]
    client = gateway.client()
    order = client.ready_order(names, HttpProver(responder(gateway)))
    ca.stop()
    client.finalize(order, names)
    health = wait_until(lambda: (one := admin.issuer()["health"]).get("failing_since") and one, "the failure")
    assert health["last_failure"] >= health["failing_since"] and health["last_error"]


# ---- who may ask ----


def as_user(user, act):
    """What `act()` returns in a child process of another user: its exit status, 0 to 255."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            status = act()
        except BaseException:
            status = 255
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def connects(path):
    def act():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
            return 0 if one.connect_ex(str(path)) == 0 else 1

    return act


def hundreds_of_status(admin):
    def act():
        reply = admin.raw("GET", "/api/v1/issuers")
        return reply.status // 100 * 10 + reply.status % 100

    return act


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="another user's process takes root")


@needs_root
def test_another_user_cannot_even_connect(admin, admin_socket):
    assert stat.S_IMODE(admin_socket.stat().st_mode) == 0o600
    assert as_user(NOBODY, connects(admin_socket)) == 1


@needs_root
def test_another_user_who_gets_to_the_socket_is_refused(gateway, admin, admin_socket):
    admin_socket.chmod(0o666)
    assert as_user(NOBODY, hundreds_of_status(admin)) == 43
    assert as_user(0, hundreds_of_status(admin)) == 20
    assert f"user {NOBODY} is refused" in gateway.process.output()


def test_over_tcp_the_token_is_asked_for(gateway, tmp_path, step_ca):
    port = add_tcp(gateway, tmp_path)
    gateway.start()

    def status(token):
        return Admin.on_tcp(port, step_ca.root_path, token).raw("GET", "/api/v1/issuers").status

    assert status(TOKEN) == 200
    refused = Admin.on_tcp(port, step_ca.root_path).raw("GET", "/api/v1/issuers")
    assert refused.status == 401 and refused.headers["WWW-Authenticate"] == "Bearer"
    for token in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper()):
        assert status(token) == 401


def test_over_tcp_nothing_is_answered_without_tls(gateway, tmp_path):
    port = add_tcp(gateway, tmp_path)
    gateway.start()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.request("GET", "/api/v1/issuers", headers={"Authorization": f"Bearer {TOKEN}"})
        connection.getresponse()
    connection.close()


def test_nothing_of_it_is_reachable_where_acme_is_served(gateway, admin, tmp_path, step_ca):
    client = gateway.client()
    for path in ("/api/v1/issuers", "/api/v1/issuers/main", "/metrics"):
        reply = client.raw("GET", f"https://localhost:{gateway.port}{path}", headers={"Authorization": f"Bearer {TOKEN}"})
        assert reply.status == 404
    assert admin.raw("GET", "/acme/acme/directory").status == 404


# ---- what is refused ----


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/", 404),
        ("GET", "/api/v1", 404),
        ("GET", "/api/v1/issuers/", 404),
        ("GET", "/api/v1/issuers/other", 404),
        ("GET", "/api/v1/issuers/main/key", 404),
        ("GET", "/api/v1/issuers/%00", 404),
        ("POST", "/api/v1/issuers", 405),
        ("PATCH", "/api/v1/issuers/main", 405),
    ],
)
def test_what_is_not_there_is_refused_with_a_problem(admin, method, path, status):
    reply = admin.raw(method, path)
    assert reply.status == status and reply.headers.get_content_type() == "application/problem+json"
    assert reply.json()["status"] == status and reply.json()["detail"]
    assert (status == 405) == ("GET" in (reply.headers["Allow"] or ""))


def test_tcp_without_a_token_is_a_mistake_in_the_configuration(gateway, tmp_path):
    add_tcp(gateway, tmp_path)
    del gateway.configuration["admin"]["token_file"]
    status, words, more = gateway.run("check")
    assert status == 1 and "admin.token_file" in words + more


def test_a_token_that_is_too_short_is_a_mistake_in_the_configuration(gateway, tmp_path):
    add_tcp(gateway, tmp_path, token="short")
    status, words, more = gateway.run("check")
    assert status == 1 and "16 characters" in words + more


# ---- the socket ----


def test_a_socket_that_a_killed_server_left_is_replaced(gateway, admin, admin_socket):
    gateway.kill()
    assert admin_socket.is_socket()
    gateway.start()
    assert admin.issuer()["id"] == "main"


def test_the_socket_goes_with_the_server(gateway, admin, admin_socket):
    gateway.stop()
    assert not admin_socket.exists()


@pytest.mark.parametrize("what", ["a live server", "a file"])
def test_what_somebody_else_has_at_the_sockets_path_is_left_alone(gateway, with_admin, admin_socket, what):
    with_admin(gateway)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        if what == "a live server":
            other.bind(str(admin_socket))
            other.listen(1)
        else:
            admin_socket.write_text("precious")
        gateway.launch()
        assert gateway.process.wait_end() == 1
    assert str(admin_socket) in gateway.process.output()
    assert admin_socket.exists()
