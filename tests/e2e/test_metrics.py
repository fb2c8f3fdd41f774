# SPDX-License-Identifier: Apache-2.0
"""GET /metrics: each counter moves by what happened, gauges tell what is, and the documentation has them all."""

import datetime
import json
import time

import pytest

from client_scenarios import fresh_name
from support.acme_client import AcmeClient, HttpProver
from support.admin import Admin
from support.background import Background
from support.ca_faults import WRONG, answer, forged
from support.gateway import run_command, stepca_issuer
from support.metrics import documented, in_rules, moved, scrape, wait_for, wait_for_moved
from support.stepca_api import StepCaApiClient
from support.ports import free_port
from support.provisioner_keys import ProvisionerKey
from support.status import TEMPLATE
from support.step_ca import PROVISIONER, StepCA
from support.tools import acmegate
from test_own_certificate import served

RESPONDER = "acmegate-ocsp"
ROUTE = "/acme/{endpoint}"

# A new account, and an order of one name for which the account has proved its control.
READY = {
    ("accounts_created_total", "acme"): 1,
    ("orders_created_total", "default"): 1,
    ("validations_total", "valid", "http-01"): 1,
    ("validation_duration_seconds_count", "http-01"): 1,
}
ISSUED = {
    ("orders_finalized_total", "default"): 1,
    ("orders_valid_total", "default"): 1,
    ("certificates_issued_total", "acme", "default"): 1,
    ("ca_attempts_total", "main", "signed"): 1,
}


@pytest.fixture
def gateway(new_gateway, step_ca, ca_proxy):
    return new_gateway(step_ca, url=ca_proxy.url)


def end_of(certificate):
    return certificate.not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp()


def calls(one, kind, issuer="main"):
    return one("acmegate_ca_call_duration_seconds_count", issuer=issuer, kind=kind)


# ---- the format ----


def test_every_metric_is_documented_and_every_documented_one_is_there(admin):
    names = scrape(admin).names()
    told = documented()
    assert len(names) == len(set(names)) and len(told) == len(set(told))
    assert set(names) == set(told)
    assert in_rules() and in_rules() <= set(told)


def test_counters_and_histograms_are_whole(admin, gateway, prover):
    gateway.client().issue([fresh_name()], prover)
    one = scrape(admin)
    histograms = [family for family in one.families if family.type == "histogram"]
    assert len(histograms) == 5
    for family in histograms:
        series = {}
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if name != "le"}
            kind = sample.name.removeprefix(family.name)
            series.setdefault(tuple(sorted(labels.items())), {}).setdefault(kind, []).append(
                (sample.labels.get("le"), sample.value)
            )
        for labels, parts in series.items():
            bounds = [float(bound) for bound, _ in parts["_bucket"]]
            counts = [count for _, count in parts["_bucket"]]
            assert bounds == sorted(bounds) and bounds[-1] == float("inf"), (family.name, labels)
            assert counts == sorted(counts) and counts[-1] == parts["_count"][0][1]
            assert (parts["_sum"][0][1] > 0) == (counts[-1] > 0)
    for family in one.families:
        assert family.documentation and (family.type != "counter" or all(s.value >= 0 for s in family.samples))


def test_labels_hold_no_name_account_or_address(admin, gateway, prover):
    name = fresh_name()
    client = gateway.client()
    client.issue([name], prover)
    text = scrape(admin).text
    assert name not in text and client.account not in text and "127.0.0.1" not in text


def test_over_tcp_it_takes_the_token(gateway, tmp_path, step_ca):
    port, token = free_port(), "a token of the tests, long enough"
    (tmp_path / "token").write_text(token)
    (tmp_path / "token").chmod(0o600)
    gateway.configuration["admin"] = {"listen": [f"127.0.0.1:{port}"], "token_file": str(tmp_path / "token")}
    gateway.configuration["gateway_id"] = name = 'the "left" \\ one, {ä="1"}'
    gateway.start()
    assert Admin.on_tcp(port, step_ca.root_path).raw("GET", "/metrics").status == 401
    version = json.loads(run_command(acmegate(), "version", "--json")[1])["version"]
    one = scrape(Admin.on_tcp(port, step_ca.root_path, token))
    assert one("acmegate_build_info", version=version, gateway=name) == 1
    assert one("acmegate_gateways_serving") == 1


