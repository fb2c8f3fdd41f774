# SPDX-License-Identifier: Apache-2.0
"""What comes and goes through step-ca's own API at the gateway, exchange by exchange: what is refused before the CA is
asked, what a CA that misbehaves comes to, and what is written of it."""

import datetime
import json
import threading
import time

import pytest

from client_scenarios import fresh_name
from cryptography import x509
from support.acme_client import HttpProver
from support.background import Background
from support.ca_faults import answer
from support.ca_proxy import CaProxy
from support.certificates import Authority, lifetime, names_of, new_key, pem
from support.gateway import Gateway, stepca_issuer
from support.stepca_api import StepCaApiClient, chain_of
from support.waiting import wait_until

ALLOWED = "*.e2e.internal"


class Site:
    """A gateway in front of the CA, behind a proxy, and a client. `mark` is the newest row of before the test."""

    def __init__(self, gateway, ca, proxy):
        self.gateway = gateway
        self.native = StepCaApiClient(gateway, ca)
        self.proxy = proxy
        self.mark = 0

    def reset(self):
        self.proxy.exchanges.clear()
        self.proxy.replace.clear()
        (row,) = self.gateway.query("SELECT coalesce(max(id), 0) AS id FROM events")
        self.mark = row["id"]
        return self

    def passed_on(self):
        """What the CA was asked, but for what the gateway reads for itself."""
        own = ("/1.0/provisioners?limit=100", "/1.0/intermediates", "/1.0/roots")
        return [one.path for one in self.proxy.exchanges if one.path not in own]

    def certificates(self, condition="1 = 1"):
        return self.gateway.query(f"SELECT * FROM certificates WHERE id > ? AND {condition} ORDER BY id", self.mark)

    def events(self, kind):
        return self.gateway.query("SELECT * FROM events WHERE id > ? AND kind = ? ORDER BY id", self.mark, kind)


def start(folder, ca, proxy, name_server=None, max_concurrent=16, **profile):
    issuer = stepca_issuer(ca, folder, url=proxy.url)
    issuer.update(max_concurrent=max_concurrent, request_timeout="20s")
    gateway = Gateway(folder, issuer, ca.root_path, name_server)
    gateway.configuration["profiles"]["default"].update(names={"allow": [ALLOWED]}, **profile)
    gateway.configuration["stepca_api"] = {"profile": "default"}
    gateway.start()
    wait_until(lambda: proxy.sent("roots"), "the gateway to have read what it needs")
    return Site(gateway, ca, proxy)


@pytest.fixture(scope="module")
def module_site(tmp_path_factory, step_ca):
    folder = tmp_path_factory.mktemp("native")
    with CaProxy(step_ca, folder / "ca-proxy") as proxy:
        site = start(folder / "gateway", step_ca, proxy)
        yield site
        site.gateway.stop()


@pytest.fixture
def site(module_site):
    return module_site.reset()


@pytest.fixture
def native(site):
    return site.native


@pytest.fixture
def new_site(tmp_path, step_ca, ca_proxy, name_server):
    """Makes one of its own: new_site(max_concurrent=1), new_site(key_types=…)."""
    made = []

    def make(**members):
        made.append(start(tmp_path / "gateway", step_ca, ca_proxy, name_server, **members))
        return made[-1].reset()

    yield make
    for site in made:
        site.gateway.stop()


def is_refusal(reply, status):
    """step-ca's form, and nothing of ACME's."""
    assert reply.status == status, reply
    assert reply.headers.get_content_type() == "application/json" and reply.headers["Replay-Nonce"] is None
    document = reply.json()
    assert sorted(document) == ["message", "status"] and document["status"] == status
    return document["message"]


# ---- refused before the CA is asked ----


