# SPDX-License-Identifier: Apache-2.0
"""PUT and DELETE of an issuer: taken over without a restart, kept over one, or refused with every reason."""

import os
import pathlib
import threading
import time

import pytest
from client_scenarios import fresh_name
from support.background import Background
from support.ca_faults import Hang
from support.ca_proxy import CaProxy
from support.certificates import new_csr, new_key, pem, read_chain
from support.gateway import stepca_issuer
from support.gateway_pair import trusted_name
from support.provisioner_keys import ProvisionerKey
from support.step_ca import PROVISIONER
from support.waiting import wait_until
from test_reload import FAULTS, OTHER, reload


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    from support.step_ca import StepCA

    keys = {PROVISIONER: ProvisionerKey(), OTHER: ProvisionerKey(kind="P-384")}
    with_two = StepCA(tmp_path_factory.mktemp("two-provisioners") / "ca", provisioner_keys=keys).start()
    yield with_two
    with_two.stop()


@pytest.fixture
def gateway(new_gateway, ca):
    return new_gateway(ca, form="JWK")


@pytest.fixture
def other(ca, tmp_path):
    """The section that names the CA's other provisioner."""
    return stepca_issuer(ca, tmp_path / "next", "JWK", OTHER)


def provisioner_of(certificate):
    """The provisioner extension (1.3.6.1.4.1.37476.9000.64.1) names who asked."""
    (value,) = [one.value.value for one in certificate.extensions if one.oid.dotted_string.endswith("9000.64.1")]
    return OTHER if OTHER.encode() in value else PROVISIONER


def issuing(gateway, prover):
    return provisioner_of(gateway.client().issue([fresh_name()], prover)[0])


def shown(gateway, key):
    status, words, errors = gateway.run("config", "show")
    assert status == 0, errors
    (line,) = [line for line in words.splitlines() if line.startswith(f"issuers.main.{key} =")]
    return line


# ---- taken over ----


def test_a_change_is_taken_over_at_once_and_answered_with_what_changed(gateway, admin, prover, ca, other):
    assert issuing(gateway, prover) == PROVISIONER
    reply = admin.put(other)
    assert reply.status == 200, reply
    assert reply.json() == {
        "id": "main",
        "source": "override",
        "changed": {
            "provisioner_name": {"from": PROVISIONER, "to": OTHER},
            "kid": {"from": ca.keys[PROVISIONER].key_id, "to": ca.keys[OTHER].key_id},
            "provisioner_key": "changed",
        },
    }
    assert issuing(gateway, prover) == OTHER
    now = admin.issuer()
    assert now["source"] == "override" and now["kid"] == ca.keys[OTHER].key_id
    (event,) = gateway.query("SELECT who, detail FROM v_events WHERE kind = 'issuer.changed'")
    assert event["who"].startswith("operator, user ") and f"provisioner_name from {PROVISIONER} to {OTHER}" in event["detail"]


def test_it_outlives_a_restart_and_delete_returns_to_the_file(gateway, admin, prover, other):
    assert admin.put(other).status == 200
    gateway.stop()
    gateway.start()
    assert admin.issuer()["source"] == "override" and issuing(gateway, prover) == OTHER
    reply = admin.delete()
    assert reply.status == 200 and reply.json()["source"] == "file"
    assert reply.json()["changed"]["provisioner_name"] == {"from": OTHER, "to": PROVISIONER}
    assert issuing(gateway, prover) == PROVISIONER and admin.issuer()["source"] == "file"
    assert gateway.query("SELECT * FROM issuer_overrides") == []
    assert len(gateway.query("SELECT * FROM v_events WHERE kind = 'issuer.reset'")) == 1
    assert admin.delete().status == 404
    gateway.stop()
    gateway.start()
    assert issuing(gateway, prover) == PROVISIONER


def test_the_commands_use_it_too(gateway, admin, ca, other, tmp_path):
    assert admin.put(other).status == 200
    status, words, errors = gateway.run("check")
    assert status == 0 and "as the admin API has set it" in words and f"provisioner {OTHER}" in words, words + errors
    request = tmp_path / "host.csr"
    request.write_bytes(pem(new_csr(new_key(), [fresh_name()])))
    status, words, errors = gateway.run("sign", request, "--profile", "default")
    assert status == 0, errors
    assert provisioner_of(read_chain(words)[0]) == OTHER


@pytest.mark.sqlite("it reads the file")
def test_a_password_may_come_with_it_and_lies_sealed(gateway, admin, prover, ca, tmp_path):
    other = stepca_issuer(ca, tmp_path / "next", "compact JWE", OTHER)
    password = pathlib.Path(other.pop("provisioner_password_file")).read_text().strip()
    assert admin.put({**other, "provisioner_password": password}).status == 200
    assert issuing(gateway, prover) == OTHER
    gateway.stop()
    for file in gateway.folder.glob("acmegate.db*"):
        assert password.encode() not in file.read_bytes(), file
    assert password not in gateway.process.output()
    gateway.start()
    assert issuing(gateway, prover) == OTHER