@pytest.mark.sqlite("its gateways are on PostgreSQL in any case")
def test_gateways_count_each_other(new_pair, admin_socket):
    pair = new_pair()
    sockets = {gateway: admin_socket.with_name(gateway.name) for gateway in pair.both}
    for gateway, socket in sockets.items():
        gateway.configuration["admin"] = {"socket": str(socket)}
    pair.start()

    def wait_for_count(gateway, n):
        counted = Admin.on_socket(sockets[gateway])
        wait_for(counted, lambda one: one("acmegate_gateways_serving") == n, f"{gateway.name} to count {n}")

    def listed():
        rows = [json.loads(line) for line in pair.two.run("gateway", "list", "--json")[1].splitlines()]
        return {row["name"]: row["state"] for row in rows}

    for gateway in pair.both:
        wait_for_count(gateway, 2)
    assert listed() == {"one": "serving", "two": "serving"}
    pair.one.stop()
    wait_for_count(pair.two, 1)
    assert listed() == {"one": "gone", "two": "serving"}


def test_only_get(admin):
    assert admin.raw("POST", "/metrics").status == 405
    assert admin.raw("GET", "/metrics/").status == 404


# ---- what clients do ----


def test_an_issuance_counts_each_step_once(admin, gateway, prover):
    before = scrape(admin)
    gateway.client().issue([fresh_name(), fresh_name()], prover)
    validated = {("validations_total", "valid", "http-01"): 2, ("validation_duration_seconds_count", "http-01"): 2}
    after = wait_for_moved(admin, before, READY | ISSUED | validated)
    assert calls(after, "sign") - calls(before, "sign") == 1
    route = {"route": f"{ROUTE}/new-order"}
    assert after("acmegate_http_requests_total", code="2xx", **route) == 1
    assert after("acmegate_http_request_duration_seconds_count", **route) == 1
    assert after("acmegate_http_requests_total", code="2xx", route=f"{ROUTE}/challenge/{{id}}/{{type}}") == 2
    batches = after("acmegate_committer_batch_operations_count")
    assert 4 <= batches - before("acmegate_committer_batch_operations_count") <= 20
    assert after("acmegate_committer_commit_duration_seconds_count") == batches
    assert after("acmegate_committer_failed_batches_total") == 0


def test_what_the_ca_refuses(admin, gateway, prover, ca_proxy):
    before = scrape(admin)
    client, names = gateway.client(), [fresh_name()]
    order = client.ready_order(names, prover)
    ca_proxy.replace["sign"] = answer(403, message="The request was forbidden by the certificate authority: no.")
    assert client.finalize(order, names).json()["status"] == "invalid"
    expected = READY | {
        ("orders_finalized_total", "default"): 1,
        ("orders_invalid_total", client.get(order.location)["error"]["type"].rsplit(":", 1)[1]): 1,
        ("ca_attempts_total", "main", "refused"): 1,
    }
    wait_for_moved(admin, before, expected)


def test_a_certificate_that_does_not_fit_and_its_revocation(admin, gateway, prover, ca_proxy, step_ca):
    before = scrape(admin)
    client, names = gateway.client(), [fresh_name()]
    order = client.ready_order(names, prover)
    ca_proxy.rewrite["sign"] = forged(step_ca, [], **WRONG["other names"])
    client.finalize(order, names)
    expected = READY | {
        ("orders_finalized_total", "default"): 1,
        ("orders_invalid_total", "serverInternal"): 1,
        ("certificates_rejected_total", "acme", "default"): 1,
        ("ca_attempts_total", "main", "rejected"): 1,
        ("revocations_requested_total", "main"): 1,
        ("revocations_confirmed_total", "main"): 1,
    }
    wait_for_moved(admin, before, expected, seconds=60)


def test_a_revocation(admin, gateway, prover):
    # The CA's list may have certificates of other tests.
    before = wait_for(admin, lambda one: one("acmegate_crl_entries", issuer="main") is not None, "the CA's first list")
    client = gateway.client()
    certificate = client.issue([fresh_name()], prover)[0]
    assert client.revoke(certificate, 1).status == 200
    assert client.revoke(certificate, 1).problem == "alreadyRevoked"
    expected = READY | ISSUED | {
        ("revocations_requested_total", "main"): 1,
        ("revocations_confirmed_total", "main"): 1,
        ("problems_total", "alreadyRevoked"): 1,
    }  # fmt: skip
    after = wait_for_moved(admin, before, expected)
    assert calls(after, "revoke") - calls(before, "revoke") == 1
    assert after("acmegate_revocations_waiting", issuer="main") == 0
    entries = before("acmegate_crl_entries", issuer="main")
    with_it = wait_for(admin, lambda one: one("acmegate_crl_entries", issuer="main") > entries, "the CA's list")
    now = time.time()
    assert with_it("acmegate_crl_this_update_timestamp_seconds", issuer="main") <= now + 60
    assert with_it("acmegate_crl_next_update_timestamp_seconds", issuer="main") > now