def sign_cases():
    name, outside = "a.e2e.internal", "a.example"
    return {
        "name in the token only": (403, f"{outside} is not allowed", {"token": {"sans": [name, outside]}}),
        "name in the CSR only": (403, f"{outside} is not allowed", {"csr_names": [name, outside]}),
        "common name of the CSR": (403, f"{outside} is not allowed", {"common_name": outside}),
        "subject of the token": (403, f"{outside} is not allowed", {"subject": outside}),
        "token without sans": (403, f"{outside} is not allowed", {"subject": outside, "token": {"sans": None}}),
        "address": (403, "10.0.0.1 is not allowed", {"token": {"sans": [name, "10.0.0.1"]}}),
        "e-mail address": (403, "only DNS names", {"token": {"sans": [name, "ops@e2e.internal"]}}),
        "URI": (403, "only DNS names", {"token": {"sans": [name, "spiffe://e2e.internal/x"]}}),
        "too long a life": (403, "24h at most", {"notAfter": "24h1m"}),
        "too late an end": (403, "24h at most", {"notAfter": "2099-01-01T00:00:00Z"}),
        "an end in the past": (403, "in the past", {"notAfter": "2020-01-01T00:00:00Z"}),
        "a beginning far ahead": (403, "too far ahead", {"notBefore": "48h", "notAfter": "49h"}),
        "no duration": (400, "RFC 3339", {"notAfter": "tomorrow"}),
        "a number for a time": (400, "must be text", {"notAfter": 3600}),
        "templateData": (403, "templateData is not passed on", {"templateData": {"sans": [outside]}}),
        "templateData of another type": (403, "templateData is not passed on", {"templateData": "x"}),
        "no token": (400, "missing ott", {"ott": ""}),
        "garbage for a token": (401, "cannot be read", {"ott": "x.y.z"}),
        "flattened token": (401, "cannot be read", {"ott": '{"payload":"e30"}'}),
        "no CSR": (400, "missing csr", {"csr": None}),
        "garbage for a CSR": (400, "missing csr", {"csr": "AAAA"}),
        "certificate for a CSR": (400, "missing csr", {"csr": "-----BEGIN CERTIFICATE-----\nMAE=\n-----END CERTIFICATE-----\n"}),
        "broken CSR": (400, "not one DER-encoded", {"csr": "-----BEGIN CERTIFICATE REQUEST-----\nMAE=\n-----END CERTIFICATE REQUEST-----\n"}),
    }


@pytest.mark.parametrize("case", sign_cases())
def test_a_request_that_the_profile_refuses_never_reaches_the_ca(site, case):
    native = site.native
    status, words, members = sign_cases()[case]
    members = {name: value for name, value in members.items() if value is not None}
    body = native.sign_body(["a.e2e.internal"], **members)
    if case == "no CSR":
        del body["csr"]
    for path in ("/sign", "/1.0/sign"):
        assert words in is_refusal(native.call("POST", path, body), status)
    assert site.proxy.sent("sign") == []
    assert site.certificates() == [] and site.events("sign.issued") == []


@pytest.mark.parametrize("ahead", ["duration", "time"])
def test_a_certificate_may_begin_when_the_client_says(site, ahead):
    begin = datetime.datetime.utcnow().replace(microsecond=0) + datetime.timedelta(hours=2)
    words = "2h" if ahead == "duration" else f"{begin.isoformat()}Z"
    leaf = chain_of(site.native.sign([fresh_name()], notBefore=words, notAfter="20h"))[0]
    assert abs(leaf.not_valid_before - begin) < datetime.timedelta(minutes=2)
    (row,) = site.certificates()
    assert row["status"] == "good" and site.events("certificate.rejected") == []


def test_bodies_that_are_none(site):
    native = site.native
    body = json.dumps(native.sign_body([fresh_name()]))
    for text in ("", "{", "[]", "null", "\0", body + body, body.replace('"ott"', '"csr": "", "ott"')):
        assert "not a JSON object" in is_refusal(native.call("POST", "/1.0/sign", text.encode()), 400), text
    assert "65536" in is_refusal(native.call("POST", "/1.0/sign", body[:-1].encode() + b" " * 70_000 + b"}"), 413)
    assert site.proxy.sent("sign") == []