def test_config_show_tells_what_came_from_where(gateway, admin, other):
    assert shown(gateway, "provisioner_name").endswith("(file)")
    assert shown(gateway, "request_timeout").endswith("(default)")
    assert admin.put({**other, "provisioner_password": "unused", "request_timeout": "20s"}).status == 200
    assert shown(gateway, "provisioner_name") == f'issuers.main.provisioner_name = "{OTHER}"  (override)'
    assert shown(gateway, "provisioner_password") == "issuers.main.provisioner_password = (set)  (override)"
    assert shown(gateway, "request_timeout").endswith("(override)")
    assert shown(gateway, "max_concurrent").endswith("(default)")
    assert "(not set)" in shown(gateway, "provisioner_password_file")
    status, words, _ = gateway.run("config", "show", ACMEGATE_STEPCA_PROVISIONER="somebody", ACMEGATE_LOOPS="1")
    assert status == 0 and "somebody" not in words and "loops = 1  (ACMEGATE_LOOPS)" in words


def test_sighup_leaves_it_as_it_is(gateway, admin, prover, other):
    assert admin.put(other).status == 200
    words = reload(gateway)
    assert "still follows the admin API" in words and "was taken in" in words
    assert issuing(gateway, prover) == OTHER


def test_replaced_issuers_are_freed(gateway, admin, prover, ca, other, tmp_path):
    own = gateway.configuration["issuers"]["main"]
    for section in (other, own, other, own):
        assert admin.put(section).status == 200
    assert issuing(gateway, prover) == PROVISIONER
    gateway.stop()


# ---- refused ----


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_bad_one_is_refused_with_the_reason_and_changes_nothing(gateway, admin, prover, ca, tmp_path, fault):
    section = stepca_issuer(ca, tmp_path / "bad")
    before = admin.issuer()
    expected = fault(gateway, section, tmp_path)
    reply = admin.put(section)
    assert 400 <= reply.status < 500 and reply.headers.get_content_type() == "application/problem+json"
    assert any(expected in reason for reason in reply.json()["reasons"]), reply
    after = admin.issuer()
    assert {name: after[name] for name in ("source", "kid", "root_fingerprints")} == {
        name: before[name] for name in ("source", "kid", "root_fingerprints")
    }
    assert gateway.query("SELECT * FROM issuer_overrides") == []
    assert issuing(gateway, prover) == PROVISIONER