def test_a_validation_that_fails(gateway, with_admin):
    gateway.configuration["validation"]["retry_for"] = "5s"  # a first try takes a busy machine more than one
    admin = with_admin(gateway)
    gateway.start()
    client = gateway.client()
    order = client.order([fresh_name()])
    before = scrape(admin)
    # Nobody listens at http-01's port: that may pass, and is retried until retry_for is over.
    assert [one["status"] for one in client.prove(order.json(), _Nothing())] == ["invalid"]
    tries, retries = ("validation_duration_seconds_count", "http-01"), ("validations_total", "retried", "http-01")

    def but_for_retries(changed):
        retried = changed.get(retries, 0)
        return changed | {retries: min(retried, 1), tries: changed.get(tries, 0) - retried}

    expected = {
        ("validations_total", "invalid", "http-01"): 1,
        ("orders_invalid_total", "connection"): 1,
        retries: 1,
        tries: 1,
    }
    after = wait_for_moved(admin, before, expected, but_for_retries)
    assert after("acmegate_validations_waiting") == 0


class _Nothing:
    kind = "http-01"

    def prepare(self, *_):
        pass


def test_a_validation_under_way_is_waiting(admin, gateway, responder):
    server = responder(gateway)
    server.hold()
    client = gateway.client()
    order = client.order([fresh_name()]).json()
    asking = Background(client.answer, order["authorizations"][0], HttpProver(server))
    wait_for(admin, lambda one: one("acmegate_validations_waiting") == 1, "the validation")
    server.release()
    asking.end()
    wait_for(admin, lambda one: one("acmegate_validations_waiting") == 0, "its end")


def test_what_is_refused_at_the_door(admin, gateway):
    client = gateway.client()
    before = scrape(admin)
    assert client.post(client.directory["newOrder"], {}, nonce="AAAA").problem == "badNonce"
    assert client.post(client.directory["newOrder"], {}).problem == "malformed"
    assert client.raw("GET", f"https://localhost:{gateway.port}/nowhere").status == 404
    after = scrape(admin)
    assert moved(before, after) == {
        ("nonces_refused_total",): 1,
        ("problems_total", "badNonce"): 1,
        ("problems_total", "malformed"): 2,
    }
    assert after.since(before)[("http_requests_total", "4xx", "(none)")] == 1
    assert after.since(before)[("http_requests_total", "4xx", f"{ROUTE}/new-order")] == 2


def test_deactivating_an_authorization_ends_its_orders(admin, gateway):
    client = gateway.client()
    order = client.order([fresh_name()]).json()
    before = scrape(admin)
    assert client.post(order["authorizations"][0], {"status": "deactivated"}).status == 200
    assert moved(before, scrape(admin)) == {("orders_invalid_total", "unauthorized"): 1}


@pytest.mark.parametrize("limit", ["orders_per_account", "orders_per_name", "accounts_per_address"])
def test_each_limit_counts_its_own_refusals(gateway, with_admin, limit):
    gateway.configuration["limits"][limit] = "1/1h"
    admin = with_admin(gateway)
    gateway.start()
    client, names = gateway.client(), [{"type": "dns", "value": fresh_name()}]
    before = scrape(admin)
    if limit == "accounts_per_address":
        late = AcmeClient(gateway.directory(), gateway.root_path)
        statuses = [late.post(late.directory["newAccount"], {}, with_jwk=True).status for _ in range(2)]
    else:
        assert client.post(client.directory["newOrder"], {"identifiers": names}).status == 201
        statuses = [client.post(client.directory["newOrder"], {"identifiers": names}).status for _ in range(2)]
    assert statuses == [429, 429]
    changed = moved(before, scrape(admin))
    changed.pop(("orders_created_total", "default"), None)
    assert changed == {("rate_limited_total", limit): 2, ("problems_total", "rateLimited"): 2}


def test_step_cas_own_api(gateway, with_admin, step_ca):
    gateway.configuration["stepca_api"] = {"profile": "default"}
    admin = with_admin(gateway)
    gateway.start()
    native = StepCaApiClient(gateway, step_ca)
    before = scrape(admin)
    assert native.sign([fresh_name()]).status == 201
    after = scrape(admin)
    assert moved(before, after) == {
        ("certificates_issued_total", "external", "default"): 1,
        ("stepca_api_calls_total", "answered"): 1,
        ("native_calls_total", "answered"): 1,
    }
    assert calls(after, "stepca_api") == 1
    assert after("acmegate_http_requests_total", route="/1.0/sign", code="2xx") == 1