def test_a_key_that_the_profile_does_not_take(new_site):
    site = new_site(key_types=["P-384"])
    native = site.native
    assert "of type P-256; profile default accepts P-384" in is_refusal(native.sign([fresh_name()]), 403)
    assert site.proxy.sent("sign") == []
    assert names_of(chain_of(native.sign([fresh_name()], key=new_key("P-384")))[0])


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/1.0/sign", 405),
        ("POST", "/1.0/roots", 405),
        ("PUT", "/renew", 405),
        ("GET", "/1.0/root/..", 400),
        ("GET", "/provisioners/a%2/encrypted-key", 400),
        ("GET", "/provisioners/%00/encrypted-key", 400),
        ("GET", "/1.0/provisioners?cursor=%0d%0aHost:x", 400),
    ],
)
def test_what_is_refused_in_step_cas_form(site, method, path, status):
    native = site.native
    is_refusal(native.call(method, path), status)
    assert site.passed_on() == []


@pytest.mark.parametrize(
    "path",
    ["/1.0", "/1.0/", "/1.0/ssh/sign", "/1.0/admin/provisioners", "/1.0/1.0/sign", "/1.0/sign/", "/1.0/acme/acme/directory", "/federation", "/1.0/crl", "//sign", "/root/"],
)
def test_what_is_not_passed_on_is_not_there(site, path):
    native = site.native
    for method in ("GET", "POST"):
        reply = native.call(method, path)
        assert (reply.status, reply.problem) == (404, "malformed"), reply
    assert site.passed_on() == []


# ---- what passes, and how ----


def test_what_everybody_may_read(site, step_ca):
    native = site.native
    key = step_ca.keys["acmegate"]
    for prefix in ("", "/1.0"):
        assert native.call("GET", f"{prefix}/health").json() == {"status": "ok"}
        assert native.call("GET", f"{prefix}/version").json()["version"]
        assert native.call("GET", f"{prefix}/roots").json()["crts"] == [pem(step_ca.root.certificate).decode()]
        assert native.call("GET", f"{prefix}/root/{step_ca.fingerprint}").json()["ca"] == pem(step_ca.root.certificate).decode()
        assert "use another provisioner" in is_refusal(native.call("GET", f"{prefix}/provisioners/{key.key_id}/encrypted-key"), 404)
        listed = native.call("GET", f"{prefix}/provisioners?limit=1&cursor=&other=1").json()
        assert [one["name"] for one in listed["provisioners"]] == ["acmegate"]
    assert site.proxy.sent("provisioners")[-1].path == "/1.0/provisioners?limit=1"
    assert site.proxy.sent("health") == []
    assert is_refusal(native.call("GET", "/1.0/root/" + "0" * 64), 404)


def test_only_what_was_read_goes_to_the_ca(site):
    native = site.native
    headers = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Forwarded-For": "10.0.0.1", "User-Agent": "evil/1"}
    body = native.sign_body([fresh_name()], other={"a": 1}, notAfter="1h", templateData={})
    assert native.call("POST", "/sign", body, headers).status == 201
    (sent,) = site.proxy.sent("sign")
    assert sent.json() == {"csr": body["csr"], "ott": body["ott"], "notAfter": "1h"}
    for name in ("Authorization", "Cookie", "X-Forwarded-For"):
        assert sent.headers[name] is None
    assert sent.headers["User-Agent"].startswith("acmegate/")


def test_the_cas_refusals_pass_with_status_and_words(site):
    native = site.native
    name = fresh_name()
    body = native.sign_body([name])
    assert native.call("POST", "/1.0/sign", body).status == 201
    assert is_refusal(native.call("POST", "/1.0/sign", body), 401), "a token that was used"
    hour_ago = int(time.time()) - 3600
    assert is_refusal(native.sign([name], token={"nbf": hour_ago - 300, "iat": hour_ago - 300, "exp": hour_ago}), 401)
    assert is_refusal(native.sign([name], token={"aud": "https://elsewhere.internal/1.0/sign"}), 401)
    assert site.events("sign.refused") == [], "anybody can have these"
    other = fresh_name()
    assert "does not contain" in is_refusal(native.sign([name], csr_names=[other]), 403)
    (event,) = site.events("sign.refused")
    assert "profile default, provisioner acmegate: " in event["detail"] and "does not contain" in event["detail"]
    assert len(site.certificates()) == 1


