# SPDX-License-Identifier: Apache-2.0
"""What RFC 8555 asks of good exchanges and no other file looks at: headers, methods, accounts, lists, replies that are polled."""

import concurrent.futures
import json
import ssl
import urllib.request

import pytest

from client_scenarios import fresh_name
from support.acme_client import AcmeClient, DnsProver, HttpProver, Refused
from support.certificates import der, names_of, new_csr, new_key, read_chain
from support.jose import b64, flattened, public_jwk


@pytest.fixture
def gateway(current_site):
    return current_site.gateway


@pytest.fixture
def client(gateway):
    return gateway.client()


def register(client, **payload):
    return client.post(client.directory["newAccount"], payload, with_jwk=True)


# ---- every exchange ----


@pytest.mark.check(1)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_https_only(gateway):
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(gateway.directory().replace("https:", "http:"), timeout=10)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(cafile=str(gateway.root_path))
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(gateway.directory(), timeout=10, context=old)


@pytest.mark.check(2, 6)
@pytest.mark.parametrize("method, status", [("HEAD", 200), ("GET", 204), ("POST", 200)])
def test_new_nonce(client, method, status):
    url = client.directory["newNonce"]
    reply = client.post(url) if method == "POST" else client.raw(method, url)
    assert (reply.status, reply.body) == (status, b"")
    assert reply.headers["Cache-Control"] == "no-store" and len(reply.headers["Replay-Nonce"]) > 20
    assert reply.headers.get_all("Link") == [f'<{client.directory["newNonce"].removesuffix("new-nonce")}directory>;rel="index"']


@pytest.mark.check(2, 3)
def test_every_reply_to_a_post_has_a_nonce_and_the_way_back(client):
    order = client.order([fresh_name()])
    authorization = order.json()["authorizations"][0]
    challenge = client.get(authorization)["challenges"][0]["url"]
    replies = [client.post(url) for url in (client.account, client.account + "/orders", order.location, authorization, challenge)]
    for reply in [order, *replies]:
        assert reply.headers["Replay-Nonce"] and any('rel="index"' in link for link in reply.headers.get_all("Link"))


@pytest.mark.check(6)
def test_the_directory_by_every_way(client, gateway):
    plain = client.raw("GET", gateway.directory())
    signed = client.post(gateway.directory())
    assert plain.status == signed.status == 200 and plain.json() == signed.json() == client.directory
    assert "Link" not in plain.headers
    for reply in (plain, signed, client.post(client.account, b"{")):
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        exposed = {one.strip() for one in reply.headers["Access-Control-Expose-Headers"].split(",")}
        assert exposed == {"Link", "Replay-Nonce", "Location", "Retry-After", "X-Request-Id"}


def test_load_balancers_ask_for_health(client, gateway):
    site = gateway.configuration["base_url"]
    reply = client.raw("GET", site + "/health")
    assert (reply.status, reply.json(), reply.headers["Cache-Control"]) == (200, {"status": "ok"}, "no-store")
    assert client.raw("POST", site + "/health", b"").status == 405
    assert client.raw("GET", site + "/acme/nowhere/health").status == 404
    ready = client.raw("GET", site + "/ready")
    assert ready.status == 200 and ready.json() == {"status": "ready", "database": "ok", "issuers": {"main": "healthy"}}
    assert client.raw("POST", site + "/ready", b"").status == 405


@pytest.mark.check(7)
def test_a_database_that_cannot_be_written(step_ca, new_gateway):
    gateway = new_gateway(step_ca).start()
    client = gateway.client()
    with gateway.store.locked():
        reply = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": fresh_name()}]})
        assert (reply.status, reply.problem) == (503, "serverInternal"), reply
        assert int(reply.headers["Retry-After"]) > 0 and reply.headers["Replay-Nonce"]
        assert "sqlite" not in reply.detail.lower() and "database" not in reply.detail.lower()
        assert client.get(client.account)["status"] == "valid"
        # Load balancers ask this one, and it tries again by itself.
        assert client.raw("GET", gateway.configuration["base_url"] + "/ready").status == 503
    assert client.raw("GET", gateway.configuration["base_url"] + "/ready").status == 200
    assert gateway.query("SELECT count(*) AS n FROM orders") == [{"n": 0}]
    assert client.order([fresh_name()]).status == 201


@pytest.mark.check(8)
def test_what_is_polled_says_when_to_come_again(client):
    order = client.order([fresh_name()])
    for reply in (order, client.post(order.location), client.post(order.json()["authorizations"][0])):
        assert 1 <= int(reply.headers["Retry-After"]) <= 60


@pytest.mark.check(9)
def test_an_unknown_host_is_not_believed(client, gateway):
    reply = client.raw("GET", gateway.directory(), headers={"Host": "evil.example"})
    assert reply.json() == client.directory
    reply = client.raw("POST", client.directory["newOrder"], "{}", {"Host": "evil.example", "Content-Type": "application/jose+json"})
    assert b"evil" not in reply.body and not any("evil" in value for value in reply.headers.values())