def test_routes_that_are_not_served_are_not_shown(admin):
    assert "/1.0/sign" not in scrape(admin).text


# ---- the CA is away ----


def test_while_the_ca_is_down(new_gateway, with_admin, new_step_ca, responder):
    ca = new_step_ca()
    gateway = new_gateway(ca)
    # The reply does not wait for what cannot come.
    gateway.configuration["finalize"] = {"hold_reply": "1s"}
    admin = with_admin(gateway)
    gateway.start()
    prover = HttpProver(responder(gateway))
    client, names = gateway.client(), [fresh_name()]
    certificate = client.issue([fresh_name()], prover)[0]
    orders = [client.ready_order(names, prover) for _ in range(3)]

    def state(one):
        older = {"healthy": "well", "degraded": "recovering", "down": "closed"}
        (at,) = [s for s in older if one("acmegate_ca_state", issuer="main", state=s) == 1]
        assert sum(one("acmegate_ca_state", issuer="main", state=s) for s in older) == 1
        assert one("acmegate_ca_circuit", issuer="main", state=older[at]) == 1
        return at

    well = scrape(admin)
    assert state(well) == "healthy" and well("acmegate_ca_up", issuer="main") == 1
    assert well("acmegate_ca_failing_since_timestamp_seconds", issuer="main") == 0
    assert well("acmegate_ca_last_success_timestamp_seconds", issuer="main") == pytest.approx(time.time(), abs=60)
    assert well("acmegate_orders_waiting", issuer="main") == 0
    ca.stop()
    began = time.time()
    for order in orders:
        client.finalize(order, names)
    assert client.revoke(certificate).status == 503
    down = wait_for(
        admin,
        lambda one: one("acmegate_orders_waiting", issuer="main") == 3
        and state(one) == "down"
        and one("acmegate_orders_oldest_waiting_seconds", issuer="main") >= 1
        and one("acmegate_ca_attempts_total", issuer="main", outcome="failed") >= 1,
        "three orders that wait",
    )
    assert down("acmegate_ca_failing_since_timestamp_seconds", issuer="main") == pytest.approx(began, abs=30)
    assert down("acmegate_ca_last_failure_timestamp_seconds", issuer="main") >= int(began)
    assert down("acmegate_revocations_waiting", issuer="main") == 1
    assert down("acmegate_ca_attempts_total", issuer="main", outcome="signed") == 1
    assert down("acmegate_orders_oldest_waiting_seconds", issuer="main") <= time.time() - began + 1
    ca.start()
    back = wait_for(
        admin,
        lambda one: one("acmegate_orders_valid_total", profile="default") == 4
        and one("acmegate_revocations_confirmed_total", issuer="main") == 1
        and one("acmegate_revocations_waiting", issuer="main") == 0
        and one("acmegate_orders_waiting", issuer="main") == 0,
        "everything to be made up for",
        60,
    )
    assert back("acmegate_orders_oldest_waiting_seconds", issuer="main") == 0
    assert back("acmegate_ca_failing_since_timestamp_seconds", issuer="main") == 0


def test_an_answer_that_was_lost_is_a_possible_orphan(admin, gateway, prover, ca_proxy):
    before = scrape(admin)
    client, names = gateway.client(), [fresh_name()]
    order = client.ready_order(names, prover)
    hold = ca_proxy.hold_answer("sign")
    finalizing = Background(client.finalize, order, names)
    hold.wait()
    assert scrape(admin)("acmegate_ca_calls_running", issuer="main") == 1
    hold.drop()
    finalizing.end()
    client.certificate(order.location)
    after = wait_for_moved(admin, before, READY | ISSUED | {("ca_attempts_total", "main", "unknown"): 1})
    assert after("acmegate_ca_attempts_unknown", issuer="main") == 1
    assert after("acmegate_ca_calls_running", issuer="main") == 0


# ---- what ends ----