def test_the_reply_is_step_cas_and_in_the_database_before_it(site):
    native = site.native
    replies = []
    thread = threading.Thread(target=lambda: replies.append(native.sign([fresh_name()])))
    with site.gateway.store.locked():
        thread.start()
        thread.join(8)
        assert thread.is_alive() and not replies, "it was told before it was on disk"
    thread.join(30)
    (reply,) = replies
    chain = chain_of(reply)
    assert reply.json()["crt"].encode() == pem(chain[0]) and reply.json()["ca"].encode() == pem(chain[1])
    assert "tlsOptions" in reply.json()
    (row,) = site.certificates()
    assert (row["serial"], row["origin"]) == (f"{chain[0].serial_number:x}", "external")


def test_a_default_over_the_cap_is_lowered_even_where_the_list_does_not_tell(new_step_ca, new_gateway, tmp_path):
    """Claims of the whole authority are not in the list: an end is asked for, so that no certificate is lost."""
    ca = new_step_ca(claims={"defaultTLSCertDuration": "48h", "maxTLSCertDuration": "48h"})
    with CaProxy(ca, tmp_path / "proxy") as proxy:

        def without_claims(exchange):
            document = json.loads(exchange.answer)
            for provisioner in document["provisioners"]:
                provisioner["claims"] = {}
            exchange.answer = json.dumps(document).encode()

        proxy.rewrite["provisioners"] = without_claims
        gateway = new_gateway(ca, url=proxy.url)
        gateway.configuration["stepca_api"] = {"profile": "default"}
        gateway.start()
        native = StepCaApiClient(gateway, ca)
        assert lifetime(chain_of(native.sign([fresh_name()]))[0]) <= datetime.timedelta(hours=24, minutes=1)
        assert proxy.sent("sign")[-1].json()["notAfter"] == "24h"


# ---- a CA that misbehaves ----


def signs(ca, names=None, key=None, **members):
    """For `replace`: another certificate than was asked for."""

    def fill(exchange):
        request = x509.load_pem_x509_csr(exchange.json()["csr"].encode())
        public_key = key.public_key() if key else request.public_key()
        leaf = ca.issue(public_key, names or names_of(request), **members)
        document = {"certChain": [pem(one).decode() for one in (leaf, ca.certificate)]}
        exchange.status, exchange.answer = 201, json.dumps(document).encode()

    return fill


def wrong_certificates(ca):
    return {
        "other names": (signs(ca.issuing, ["a.example"]), "a.example is not allowed"),
        "more names": (signs(ca.issuing, ["a.e2e.internal", "a.example"]), "a.example is not allowed"),
        "another key": (signs(ca.issuing, key=new_key()), "public key is not that of the CSR"),
        "too long a life": (signs(ca.issuing, valid_for=datetime.timedelta(days=3)), "later than"),
        "another root": (signs(Authority("stranger")), "does not chain to a pinned root"),
    }


@pytest.mark.parametrize("case", ["other names", "more names", "another key", "too long a life", "another root"])
def test_a_certificate_that_does_not_fit_is_not_handed_out(site, step_ca, case):
    native = site.native
    site.proxy.replace["sign"], words = wrong_certificates(step_ca)[case]
    reply = native.sign(["a.e2e.internal"])
    assert words in is_refusal(reply, 502) and b"BEGIN CERTIFICATE" not in reply.body
    (row,) = site.certificates()
    assert (row["status"], row["origin"], row["revocation_requested_by"]) == ("rejected", "external", "gateway")
    (event,) = site.events("certificate.rejected")
    assert words in row["rejected_because"] and words in event["detail"] and event["certificate_id"] == row["id"]
    assert event["cause"] == "certificate-misfit"
    if case != "another root":  # whose serial numbers are nothing to this CA
        wait_until(lambda: site.certificates("revoked_at IS NOT NULL"), "its revocation")


def test_a_certificate_that_was_issued_before_is_no_answer(site):
    native = site.native
    name, key = fresh_name(), new_key()
    assert native.sign([name], key=key).status == 201
    first = site.proxy.sent("sign")[0]

    def again(exchange):
        exchange.status, exchange.answer = 201, first.answer

    site.proxy.replace["sign"] = again
    assert "issued before" in is_refusal(native.sign([name], key=key), 502)
    assert len(site.certificates()) == 1 and len(site.certificates("status = 'good'")) == 1