# ---- accounts ----


@pytest.mark.check(20)
def test_a_key_has_one_account_however_often_it_registers(gateway):
    key = new_key()
    clients = [AcmeClient(gateway.directory(), gateway.root_path, key) for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(register, clients))
    assert sorted(reply.status for reply in replies) == [200] * 7 + [201]
    assert len({reply.location for reply in replies}) == 1
    found = register(clients[0], onlyReturnExisting=True)
    assert (found.status, found.location) == (200, replies[0].location)


@pytest.mark.check(14)
def test_accounts_of_another_endpoint_are_unknown(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    gateway.configuration["endpoints"]["other"] = {"profiles": ["default"]}
    client, key = gateway.start().client(), new_key()
    foreign = client.account.replace("/acme/acme/", "/acme/other/")
    reply = client.post(foreign, b"", kid=foreign)
    assert (reply.status, reply.problem) == (400, "accountDoesNotExist")
    accounts = {gateway.client(key, endpoint).account.rsplit("/", 1)[1] for endpoint in ("acme", "other")}
    assert len(accounts) == 2


@pytest.mark.check(21)
def test_terms_of_service(step_ca, new_gateway):
    gateway = new_gateway(step_ca)
    gateway.configuration["endpoints"]["acme"]["terms_of_service"] = "https://e2e.internal/terms"
    client = AcmeClient(gateway.start().directory(), gateway.root_path)
    assert client.directory["meta"]["termsOfService"] == "https://e2e.internal/terms"
    refused = register(client)
    assert (refused.status, refused.problem) == (403, "userActionRequired")
    assert '<https://e2e.internal/terms>;rel="terms-of-service"' in refused.headers.get_all("Link")
    assert gateway.query("SELECT count(*) AS n FROM accounts") == [{"n": 0}]
    assert register(client, termsOfServiceAgreed=True).json()["termsOfServiceAgreed"] is True


@pytest.mark.check(22, 23)
def test_contacts_are_kept_and_changed(client):
    assert client.get(client.account).get("contact", []) == []
    for contacts in (["mailto:ops@e2e.internal"], ["mailto:a@e2e.internal", "mailto:b@e2e.internal"], []):
        assert client.post(client.account, {"contact": contacts, "color": "red"}).json()["contact"] == contacts
        assert client.post(client.account, {}).json()["contact"] == contacts
        assert client.get(client.account)["contact"] == contacts


@pytest.mark.check(24)
def test_the_orders_list_comes_in_pages(gateway, client):
    other = gateway.client()
    other.order([fresh_name()])
    made = [client.order([fresh_name()]).location for _ in range(120)]
    url, found, pages = client.get(client.account)["orders"], [], 0
    while url:
        reply = client.post(url)
        found += reply.json()["orders"]
        pages += 1
        after = [link for link in reply.headers.get_all("Link") if 'rel="next"' in link]
        url = after[0].split(">")[0].lstrip("<") if after else None
    assert pages >= 2 and len(found) == len(set(found)) and set(found) == set(made)
    assert client.get(other.account.replace(other.account, client.account) + "/orders")["orders"]


# ---- orders, authorizations, challenges ----


@pytest.mark.check(27)
def test_an_order_says_what_was_ordered(client):
    names = [fresh_name(), fresh_name().upper()]
    order = client.order(names)
    document = order.json()
    assert order.status == 201 and order.location and document["status"] == "pending"
    assert [one["value"] for one in document["identifiers"]] == [name.lower() for name in names]
    assert len(document["authorizations"]) == 2 and document["finalize"] and document["expires"]
    assert "certificate" not in document and client.get(order.location) == document


@pytest.mark.check(28)
@pytest.mark.parametrize("name", ["localhost", "a" * 63 + ".internal", "xn--bcher-kva.internal", "1.internal", "a-b.internal"])
def test_names_that_are_good(client, name):
    assert client.order([name]).json()["identifiers"] == [{"type": "dns", "value": name}]


@pytest.mark.check(29)
@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::1"])
def test_addresses_and_what_can_prove_them(client, address):
    order = client.order([address])
    authorization = client.get(order.json()["authorizations"][0])
    assert authorization["identifier"] == {"type": "ip", "value": address}
    assert [one["type"] for one in authorization["challenges"]] == ["http-01", "tls-alpn-01"]


@pytest.mark.check(34)
def test_a_wildcard(client, name_server):
    name = fresh_name()
    order = client.order([f"*.{name}"])
    authorization = client.get(order.json()["authorizations"][0])
    assert authorization["identifier"]["value"] == name and authorization["wildcard"] is True
    assert {one["type"] for one in authorization["challenges"]} == {"dns-01"}
    assert names_of(client.issue([f"*.{name}"], DnsProver(name_server))[0]) == [f"*.{name}"]


@pytest.mark.check(35)
def test_an_authorization_given_up(client, prover):
    order = client.ready_order([fresh_name()], prover)
    url = order.json()["authorizations"][0]
    assert client.get(url)["expires"]
    given_up = client.post(url, {"status": "deactivated"})
    assert given_up.json()["status"] == "deactivated" and "expires" not in given_up.json()
    assert client.post(url, {"status": "deactivated"}).json()["status"] == "deactivated"
    reply = client.finalize(order, [one["value"] for one in order.json()["identifiers"]])
    assert (reply.status, reply.problem) == (403, "orderNotReady")
    lost = client.get(order.location)
    assert lost["status"] == "invalid" and "deactivated" in lost["error"]["detail"]


@pytest.mark.check(35)
@pytest.mark.parametrize("lifetime, reused", [("0s", False), ("1h", True), ("48h", True)])
def test_proofs_are_used_again_where_the_endpoint_says_so(step_ca, new_gateway, responder, lifetime, reused):
    gateway = new_gateway(step_ca)
    gateway.configuration["endpoints"]["acme"]["authorization_lifetime"] = lifetime
    client, names = gateway.start().client(), [fresh_name()]
    first = client.ready_order(names, HttpProver(responder(gateway)))
    second = client.order(names)
    assert (second.json()["authorizations"] == first.json()["authorizations"]) == reused
    assert second.json()["status"] == ("ready" if reused else "pending")
    assert gateway.client().order(names).json()["status"] == "pending"


@pytest.mark.check(36)
def test_a_challenge_that_is_decided_is_shown_as_it_is(client, prover):
    order = client.ready_order([fresh_name()], prover)
    url = order.json()["authorizations"][0]
    (challenge,) = client.get(url)["challenges"]
    for payload in (b"", {}):
        reply = client.post(challenge["url"], payload)
        assert reply.json() == challenge and challenge["status"] == "valid" and challenge["validated"]
        assert f'<{url}>;rel="up"' in reply.headers.get_all("Link")


@pytest.mark.check(39)
def test_every_address_is_tried_v6_first(client, prover, name_server):
    name = fresh_name()
    name_server.set_a(name, "127.0.0.9", "127.0.0.1")  # nobody listens at the first
    name_server.set_aaaa(name, "::1")  # nor there
    assert names_of(client.issue([name], prover)[0]) == [name]


@pytest.mark.check(42)
@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "fe80::1", "ff02::1"])
def test_addresses_that_nothing_connects_to(client, name_server, address):
    name = fresh_name()
    (name_server.set_aaaa if ":" in address else name_server.set_a)(name, address)
    order = client.order([name])
    url = order.json()["authorizations"][0]
    client.post(client.challenge(client.get(url), "http-01")["url"], {})
    error = client.challenge(client.wait_while(url, "pending"), "http-01")["error"]
    assert f"the address {address} (" in error["detail"] and "which validations may not dial" in error["detail"], error


