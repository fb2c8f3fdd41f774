# SPDX-License-Identifier: Apache-2.0
"""A CA that misbehaves: what each kind means for the order, its attempts and events, the client and the issuer. The same
table for people is in docs/step-ca.md."""

import dataclasses
import re

import pytest

from client_scenarios import fresh_name
from support import ca_faults
from support.acme_client import Refused
from support.background import Background
from support.ca_faults import answer, clock_off, cut_at, text
from support.certificates import Authority, names_of, new_key
from support.jose import compact_claims
from support.metrics import scrape, wait_for_moved
from support.waiting import wait_until

NO_AUTHORIZATION = "The request lacked necessary authorization to be completed."
FORBIDDEN = "The request was forbidden by the certificate authority: "
NAME_NOT_ALLOWED = 'dns name "www.e2e.internal" not allowed'
RESET = "failure|reset|empty reply|bytes remaining|unexpected|closed"
TRUNCATED = "-----BEGIN CERTIFICATE-----\nMIIB\n"


@dataclasses.dataclass
class Case:
    """`misbehave(proxy, ca, made)` begins it. What is expected: the attempt's outcome and words (a pattern), the events after
    order.finalized, the order's problem (None: it waits, and is signed when the CA works again), whether the issuer is
    held to be failing, what its log says, and whether what it signed is revoked at the CA."""

    misbehave: object
    attempt: str
    words: str
    events: tuple
    problem: str = None
    failing: bool = True
    log: str = "issuer main fails: "
    revoked: bool = True


def replace(fault):
    return lambda proxy, ca, made: proxy.replace.update(sign=fault)


def rewrite(fault):
    return lambda proxy, ca, made: proxy.rewrite.update(sign=fault)


def forge(kind):
    return lambda proxy, ca, made: proxy.rewrite.update(sign=ca_faults.forged(ca, made, **ca_faults.WRONG[kind]))


def go_down(proxy, ca, made):
    proxy.cut()


def show_another_root(proxy, ca, made):
    proxy.cut()
    proxy.identify(Authority("another root"))
    proxy.restore()


def refused(status, message, problem):
    events = ("order.invalid",)
    return Case(replace(answer(status, message=message)), "refused", message, events, problem, False)


def waits(misbehave, words, **members):
    return Case(misbehave, "failed", words, ("attempt.failed",), **members)


def lost(misbehave, words):
    """The CA may have signed."""
    return Case(misbehave, "unknown", words, ("attempt.unknown",))


def wrong(kind, words, **members):
    events = ("certificate.rejected", "order.invalid")
    return Case(forge(kind), "rejected", words, events, "serverInternal", False, **members)


CASES = {
    # No answer.
    "down": waits(go_down, "fail"),
    "another root": waits(show_another_root, "root_cert_path does not vouch"),
    "slow": lost(replace(ca_faults.Hang()), "timed out"),
    "reset before the answer": lost(rewrite(cut_at(0)), RESET),
    "reset in the answer": lost(rewrite(cut_at(40)), RESET),
    # Something else than an answer.
    "no JSON": lost(replace(text(201, "<html>Welcome</html>")), "step-ca did not write it"),
    "no certificates": lost(replace(answer(201, crt="certificate, honest")), "step-ca did not write it"),
    "too much": lost(replace(text(201, " " * 2_000_000)), "step-ca did not write it"),
    "202": lost(replace(answer(202, message="noted")), "noted"),
    "half a certificate": lost(replace(answer(201, certChain=[TRUNCATED])), "cannot be read"),
    # A certificate that does not fit.
    "another key": wrong("another key", "key"),
    "other names": wrong("other names", "is not in the certificate|evil.e2e.internal"),
    "a name too many": wrong("a name too many", "evil.e2e.internal"),
    "a longer life": wrong("a longer life", "ends at"),
    "a life in the future": wrong("a life in the future", "begins at"),
    "another root's chain": wrong("another root's chain", "pinned root", revoked=False),
    "a chain with a gap": wrong("a chain with a gap", "pinned root", revoked=False),
    # No.
    "400": refused(400, "The request could not be completed: invalid certificate request.", "badCSR"),
    "C5 by a template": refused(400, "The request could not be completed: not on a Friday", "rejectedIdentifier"),
    "403": refused(403, FORBIDDEN + "certificate request RSA key must be at least 2048 bits", "badCSR"),
    "C5 by a webhook": refused(403, FORBIDDEN + "webhook server did not allow request.", "rejectedIdentifier"),
    "C5 for the names": refused(403, NAME_NOT_ALLOWED, "rejectedIdentifier"),
    "C5 by name constraints": refused(403, FORBIDDEN + 'DNS name "x" is not permitted by any constraint', "rejectedIdentifier"),
    "401": waits(replace(answer(401, message=NO_AUTHORIZATION)), NO_AUTHORIZATION, log="the CA rejects our token"),
    # Not now, or not here.
    "302": waits(replace(answer(302, {"Location": "/elsewhere"})), "302"),
    "404": waits(replace(text(404, "404 page not found")), "404 page not found"),
    "429": waits(replace(answer(429, message="slow down")), "slow down"),
    "500": waits(replace(answer(500, message="out to lunch")), "out to lunch"),
    "502": waits(replace(text(502, "Bad Gateway")), "Bad Gateway"),
    "503": waits(replace(answer(503, message="try again")), "try again"),
}