def bytes_answer(status, body):
    def fill(exchange):
        exchange.status, exchange.answer = status, body

    return fill


GARBAGE = {
    "empty": b"",
    "a page": b"<html>hello</html>",
    "no chain": b"{}",
    "an empty chain": b'{"certChain":[]}',
    "no certificate": b'{"certChain":["x"]}',
    "S1 a number over a double": b'{"certChain":[],"tlsOptions":{"maxVersion":1e999}}',
    "a broken certificate": b'{"certChain":["-----BEGIN CERTIFICATE-----\\nMAA=\\n-----END CERTIFICATE-----\\n"]}',
    "too much": b'{"certChain":[' + b" " * 1_100_000 + b"]}",
}


@pytest.mark.parametrize("what", GARBAGE)
def test_success_that_is_garbage_may_be_an_orphan(site, what):
    native = site.native
    site.proxy.replace["sign"] = bytes_answer(201, GARBAGE[what])
    is_refusal(native.sign([fresh_name()]), 504 if what == "too much" else 502)
    (event,) = site.events("sign.unknown")
    assert event["detail"].startswith("profile default, provisioner acmegate: ")
    assert site.certificates() == []


def test_S1_the_cas_numbers_never_end_the_server(site, step_ca):
    """A good certificate beside TLS options that are read and written again."""
    for number, status in (("1e999", 502), ("1e308", 201)):

        def fill(exchange):
            signs(step_ca.issuing)(exchange)
            document = {**json.loads(exchange.answer), "tlsOptions": {"maxVersion": "HERE"}}
            exchange.answer = json.dumps(document).replace('"HERE"', number).encode()

        site.proxy.replace["sign"] = fill
        reply = site.native.sign([fresh_name()])
        assert reply.status == status, reply
    assert reply.json()["tlsOptions"] == {"maxVersion": 1e308}


@pytest.mark.parametrize("status, told", [(302, 502), (202, 502), (429, 429), (500, 500), (503, 503), (404, 404)])
def test_what_else_a_ca_may_answer(site, status, told):
    native = site.native
    site.proxy.replace["sign"] = answer(status, message="words of the CA")
    words = is_refusal(native.sign([fresh_name()]), told)
    assert ("words of the CA" in words) == (told == status)
    site.proxy.replace["roots"] = answer(status, message="words of the CA")
    is_refusal(native.call("GET", "/roots"), told)
    assert site.certificates() == []


def test_a_ca_that_is_away(new_gateway, step_ca):
    gateway = new_gateway(step_ca)
    gateway.configuration["stepca_api"] = {"profile": "default"}
    gateway.start()
    gateway.stop()
    gateway.configuration["issuers"]["main"]["ca_url"] = "https://localhost:1"
    gateway.start()
    native = StepCaApiClient(gateway, step_ca)
    for reply in (native.sign([fresh_name()]), native.call("GET", "/roots"), native.revoke(1)):
        words = is_refusal(reply, 502)
        assert "cannot be reached" in words and "localhost" not in words
    assert gateway.query("SELECT * FROM events WHERE kind LIKE 'sign.%'") == []


def test_S10_reads_while_the_ca_is_away_do_not_fill_the_log(new_gateway, step_ca):
    gateway = new_gateway(step_ca)
    gateway.configuration["stepca_api"] = {"profile": "default"}
    gateway.start()
    gateway.stop()
    gateway.configuration["issuers"]["main"]["ca_url"] = "https://localhost:1"
    gateway.start()
    native = StepCaApiClient(gateway, step_ca)
    for _ in range(30):
        is_refusal(native.call("GET", "/roots"), 502)
    gateway.stop()
    lines = [line for line in gateway.process.output().splitlines() if "asked for 127.0.0.1" in line]
    assert 1 <= len(lines) <= 3, lines


# ---- renewal by token ----


def issue(native, name=None, **members):
    name, key = name or fresh_name(), new_key()
    return key, chain_of(native.sign([name], key=key, **members))