def test_what_ends_and_when(new_gateway, with_admin, new_step_ca, tmp_path):
    keys = {PROVISIONER: ProvisionerKey(), RESPONDER: ProvisionerKey()}
    ca = new_step_ca(provisioner_keys=keys, templates={RESPONDER: TEMPLATE})
    gateway = new_gateway(ca)
    second = stepca_issuer(ca, tmp_path / "ocsp", "JWK", RESPONDER)
    gateway.configuration["issuers"]["main"]["ocsp"] = {
        name: second[name] for name in ("provisioner_name", "provisioner_key_path")
    }
    admin = with_admin(gateway)
    gateway.start()
    responder_end = "acmegate_ocsp_responder_not_after_timestamp_seconds"
    one = wait_for(admin, lambda now: now(responder_end, issuer="main"), "an OCSP responder")
    end = {part: one("acmegate_own_certificate_not_after_timestamp_seconds", part=part) for part in ("leaf", "roots")}
    own = served(gateway, ca.root_path)
    assert end["leaf"] == end_of(own)
    root_end = end_of(ca.root.certificate)
    assert end["roots"] == root_end == one("acmegate_issuer_root_not_after_timestamp_seconds", issuer="main")
    chain_end = end_of(ca.issuing.certificate)
    assert one("acmegate_issuer_chain_not_after_timestamp_seconds", issuer="main") == chain_end
    assert one("acmegate_own_certificate_not_after_timestamp_seconds", part="intermediates") == chain_end
    assert time.time() < one(responder_end, issuer="main") < time.time() + 25 * 3600
    # The responder's own provisioner is its issuer's CA.
    assert calls(one, "sign") >= 2
    assert one("acmegate_issuer_objects") == 2


# ---- issuers come and go ----


def test_a_replaced_issuer_is_freed_and_its_counters_go_on(new_gateway, with_admin, responder, tmp_path):
    other_name = "other"
    keys = {PROVISIONER: ProvisionerKey(), other_name: ProvisionerKey()}
    ca = StepCA(tmp_path / "two-provisioners", provisioner_keys=keys).start()
    try:
        gateway = new_gateway(ca, form="JWK")
        admin = with_admin(gateway)
        gateway.start()
        prover = HttpProver(responder(gateway))
        gateway.client().issue([fresh_name()], prover)
        assert scrape(admin)("acmegate_issuer_objects") == 1
        other = stepca_issuer(ca, tmp_path / "next", "JWK", other_name)
        own = gateway.configuration["issuers"]["main"]
        for section in (other, own, other):
            assert admin.put(section).status == 200
        gateway.client().issue([fresh_name()], prover)

        def freed(one):
            signed = one("acmegate_ca_attempts_total", issuer="main", outcome="signed")
            return one("acmegate_issuer_objects") == 1 and signed == 2

        assert calls(wait_for(admin, freed, "the replaced issuers to be freed"), "sign") >= 2
        assert admin.delete().status == 200
        wait_for(admin, freed, "the replaced issuer to be freed")
        gateway.stop()
    finally:
        ca.stop()


def test_a_replaced_issuer_lives_while_it_has_work(admin, gateway, prover, ca_proxy, step_ca, tmp_path):
    client, names = gateway.client(), [fresh_name()]
    order = client.ready_order(names, prover)
    hold = ca_proxy.hold_request("sign")
    finalizing = Background(client.finalize, order, names)
    hold.wait()
    assert admin.put({**gateway.configuration["issuers"]["main"], "request_timeout": "20s"}).status == 200
    assert scrape(admin)("acmegate_issuer_objects") == 2
    hold.let_go()
    assert finalizing.end().status == 200
    wait_for(admin, lambda one: one("acmegate_issuer_objects") == 1, "the replaced issuer to be freed")


# ---- the process ----


def test_the_process(admin, gateway):
    began = time.time()
    gateway.client()
    one = scrape(admin)
    assert one("process_start_time_seconds") == pytest.approx(began, abs=60)
    assert 0 < one("process_resident_memory_bytes") < one("process_virtual_memory_bytes")
    assert one("process_cpu_seconds_total") > 0
    assert 10 < one("process_open_fds") < one("process_max_fds")
    assert one("acmegate_http_connections_limit") > 0
    assert one("acmegate_http_connections", listener="admin") == 1
    assert one("acmegate_http_connections", listener="pki") is None
    assert scrape(admin)("process_cpu_seconds_total") >= one("process_cpu_seconds_total")


@pytest.mark.sqlite("PostgreSQL's files are not the gateway's to measure")
def test_the_sizes_of_the_databases_files(admin, gateway):
    gateway.client()
    # The server writes now and then between a look and the other.
    for file, path in (("database", gateway.database), ("wal", gateway.database.with_name(gateway.database.name + "-wal"))):
        wait_for(admin, lambda now: now("acmegate_database_size_bytes", file=file) == path.stat().st_size > 0, file)