@pytest.fixture
def gateway(new_gateway, step_ca, ca_proxy):
    gateway = new_gateway(step_ca, url=ca_proxy.url)
    gateway.configuration["issuers"]["main"]["request_timeout"] = "2s"
    gateway.configuration["finalize"] = {"hold_reply": "0s"}
    return gateway


@pytest.fixture(autouse=True)
def admin(gateway, with_admin):
    client = with_admin(gateway)
    gateway.start()
    return client


def ready(gateway, prover, client=None):
    client, name = client or gateway.client(), fresh_name()
    return client, client.ready_order([name], prover), name


def order_id(order):
    return int(order.location.rsplit("/", 1)[1])


def row_of(gateway, order):
    (row,) = gateway.query("SELECT * FROM v_orders WHERE id = ?", order_id(order))
    return row


def events_of(gateway, order):
    """Kinds after order.finalized, each run of the same once."""
    rows = gateway.query("SELECT kind FROM v_events WHERE order_id = ? ORDER BY id", order_id(order))
    kinds = [row["kind"] for row in rows]
    kinds = kinds[kinds.index("order.finalized") + 1 :]
    return tuple(kind for i, kind in enumerate(kinds) if i == 0 or kinds[i - 1] != kind)


def mend(proxy):
    proxy.replace.clear()
    proxy.rewrite.clear()
    proxy.cut()
    proxy.identify()
    proxy.restore()


@pytest.mark.check(43, 45)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_ca_that_misbehaves(gateway, admin, prover, step_ca, ca_proxy, case):
    client, order, name = ready(gateway, prover)
    made, asked, before = [], len(ca_proxy.sent("sign")), scrape(admin)
    case.misbehave(ca_proxy, step_ca, made)
    assert client.finalize(order, [name]).status == 200
    wait_until(lambda: row_of(gateway, order)["last_outcome"] not in (None, "started"), "the end of an attempt")
    row = row_of(gateway, order)
    assert row["last_outcome"] == case.attempt and re.search(case.words, row["ca_message"], re.I), row
    assert events_of(gateway, order)[: len(case.events)] == case.events
    assert (case.log in gateway.process.output()) == case.failing
    assert_counted(admin, before, case)
    if case.problem:
        ended = client.wait_while(order.location, "processing")
        assert ended["status"] == "invalid" and "certificate" not in ended
        assert ended["error"]["type"].endswith(f":{case.problem}") and re.search(case.words, ended["error"]["detail"])
        assert len(ca_proxy.sent("sign")) == asked + 1 and client.order([fresh_name()]).status == 201
        assert_revoked(gateway, step_ca, ca_proxy, made, case.revoked)
        return
    assert client.get(order.location)["status"] == "processing"
    mend(ca_proxy)
    assert names_of(client.certificate(order.location, seconds=60)[0]) == [name]
    assert events_of(gateway, order) == (*case.events, "order.valid")
    wait_until(lambda: "issuer main works again" in gateway.process.output(), "the issuer's recovery")
    tokens = [compact_claims(one.json()["ott"])[1]["jti"] for one in ca_proxy.sent("sign")]
    assert len(set(tokens)) == len(tokens), "a token was used twice"


def assert_counted(admin, before, case):
    """More than one attempt may have ended since; an order ends once."""
    attempts, invalid = ("ca_attempts_total", "main", case.attempt), "orders_invalid_total"

    def chosen(changed):
        ended = {key: n for key, n in changed.items() if key[0] == invalid}
        return ended | ({attempts: 1} if attempts in changed else {})

    expected = {attempts: 1} | ({(invalid, case.problem): 1} if case.problem else {})
    after = wait_for_moved(admin, before, expected, chosen)
    assert after("acmegate_orders_waiting", issuer="main") == (0 if case.problem else 1)
    assert after("acmegate_ca_state", issuer="main", state="healthy") == (0 if case.failing else 1)