def test_a_certificate_renews_by_token(site):
    native = site.native
    key, chain = issue(native)
    for path in ("/renew", "/1.0/renew"):
        new = chain_of(native.renew(key, chain, path))[0]
        assert new.serial_number != chain[0].serial_number and names_of(new) == names_of(chain[0])
        assert lifetime(new) == lifetime(chain[0])
    sent = site.proxy.sent("renew")[0]
    assert sent.path == "/1.0/renew" and sent.headers["Authorization"].startswith("Bearer ey")
    assert len(site.certificates("origin = 'external'")) == 3
    assert [event["detail"] for event in site.events("sign.renewed")] == [
        f"profile default, replaces certificate {chain[0].serial_number:x}"
    ] * 2


def test_the_cas_refusals_to_renew_pass(native):
    key, chain = issue(native)
    token = native.renewal_token(key, chain)
    headers = {"Authorization": f"Bearer {token}"}
    assert native.call("POST", "/renew", headers=headers).status == 201
    assert is_refusal(native.call("POST", "/renew", headers=headers), 401), "a token that was used"
    assert is_refusal(native.renew(key, chain, exp=int(time.time()) - 3600), 401)


def test_what_is_not_renewed_here(site, step_ca):
    native = site.native
    key, chain = issue(native)
    stranger = Authority("stranger")

    def own(names, ca=step_ca.issuing, **members):
        return [ca.issue(key.public_key(), names, **members), ca.certificate]

    good = names_of(chain[0])
    for status, words, headers in (
        (400, "--mtls=false", {}),
        (400, "--mtls=false", {"Authorization": "Basic eDp5"}),
        (400, "--mtls=false", {"Authorization": "Bearer"}),
        (400, "--mtls=false", {"Authorization": "Bearer "}),
        (401, "cannot be read", {"Authorization": "Bearer x.y.z"}),
        (401, "cannot be read", {"Authorization": f"Bearer {native.renewal_token(key, chain)}.x"}),
        (403, "a.example is not allowed", own(["a.example"])),
        (403, "does not chain to a pinned root", own(good, stranger)),
        (403, "lives 720h", [step_ca.issuing.certificate]),
        (403, "lives 48h", own(good, valid_for=datetime.timedelta(hours=48))),
    ):
        if isinstance(headers, list):
            headers = {"Authorization": f"Bearer {native.renewal_token(key, headers)}"}
        assert words in is_refusal(native.call("POST", "/1.0/renew", headers=headers), status)
    assert "with the CA's own URL" in is_refusal(native.call("POST", "/1.0/rekey", {}), 400)
    assert site.proxy.sent("renew") == [] and site.proxy.sent("rekey") == []


@pytest.mark.parametrize("case", ["names", "key", "life"])
def test_a_renewed_certificate_is_checked_as_well(site, step_ca, case):
    native = site.native
    key, chain = issue(native)
    names = ["a.example"] if case == "names" else names_of(chain[0])
    public_key = (new_key() if case == "key" else key).public_key()
    valid_for = datetime.timedelta(days=3 if case == "life" else 0, hours=1)

    def other(exchange):
        leaf = step_ca.issuing.issue(public_key, names, valid_for)
        document = {"certChain": [pem(one).decode() for one in (leaf, step_ca.issuing.certificate)]}
        exchange.status, exchange.answer = 201, json.dumps(document).encode()

    site.proxy.replace["renew"] = other
    assert "does not fit" in is_refusal(native.renew(key, chain), 502)
    assert len(site.certificates("status = 'rejected'")) == 1 and site.events("sign.renewed") == []


# ---- revocation ----


def test_revocations_pass_as_they_were_meant(site, step_ca):
    native = site.native
    _, chain = issue(native)
    serial = chain[0].serial_number
    assert "not implemented" in is_refusal(native.revoke(serial, passive=False), 501)
    assert len(site.certificates("status = 'good'")) == 1
    reply = native.revoke(serial, "/revoke", serial=f"0x{serial:x}", reasonCode=1, reason="lost")
    assert (reply.status, reply.json()) == (200, {"status": "ok"})
    sent = site.proxy.sent("revoke")[-1].json()
    assert (sent["serial"], sent["reasonCode"], sent["reason"], sent["passive"]) == (str(serial), 1, "lost", True)
    (row,) = site.certificates()
    assert (row["status"], row["revocation_reason"]) == ("revoked", 1)
    assert row["revocation_requested_by"] == "token of provisioner acmegate"
    assert step_ca.revoked()[serial] == "keyCompromise"