# ---- finalize and the certificate ----


@pytest.mark.check(43)
def test_finalize_at_the_same_time_signs_once(gateway, client, prover):
    name = fresh_name()
    order = client.ready_order([name], prover)
    csr = b64(der(new_csr(new_key(), [name])))
    clients = [AcmeClient(gateway.directory(), gateway.root_path, client.key) for _ in range(6)]
    for one in clients:
        one.account = client.account
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda one: one.post(order.json()["finalize"], {"csr": csr}), clients))
    assert {reply.status for reply in replies} == {200}
    assert {reply.location for reply in replies} == {order.location}
    client.certificate(order.location)
    rows = gateway.query("SELECT count(*) AS n FROM attempts WHERE order_id = ?", order.location.rsplit("/", 1)[1])
    assert rows == [{"n": 1}]
    again = client.post(order.json()["finalize"], {"csr": csr})
    assert again.status == 200 and again.json()["status"] == "valid"


@pytest.mark.check(46)
@pytest.mark.parametrize("accept", [None, "application/pem-certificate-chain", "application/pkix-cert", "*/*"])
def test_the_certificate(current_site, client, prover, accept):
    name = fresh_name()
    order = client.ready_order([name], prover)
    client.finalize(order, [name])
    client.certificate(order.location)
    url = client.get(order.location)["certificate"]
    body = json.dumps(flattened(client.key, client.protected(url), b""))
    reply = client.raw("POST", url, body, {"Content-Type": "application/jose+json", **({"Accept": accept} if accept else {})})
    assert (reply.status, reply.headers.get_content_type()) == (200, "application/pem-certificate-chain")
    chain = read_chain(reply.body)
    assert names_of(chain[0]) == [name] and current_site.ca.root.certificate not in chain
    for issued, issuer in zip(chain, chain[1:], strict=False):
        assert issued.issuer == issuer.subject


@pytest.mark.check(14)
def test_a_lost_database_has_clients_register_again(step_ca, new_gateway):
    gateway = new_gateway(step_ca).start()
    client = gateway.client()
    with pytest.raises(Refused) as refused:
        client.account += "7"
        client.order([fresh_name()])
    assert refused.value.reply.problem == "accountDoesNotExist"
    assert public_jwk(client.register().key) == public_jwk(client.key) and client.order([fresh_name()]).status == 201