@pytest.mark.parametrize("key", ["provisioner_key_path", "root_cert_path", "provisioner_password_file"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
def test_S15_what_is_no_regular_file_holds_nobody(gateway, admin, ca, tmp_path, key, make):
    section = stepca_issuer(ca, tmp_path / "bad")
    section.setdefault("provisioner_password_file", "unused")
    make(tmp_path / "odd")
    reply = admin.put({**section, key: str(tmp_path / "odd")})
    assert 400 <= reply.status < 500 and any("odd" in reason for reason in reply.json()["reasons"]), reply
    gateway.stop()


def test_all_that_is_wrong_with_a_section_is_told_at_once(admin):
    reply = admin.put({"type": "stepca", "ca_url": "http://ca", "max_concurrent": 0, "colour": "red"})
    assert reply.status == 400
    reasons = "\n".join(reply.json()["reasons"])
    for path in ("ca_url", "max_concurrent", "colour", "provisioner_name", "provisioner_key_path", "root_cert_path"):
        assert f"issuers.main.{path}: " in reasons
    assert len(reply.json()["reasons"]) == 6


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"type": "stepca", "type": "local"}', "x" * 70_000], ids=lambda body: body[:9])
def test_what_is_no_section_is_refused(admin, body):
    reply = admin.raw("PUT", "/api/v1/issuers/main", body)
    assert reply.status == (413 if len(body) > 65536 else 400) and reply.json()["detail"]


def test_another_type_is_refused(admin, tmp_path):
    reply = admin.put({"type": "local", "directory": str(tmp_path / "local")})
    assert reply.status == 422 and "type" in reply.json()["detail"]
    assert not (tmp_path / "local").exists()


def test_an_issuer_of_type_local_is_not_changed_so(gateway, with_admin, tmp_path):
    gateway.configuration["issuers"]["own"] = {"type": "local", "directory": str(tmp_path / "own")}
    admin = with_admin(gateway)
    gateway.start()
    assert admin.issuer("own")["type"] == "local" and "kid" not in admin.issuer("own")
    assert admin.put({"type": "local", "directory": str(tmp_path / "own")}, "own").status == 422
    assert admin.put({"type": "local"}, "nobody").status == 404


def test_one_change_at_a_time(admin, ca, other, tmp_path):
    with CaProxy(ca, tmp_path / "proxy") as proxy:
        hold = proxy.hold_request("health")
        first = Background(admin.put, {**other, "ca_url": proxy.url})
        hold.wait()
        second = admin.put(other)
        assert second.status == 409 and second.headers["Retry-After"]
        hold.let_go()
        assert first.end().status == 200
    assert admin.put(other).status == 200


# ---- what is sealed needs its key ----


def test_without_the_secret_key_the_start_says_what_to_do(gateway, admin, prover, other):
    assert admin.put(other).status == 200
    gateway.stop()
    key = gateway.beside("secret")
    sealed_with = key.read_bytes()
    for lost in (key.unlink, lambda: key.write_bytes(bytes(32))):
        lost()
        gateway.launch()
        assert gateway.process.wait_end() == 1
        words = gateway.process.output().splitlines()[-1]
        assert "issuers.main" in words and "restore it" in words and "acmegate issuer reset main" in words
        assert gateway.run("config", "show")[0] == 1
    key.write_bytes(sealed_with)
    gateway.start()
    assert issuing(gateway, prover) == OTHER


def test_the_way_out_leads_back_to_the_file(gateway, admin, prover, other):
    assert admin.put(other).status == 200
    gateway.stop()
    gateway.beside("secret").unlink()
    assert gateway.run("issuer", "reset", "other")[0] == 1
    status, words, _ = gateway.run("issuer", "reset", "main")
    assert status == 0 and "main" in words
    gateway.start()
    assert issuing(gateway, prover) == PROVISIONER
    assert len(gateway.query("SELECT * FROM v_events WHERE kind = 'issuer.reset' AND who = 'operator'")) == 1


def test_O1_a_reset_beside_the_running_server_and_then_delete(gateway, admin, prover, other):
    assert admin.put(other).status == 200
    assert gateway.run("issuer", "reset", "main")[0] == 0
    reply = admin.delete()
    assert reply.status == 200
    assert issuing(gateway, prover) == PROVISIONER and admin.issuer()["source"] == "file"


# ---- while the server stops ----


def test_a_change_while_the_server_stops_is_made_or_refused(gateway, admin, other):
    """By four at once, and each until the server is gone."""
    own, going = gateway.configuration["issuers"]["main"], threading.Event()

    def change_again_and_again():
        replies = []
        try:
            while True:
                replies += [admin.put(section).status for section in (other, own)]
                if 200 in replies:
                    going.set()
        except OSError:
            return replies

    clients = [Background(change_again_and_again) for _ in range(4)]
    assert going.wait(30)
    gateway.stop()
    statuses = {status for client in clients for status in client.end()}
    assert 200 in statuses and statuses <= {200, 409, 422, 503}


def test_a_stop_does_not_wait_for_a_ca_that_does_not_answer(gateway, admin, ca, other, tmp_path):
    with CaProxy(ca, tmp_path / "ca-proxy") as proxy:
        hang = Hang()
        proxy.replace["health"] = hang
        client = Background(lambda: admin.put({**other, "ca_url": proxy.url}))
        wait_until(lambda: proxy.sent("health"), "the preflight")
        began = time.monotonic()
        gateway.stop()
        assert time.monotonic() - began < 15
        client.end_anyhow()
        hang.let_go()


# ---- several gateways ----


@pytest.fixture
def pair(new_pair, ca):
    return new_pair(ca, form="JWK")


def issuing_at_the_other(client):
    return provisioner_of(client.issue([trusted_name()], prover=None)[0])


@pytest.mark.sqlite("its gateways are on PostgreSQL in any case")
def test_another_gateway_takes_each_change_over(pair, with_admin, other):
    admin = with_admin(pair.one)
    client = pair.start().client(pair.two)
    assert issuing_at_the_other(client) == PROVISIONER
    assert admin.put(other).status == 200
    wait_until(lambda: issuing_at_the_other(client) == OTHER, "the change at the other gateway", 60)
    assert admin.delete().status == 200
    wait_until(lambda: issuing_at_the_other(client) == PROVISIONER, "the file's section at the other gateway", 60)
    words = pair.two.process.output()
    assert words.count("issuer main: took over the change that another gateway has made") == 2
    assert "took over the change" not in pair.one.process.output()


@pytest.mark.sqlite("its gateways are on PostgreSQL in any case")
def test_another_gateway_that_cannot_take_a_change_over_tries_again(pair, with_admin, other, tmp_path):
    """The change is sealed with a key that the other gateway lacks at first."""
    admin, key = with_admin(pair.one), tmp_path / "other.key"
    pair.two.configuration["secret_key_path"] = str(key)
    client = pair.start().client(pair.two)
    assert admin.put(other).status == 200
    refusal = "issuer main: the change that another gateway has made is not taken over: "
    wait_until(lambda: refusal in pair.two.process.output(), "the other gateway to refuse the change", 60)
    assert issuing_at_the_other(client) == PROVISIONER
    key.write_bytes(pair.secret.read_bytes())
    wait_until(lambda: issuing_at_the_other(client) == OTHER, "the other gateway to try again", 120)