def test_what_the_ca_had_as_revoked_already_is_so_here_too(site, step_ca):
    native = site.native
    _, chain = issue(native)
    step_ca.revoke_directly(chain[0], 4)
    assert "is already revoked" in is_refusal(native.revoke(chain[0].serial_number, reasonCode=1), 400)
    (row,) = site.certificates()
    assert (row["status"], row["revocation_reason"]) == ("revoked", 0)
    (event,) = site.events("certificate.revoked")
    assert event["detail"].startswith("the CA had already revoked it")


def test_a_serial_number_that_is_not_in_the_inventory(site, step_ca):
    native = site.native
    leaf = step_ca.sign_directly(new_key(), fresh_name())
    assert native.revoke(leaf.serial_number).status == 200
    (event,) = site.events("certificate.revoked")
    assert f"serial {leaf.serial_number:x} is not in the inventory" in event["detail"] and event["certificate_id"] is None


def test_P1_revocations_that_are_refused_here(site):
    native = site.native
    for status, words, members in (
        (400, "the serial number alone", {"ott": None}),
        (400, "the serial number alone", {"ott": ""}),
        (401, "cannot be read", {"ott": "x"}),
        (400, "missing serial", {"serial": "017"}),
        (400, "missing serial", {"serial": 1}),
        (400, "longer than 20 octets", {"serial": "0x" + "f" * 42}),
        (400, "out of bounds", {"reasonCode": 11}),
        (400, "certificateHold", {"reasonCode": 6}),
        (400, "reason 7 is unknown", {"reasonCode": 7}),
        (400, "removeFromCRL", {"reasonCode": 8}),
    ):
        assert words in is_refusal(native.revoke(1, **members), status)
    assert site.proxy.sent("revoke") == []


def test_a_revocation_that_the_ca_refuses_changes_nothing(site):
    native = site.native
    _, chain = issue(native)
    serial = chain[0].serial_number
    assert is_refusal(native.revoke(serial, ott=native.ca.token("sign", str(serial))), 401)
    assert len(site.certificates("status = 'good'")) == 1 and site.events("certificate.revoked") == []


# ---- bounds ----


def test_native_requests_do_not_stand_in_the_way_of_orders(new_site, responder):
    site = new_site(max_concurrent=1)
    native = site.native
    hold = site.proxy.hold_request("sign")
    replies = []
    waiting = [threading.Thread(target=lambda: replies.append(native.sign([fresh_name()]))) for _ in range(3)]
    for thread in waiting:
        thread.start()
    hold.wait()
    name = fresh_name()
    assert names_of(site.gateway.client().issue([name], HttpProver(responder(site.gateway)))[0]) == [name]
    assert replies == []
    hold.let_go()
    for thread in waiting:
        thread.join(30)
    assert [reply.status for reply in replies] == [201] * 3


def test_more_than_can_wait_is_told_to_come_again(new_site):
    site = new_site(max_concurrent=1)
    native = site.native
    hold = site.proxy.hold_request("roots")
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(native.call("GET", "/roots"))) for _ in range(80)]
    for thread in threads:
        thread.start()
    hold.wait()
    wait_until(lambda: len(replies) == 15, "those for whom there is no room")
    hold.let_go()
    for thread in threads:
        thread.join(30)
    assert sorted(reply.status for reply in replies) == [201] * 65 + [503] * 15
    busy = next(reply for reply in replies if reply.status == 503)
    assert int(busy.headers["Retry-After"]) > 0 and "was not asked" in is_refusal(busy, 503)


# ---- the end ----


def test_a_stop_answers_those_whom_the_ca_does_not(new_site):
    site = new_site()
    hold = site.proxy.hold_answer("sign")
    client = Background(lambda: site.native.sign([fresh_name()]))
    hold.wait()
    site.gateway.stop()
    assert "may have carried out the request" in is_refusal(client.end(), 504)
    hold.let_go()
    (event,) = site.events("sign.unknown")
    assert "answer was lost" in event["detail"] and "acmegate stops" in site.gateway.process.output()