def assert_revoked(gateway, step_ca, ca_proxy, made, at_the_ca):
    """What was signed and does not fit; but the CA is never asked about what does not lead to its root."""
    for certificate in made:
        (row,) = gateway.query("SELECT * FROM v_certificates WHERE serial = ?", f"{certificate.serial_number:x}")
        assert row["state"] in ("rejected", "revoked") and row["revocation_requested_by"] == "gateway"
        if at_the_ca:
            wait_until(lambda: certificate.serial_number in step_ca.revoked(), "its revocation at the CA", 60)
        else:
            assert not ca_proxy.sent("revoke")


@pytest.mark.parametrize("fits", [True, False], ids=["the same names", "other names"])
def test_a_certificate_of_before_is_not_given_out_again(gateway, prover, ca_proxy, fits):
    client, key, name = gateway.client(), new_key(), fresh_name()
    first = client.issue([name], prover, key)[0]
    of_before = ca_proxy.sent("sign")[-1].answer
    ordered = name if fits else fresh_name()
    order = client.ready_order([ordered], prover)
    ca_proxy.rewrite["sign"] = lambda exchange: setattr(exchange, "answer", of_before)
    client.finalize(order, [ordered], key)
    ended = client.wait_while(order.location, "processing")
    assert ended["status"] == "invalid" and "issued before" in ended["error"]["detail"]
    assert row_of(gateway, order)["last_outcome"] == "rejected" and events_of(gateway, order) == ("order.invalid",)
    (row,) = gateway.query("SELECT state, names FROM v_certificates WHERE serial = ?", f"{first.serial_number:x}")
    assert row == {"state": "good", "names": name}


# ---- how often it is asked ----


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(gateway, prover, ca_proxy, status):
    client, order, name = ready(gateway, prover)
    ca_proxy.replace["sign"] = answer(status, {"Retry-After": "4"}, message="busy")
    before = len(ca_proxy.sent("sign"))
    client.finalize(order, [name])
    wait_until(lambda: len(ca_proxy.sent("sign")) > before, "the first try")
    del ca_proxy.replace["sign"]
    client.certificate(order.location, seconds=30)
    first, second = ca_proxy.sent("sign")[before:]
    assert second.at - first.at >= 4


def test_while_the_ca_does_not_accept_us_new_orders_are_told_and_not_why(gateway, prover, ca_proxy):
    client, order, name = ready(gateway, prover)
    ca_proxy.replace["sign"] = answer(401, message=NO_AUTHORIZATION)
    client.finalize(order, [name])
    wait_until(lambda: row_of(gateway, order)["last_outcome"] == "failed", "the refusal")
    with pytest.raises(Refused) as refused_order:
        client.order([fresh_name()])
    reply = refused_order.value.reply
    assert reply.status == 503 and reply.headers["Retry-After"] and NO_AUTHORIZATION not in reply.detail


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_an_hour_off_is_told_to_the_operator(new_gateway, step_ca, ca_proxy, hours):
    ca_proxy.rewrite["provisioners"] = ca_proxy.rewrite["health"] = clock_off(hours * 3600)
    gateway = new_gateway(step_ca, url=ca_proxy.url).start()
    words = f"s {'ahead of' if hours > 0 else 'behind'} ours"
    assert wait_until(lambda: words in gateway.process.output(), "a warning")
    status, output, errors = gateway.run("check")
    assert status == 1 and words in output + errors


# ---- revocations go the same way ----


def test_revocations_wait_for_the_same_issuer(gateway, prover, step_ca, ca_proxy):
    client, order, name = ready(gateway, prover)
    client.finalize(order, [name])
    certificate = client.certificate(order.location)[0]
    client, waiting, name = ready(gateway, prover, client)
    ca_proxy.cut()
    client.finalize(waiting, [name])
    wait_until(lambda: row_of(gateway, waiting)["last_outcome"] in ("failed", "unknown"), "the outage to be noticed")
    reply = Background(client.revoke, certificate, 1).end(60)
    assert reply.status == 503 and "fail" in reply.detail.lower() and reply.headers["Retry-After"]
    ca_proxy.restore()
    wait_until(lambda: certificate.serial_number in step_ca.revoked(), "the revocation", 70)
    assert names_of(client.certificate(waiting.location)[0]) == [name]
