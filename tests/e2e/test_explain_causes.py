# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is: each cause is brought about, and `acmegate explain` must give the very sentence of docs/troubleshooting.md.

A case does something with the world (support/odd_world.py) and returns the word that `explain` is asked with: the name of the
order, or the cause that a problem document names."""

import datetime
import email.utils
import re
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from client_scenarios import fresh_name
from support import ca_faults, tools
from support import odd_name_server as dns
from support.acme_client import AcmeClient, Refused
from support.ca_faults import answer, text
from support.certificates import Authority, der, new_csr, new_key, renewal_identifier
from support.eab import add_key, binding
from support.stepca_api import StepCaApiClient
from support.odd_name_server import Answer, Silence, alias
from support.odd_world import DENIED, FAILING, OddWorld, Prepared, answers, own_key_csr
from support.tls_responder import TlsProver, TlsResponder
from support.waiting import wait_until

FORBIDDEN = "The request was forbidden by the certificate authority: "
PAGE = tools.ROOT / "docs/troubleshooting.md"
ROW = re.compile(r"^\| `([a-z-]+)` \| .* \| ([^|]+) \| ([^|]+) \|$", re.M)
SENTENCES = {cause: (turn, step) for cause, turn, step in ROW.findall(PAGE.read_text())}
CASES = {}


def case(cause):
    """Registers how a cause is brought about."""

    def register(bring_about):
        assert cause not in CASES and cause in SENTENCES, cause
        CASES[cause] = bring_about
        return bring_about

    return register


def problem_of(reply):
    """The word for what leaves no order: the cause that the problem document names."""
    assert reply.status >= 400, reply
    return reply.json()["cause"]


def refused_order(client, names, **members):
    with pytest.raises(Refused) as refused:
        client.order(names, **members)
    return refused.value.reply


# ---- requests and accounts ----


@case("request-malformed")
def _(world):
    client = world.gateway.client()
    return problem_of(client.post(client.directory["newOrder"], {"identifiers": []}))


@case("nonce-used")
def _(world):
    client = world.gateway.client()
    return problem_of(client.post(client.directory["newOrder"], {}, nonce="AAAA"))


@case("signature-algorithm-refused")
def _(world):
    client = world.gateway.client()
    return problem_of(client.post(client.directory["newOrder"], {}, alg="ES999"))


@case("not-permitted")
def _(world):
    return problem_of(world.gateway.client(endpoint="trusting").revoke(world.issued()[1]))


@case("rate-limited")
def _(world):
    client, name = world.gateway.client(), fresh_name()
    for _ in range(2):
        client.order([name])
    assert refused_order(client, [name]).status == 429
    return name


@case("account-key-refused")
def _(world):
    key = rsa.generate_private_key(65537, 1024)
    client = AcmeClient(world.gateway.directory(), world.gateway.root_path, key)
    return problem_of(client.post(client.directory["newAccount"], {}, with_jwk=True))


@case("account-unknown")
def _(world):
    client = world.gateway.client()
    base, number = client.account.rsplit("/", 1)
    older_than_any = f"{base}/{int(number) // 2}"
    return problem_of(client.post(client.directory["newOrder"], {}, kid=older_than_any))


@case("account-ended")
def _(world):
    client = world.gateway.client()
    assert client.post(client.account, {"status": "deactivated"}).status == 200
    return problem_of(client.post(client.directory["newOrder"], {}))


@case("contact-refused")
def _(world):
    client = world.gateway.client()
    return problem_of(client.post(client.account, {"contact": ["tel:+49"]}))


def with_binding(world, *options, endpoint="keys", spoil=lambda kid, key: (kid, key)):
    """(client, what newAccount says, kid): an account with an external account key."""
    kid, mac_key = add_key(world.gateway, *options, endpoint=endpoint)
    client = AcmeClient(world.gateway.directory(endpoint), world.gateway.root_path)
    bound = binding(client, *spoil(kid, mac_key))
    reply = client.post(client.directory["newAccount"], {"externalAccountBinding": bound}, with_jwk=True)
    client.account = reply.location
    return client, reply, kid


@case("eab-required")
def _(world):
    client = AcmeClient(world.gateway.directory("keys"), world.gateway.root_path)
    return problem_of(client.post(client.directory["newAccount"], {}, with_jwk=True))


@case("eab-key-unknown")
def _(world):
    return problem_of(with_binding(world, spoil=lambda kid, key: ("nobody", key))[1])


@case("eab-signature-wrong")
def _(world):
    return problem_of(with_binding(world, spoil=lambda kid, key: (kid, b"x" * 32))[1])


@case("eab-key-expired")
def _(world):
    kid, mac_key = add_key(world.gateway, "--expires", "1s", endpoint="keys")
    client = AcmeClient(world.gateway.directory("keys"), world.gateway.root_path)

    def refused():
        reply = client.post(
            client.directory["newAccount"], {"externalAccountBinding": binding(client, kid, mac_key)}, with_jwk=True
        )
        client.key = new_key()
        return reply.status == 403 and reply

    return problem_of(wait_until(refused, "the key's end"))


@case("eab-key-used-up")
def _(world):
    kid, mac_key = add_key(world.gateway, "--uses", "1", endpoint="keys")
    for _ in range(2):
        client = AcmeClient(world.gateway.directory("keys"), world.gateway.root_path)
        bound = {"externalAccountBinding": binding(client, kid, mac_key)}
        reply = client.post(client.directory["newAccount"], bound, with_jwk=True)
    return problem_of(reply)


@case("eab-key-revoked")
def _(world):
    client, _, kid = with_binding(world)
    status, _, words = world.gateway.run("eab", "revoke", "keys", kid)
    assert status == 0, words
    name = fresh_name()
    refused_order(client, [name])
    return name


@case("eab-name-refused")
def _(world):
    client, name = with_binding(world, "--allow", "other.test")[0], fresh_name()
    refused_order(client, [name])
    return name


@case("eab-profile-refused")
def _(world):
    client, name = with_binding(world, "--profiles", "p384")[0], fresh_name()
    refused_order(client, [name])
    return name


@case("keyless-refused")
def _(world):
    name = fresh_name()
    refused_order(world.gateway.client(endpoint="guests"), [name])
    return name


# ---- orders and authorizations ----


@case("name-refused")
def _(world):
    name = fresh_name()
    refused_order(world.gateway.client(endpoint="denying"), [f"other.{name}", name])
    return name


@case("identifier-unsupported")
def _(world):
    client = world.gateway.client()
    identifiers = [{"type": "email", "value": "a@example.org"}]
    return problem_of(client.post(client.directory["newOrder"], {"identifiers": identifiers}))


@case("no-challenge-fits")
def _(world):
    name = f"*.{fresh_name()}"
    refused_order(world.gateway.client(endpoint="web"), [name])
    return name


@case("profile-unknown")
def _(world):
    return problem_of(refused_order(world.gateway.client(), [fresh_name()], profile="nosuch"))


@case("validity-refused")
def _(world):
    name = fresh_name()
    refused_order(world.gateway.client(), [name], notAfter="2020-01-01T00:00:00Z")
    return name


@case("already-replaced")
def _(world):
    client, certificate, name = world.issued()
    replaces = renewal_identifier(certificate)
    order = client.order([name], replaces=replaces)
    client.finalize(order, [name])
    client.certificate(order.location)
    return problem_of(refused_order(client, [name], replaces=replaces))


@case("order-not-ready")
def _(world):
    client, name = world.gateway.client(), fresh_name()
    return problem_of(client.finalize(client.order([name]), [name]))


@case("order-expired")
def _(world):
    name = fresh_name()
    world.gateway.client().order([name])
    world.age("orders", "expires_at", name)
    return name


@case("authorization-deactivated")
def _(world):
    client, name = world.gateway.client(), fresh_name()
    (url,) = client.order([name]).json()["authorizations"]
    assert client.post(url, {"status": "deactivated"}).status == 200
    return name


@case("authorization-lapsed")
def _(world):
    client, order, name = world.ready()
    world.age("authorizations", "expires_at", name)
    assert client.finalize(order, [name]).status == 403
    return name


@case("waiting-for-challenge")
def _(world):
    name = fresh_name()
    world.gateway.client().order([name])
    return name


@case("waiting-for-finalize")
def _(world):
    return world.ready()[2]


# ---- CSRs ----


@case("csr-malformed")
def _(world):
    return world.finalized_with(lambda client, name: b"no CSR")


@case("csr-names-differ")
def _(world):
    return world.finalized_with(lambda client, name: der(new_csr(new_key(), [f"other.{name}"])))


@case("csr-key-refused")
def _(world):
    key = rsa.generate_private_key(65537, 1024)
    return world.finalized_with(lambda client, name: der(new_csr(key, [name])))


@case("csr-key-type-refused")
def _(world):
    return world.finalized_with(own_key_csr("P-256"), profile="p384")


@case("csr-key-is-account-key")
def _(world):
    return world.finalized_with(lambda client, name: der(new_csr(client.key, [name])))


@case("csr-signature-refused")
def _(world):
    def unsigned(_client, name):
        whole = der(new_csr(new_key(), [name]))
        return whole[:-1] + bytes([whole[-1] ^ 1])

    return world.finalized_with(unsigned)


# ---- validation: name servers ----


def by_dns(said):
    """dns-01, with this answer to the TXT query."""

    def bring_about(world):
        def prepare(_client, name, _token):
            owner = f"_acme-challenge.{name}"
            world.names.says[owner, dns.TXT] = said(owner)

        return world.challenged(Prepared("dns-01", prepare))

    return bring_about


REFERRAL = dns.record("test", 2, dns.name("ns.test"))
case("name-server-failed")(by_dns(lambda owner: Answer(rcode=dns.SERVFAIL)))
case("name-server-refused")(by_dns(lambda owner: Answer(rcode=dns.REFUSED)))
case("name-server-silent")(by_dns(lambda owner: Silence()))
case("name-server-not-recursive")(by_dns(lambda owner: Answer(recurses=False, referral=[REFERRAL])))
case("name-server-malformed")(by_dns(lambda owner: Answer(dns.text(owner, "x"), cut=3)))
case("no-txt-record")(by_dns(lambda owner: Answer(rcode=dns.NXDOMAIN)))
case("no-txt-record-behind-alias")(by_dns(lambda owner: Answer(alias(owner, "elsewhere.test"))))
case("wrong-txt-record")(by_dns(lambda owner: Answer(dns.text(owner, "nonsense"))))


@case("no-address")
def _(world):
    return world.challenged(Prepared("http-01"))


@case("no-address-behind-alias")
def _(world):
    name = fresh_name()
    for kind in (dns.A, dns.AAAA):
        world.names.says[name, kind] = Answer(alias(name, "elsewhere.test"))
    return world.challenged(Prepared("http-01"), name)


def careful(caa):
    """A proof by http-01 that is good, and this answer to the CAA query."""

    def bring_about(world):
        name = world.at(fresh_name())
        world.names.says[name, dns.CAA] = caa(name)

        def prepare(client, _name, token):
            world.web.says[name] = answers(200, client.key_authorization(token))

        return world.challenged(Prepared("http-01", prepare), name, "careful")

    return bring_about


case("caa-forbids")(careful(lambda name: Answer(dns.caa(name, "issue", "other.test"))))
case("caa-lookup-failed")(careful(lambda name: Answer(rcode=dns.SERVFAIL)))


# ---- validation: what answers at the name ----


@case("address-forbidden")
def _(world):
    return world.challenged(Prepared("http-01"), world.at(fresh_name(), "127.0.0.3"))


@case("connection-failed")
def _(world):
    return world.challenged(Prepared("http-01"), world.at(fresh_name(), "127.0.0.2"))


def by_web(handle):
    """http-01, with a web server that does this."""

    def bring_about(world):
        name = world.at(fresh_name())
        world.web.says[name] = handle(world)
        return world.challenged(Prepared("http-01"), name)

    return bring_about


case("connection-timed-out")(by_web(lambda world: lambda handler: world.web.go_on.wait(60)))
case("connection-broken")(by_web(lambda world: lambda handler: None))
case("http-wrong-status")(by_web(lambda world: answers(404)))
case("http-server-error")(by_web(lambda world: answers(500)))
case("http-wrong-content")(by_web(lambda world: answers(200, "<html>Welcome</html>")))
case("redirect-refused")(by_web(lambda world: answers(302, Location="http://elsewhere.test:1/")))
case("redirect-loop")(by_web(lambda world: lambda handler: answers(302, Location=handler.path)(handler)))


@case("validation-under-way")
def _(world):
    name = world.at(fresh_name())
    asked = world.web.hang(name)
    world.challenged(Prepared("http-01"), name)
    assert asked.wait(10)
    return name


def by_tls(alpn="acme-tls/1", **wrong):
    """tls-alpn-01, with a TLS server that does not fit."""

    def bring_about(world):
        name = world.at(fresh_name())
        with TlsResponder(world.gateway.tls_port, world.folder, alpn) as responder:
            prover = TlsProver(responder, **wrong) if wrong else Prepared("tls-alpn-01")
            world.challenged(prover, name)
            wait_until(lambda: "invalid since" in world.explain(name), "the end of the challenge")
        return name

    return bring_about


case("tls-failed")(by_tls())
case("tls-alpn-not-agreed")(by_tls(None, extension=True))
case("tls-alpn-wrong-certificate")(by_tls(extension=False))


# ---- the CA ----


case("ca-policy")(lambda world: world.finalized(name=f"a.{DENIED}"))
case("ca-template")(lambda world: world.finalized(name=f"a.{FAILING}"))
case("ca-name-constraints")(lambda world: world.finalized("narrow"))
case("ca-provisioner-gone")(lambda world: world.finalized("stranger"))
case("ca-duration-refused")(lambda world: world.finalized("short"))


@case("ca-validity-refused")
def _(world):
    soon = datetime.datetime.utcnow() + datetime.timedelta(minutes=2)
    return world.finalized("timed", notAfter=soon.strftime("%Y-%m-%dT%H:%M:%SZ"))


PROXIED = {}


def by_proxy(cause, **faults):
    """Faults of the CA at /sign, each cause with an issuer and a proxy of its own."""
    PROXIED[cause] = faults

    def bring_about(world):
        proxy = world.proxies[cause]
        proxy.replace.update(faults.get("replace", {}))
        proxy.rewrite.update(faults.get("rewrite", {}))
        return world.finalized(cause)

    return case(cause)(bring_about)


def behind_by_an_hour(exchange):
    answer(401, message="no")(exchange)
    exchange.answer_headers = {"Date": email.utils.formatdate(time.time() - 3600, usegmt=True)}


by_proxy("ca-webhook", replace={"sign": answer(403, message=FORBIDDEN + "webhook server did not allow request.")})
by_proxy("ca-refused", replace={"sign": answer(403, message=FORBIDDEN + "the moon is in the wrong phase")})
by_proxy("ca-csr-refused", replace={"sign": answer(403, message=FORBIDDEN + "certificate request RSA key must be longer")})
by_proxy("ca-names-refused", replace={"sign": answer(403, message=FORBIDDEN + "does not contain the valid DNS names")})
by_proxy("ca-token-refused", replace={"sign": answer(401, message="The request lacked necessary authorization.")})
by_proxy("ca-clock-differs", replace={"sign": behind_by_an_hour})
by_proxy("ca-busy", replace={"sign": answer(503, message="try again")})
by_proxy("ca-failed", replace={"sign": answer(500, message="out to lunch")})
by_proxy("ca-not-found", replace={"sign": text(404, "404 page not found")})
by_proxy("ca-answer-lost", rewrite={"sign": ca_faults.cut_at(0)})
by_proxy("ca-answer-strange", replace={"sign": text(201, "<html>Welcome</html>")})
by_proxy("ca-too-slow", replace={"sign": answer(500, message="out to lunch")})
by_proxy("revocation-refused", replace={"revoke": answer(403, message="no")})
OTHERS = ("ca-unreachable", "ca-untrusted", "certificate-misfit", "certificate-of-before", "revocation-under-way")


@case("ca-unreachable")
def _(world):
    client, order, name = world.ready("ca-unreachable")
    world.proxies["ca-unreachable"].cut()  # and stays away, so that no later attempt gets a certificate
    client.finalize(order, [name])
    return name


@case("ca-untrusted")
def _(world):
    client, order, name = world.ready("ca-untrusted")
    proxy = world.proxies["ca-untrusted"]
    proxy.cut()
    proxy.identify(Authority("another root"))
    proxy.restore()
    client.finalize(order, [name])
    return name


@case("certificate-misfit")
def _(world):
    world.proxies["certificate-misfit"].rewrite["sign"] = ca_faults.forged(world.ca, [], stranger=True)
    return world.finalized("certificate-misfit")


@case("certificate-of-before")
def _(world):
    proxy, key = world.proxies["certificate-of-before"], new_key()
    client, order, name = world.ready("certificate-of-before")
    client.finalize(order, [name], key)
    client.certificate(order.location)
    given = proxy.sent("sign")[-1].answer
    proxy.rewrite["sign"] = lambda exchange: setattr(exchange, "answer", given)
    order = client.order([name], profile="certificate-of-before")
    client.finalize(order, [name], key)
    return name


# ---- certificates ----


@case("certificate-good")
def _(world):
    return world.issued()[2]


@case("certificate-expired")
def _(world):
    name = world.issued()[2]
    world.age("certificates", "not_after", name)
    return name


@case("certificate-revoked")
def _(world):
    client, certificate, name = world.issued()
    wait_until(lambda: client.revoke(certificate).status in (200, 400), "the revocation")
    return name


@case("already-revoked")
def _(world):
    client, certificate, _ = world.issued()
    return problem_of(wait_until(lambda: refusal(client.revoke(certificate), 400), "the revocation"))


def refusal(reply, status):
    return reply if reply.status == status else None


@case("revocation-reason-refused")
def _(world):
    client, certificate, _ = world.issued()
    return problem_of(client.revoke(certificate, 8))


@case("certificate-unknown")
def _(world):
    key = new_key()
    certificate = Authority("another root").issue(key.public_key(), [fresh_name()])
    return problem_of(world.gateway.client().revoke(certificate, key=key))


@case("ca-without-database")
def _(world):
    client, certificate, name = world.issued("bare")
    reply = client.revoke(certificate)
    assert reply.status == 503
    wait_until(lambda: client.revoke(certificate).json()["cause"] == "ca-without-database", "the CA's answer")
    return name


@case("revocation-under-way")
def _(world):
    client, certificate, name = world.issued("revocation-under-way")
    world.holds.append(world.proxies["revocation-under-way"].hold_request("revoke"))
    assert client.revoke(certificate).status == 503
    return name


def revoke_refused(world):
    proxy = world.proxies["revocation-refused"]
    proxy.replace.update(PROXIED["revocation-refused"]["replace"])
    client, certificate, name = world.issued("revocation-refused")
    assert client.revoke(certificate).status == 503
    return name


CASES["revocation-refused"] = revoke_refused


# ---- the tests ----


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with OddWorld(tmp_path_factory.mktemp("odd"), [*PROXIED, *OTHERS]) as made:
        yield made


def told(cause):
    turn, step = SENTENCES[cause]
    return f"What to do next\n  cause     {cause}\n  turn      {turn}\n  next      {step}\n"


@pytest.mark.parametrize("cause", CASES)
def test_explain_says_whose_turn_it_is(world, cause):
    word = CASES[cause](world)
    try:
        wait_until(lambda: told(cause) in world.explain(word), cause, 40)
    except TimeoutError:
        assert told(cause) in world.explain(word)


def test_there_are_enough_of_them():
    assert len(CASES) >= 40


def test_native_sign_is_explained_as_well(world):
    """Through step-ca's own API no order is made: the refusal has the names."""
    name = f"b.{DENIED}"
    reply = StepCaApiClient(world.gateway, world.ca).sign([name])
    assert reply.status == 403 and told("ca-policy") in world.explain(name)


def test_what_is_not_known_needs_no_sql(world):
    status, _, words = world.gateway.run("explain", "never.e2e.internal")
    assert status == 1 and "no order of 'never.e2e.internal'" in words and "sqlite3" not in words
