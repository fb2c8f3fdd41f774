# SPDX-License-Identifier: Apache-2.0
"""Every answer that a name server can give, and what the client, the event and `explain` say of it."""

import pytest

from client_scenarios import fresh_name
from support import odd_name_server as dns
from support.acme_client import HttpProver
from support.odd_name_server import Answer, OddNameServer, Octets, Silence, Truncated, alias, text
from support.ports import free_port


class OddProver:
    """dns-01 by an OddNameServer; `answer` makes what is said of the name's record, given its name and value."""

    kind = "dns-01"

    def __init__(self, server, answer):
        self.server = server
        self.answer = answer

    def prepare(self, client, name, token):
        owner = f"_acme-challenge.{name}"
        self.server.says[owner, dns.TXT] = self.answer(owner, client.dns_value(token))


@pytest.fixture(scope="module")
def start(new_module_gateway, step_ca):
    """Starts a gateway that asks these name servers and tries once."""

    def run(*addresses, timeout="2s"):
        gateway = new_module_gateway(step_ca)
        gateway.configuration["validation"] |= {"resolvers": list(addresses), "timeout": timeout, "retry_for": "0s"}
        endpoints = gateway.configuration["endpoints"]
        endpoints["careful"] = {**endpoints["acme"], "caa_identities": ["ca.test"]}
        return gateway.start()

    return run


@pytest.fixture(scope="module")
def odd():
    with OddNameServer() as server:
        yield server


@pytest.fixture(scope="module")
def second():
    with OddNameServer() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(start, odd):
    """Asks `odd`."""
    return start(odd.address)


@pytest.fixture(scope="module")
def gateway_of_two(start, odd, second):
    """Asks `odd`, then `second`."""
    return start(odd.address, second.address, timeout="4s")


def outcome(gateway, prover, endpoint="acme"):
    """Of one challenge for a fresh name: (name, authorization, the event's detail, what `explain` prints)."""
    client, name = gateway.client(endpoint=endpoint), fresh_name()
    (proven,) = client.prove(client.order([name]).json(), prover)
    (event,) = gateway.query(
        "SELECT detail FROM v_events WHERE names = ? AND kind IN ('challenge.valid', 'challenge.invalid')", name
    )
    status, printed, _ = gateway.run("explain", name)
    assert status == 0
    return name, proven, event["detail"], printed


def error_of(proven):
    return next(one["error"] for one in proven["challenges"] if "error" in one)


def said(rcode):
    return lambda owner, value: Answer(rcode=rcode)


REFERRAL = dns.record("test", 2, dns.name("ns.test"))

# What the server says of the TXT record; words of it, which name the server where it failed. Where a line parts them,
# the second words are those with c-ares 1.31 or newer, which reads each answer before acmegate does.
ANSWERS = {
    "SERVFAIL": (said(dns.SERVFAIL), "{server} answered SERVFAIL"),
    "REFUSED": (said(dns.REFUSED), "{server} answered REFUSED"),
    "FORMERR": (said(dns.FORMERR), "{server} answered FORMERR"),
    "NOTIMP": (said(dns.NOTIMP), "{server} answered NOTIMP"),
    "NOTAUTH": (said(dns.NOTAUTH), "{server} answered NOTAUTH"),
    "a code without a name": (said(15), "{server} answered RCODE 15\n{server} answered SERVFAIL"),
    "NXDOMAIN": (said(dns.NXDOMAIN), "no TXT record at {owner}"),
    "no record": (lambda owner, value: Answer(), "no TXT record at {owner}"),
    "a record of another type": (lambda owner, value: Answer(dns.address(owner, "127.0.0.1")), "no TXT record"),
    "nothing": (lambda owner, value: Silence(), "{server} did not answer in time"),
    "a referral": (
        lambda owner, value: Answer(recurses=False, referral=[REFERRAL]),
        "{server} gave a referral to other name servers: it does not recurse",
    ),
    "N2: an alias, by a server that does not recurse": (
        lambda owner, value: Answer(alias(owner, "Elsewhere.test"), recurses=False, authoritative=True),
        "{server} answered that the name is an alias (CNAME) of Elsewhere.test only: it does not recurse; "
        "validation.resolvers needs servers that do",
    ),
    "N2: an alias of nothing": (
        lambda owner, value: Answer(alias(owner, "elsewhere.test")),
        "{owner} is an alias (CNAME) of elsewhere.test, which has no TXT record; it should contain",
    ),
    "N2: an alias of a name that does not exist": (
        lambda owner, value: Answer(alias(owner, "elsewhere.test"), rcode=dns.NXDOMAIN),
        "{owner} is an alias (CNAME) of elsewhere.test, which has no TXT record",
    ),
    "an alias with control characters": (
        lambda owner, value: Answer(alias(owner, "a\x1b[2Jb.test")),
        "which has no TXT record",
    ),
    "another value": (lambda owner, value: Answer(text(owner, "nonsense")), '"nonsense"'),
    "a message cut short": (lambda owner, value: Answer(text(owner, value), cut=5), "{server} gave a malformed answer"),
    "fewer records than it says": (
        lambda owner, value: Answer(text(owner, value), counts=9),
        "{server} gave a malformed answer",
    ),
    "a string longer than its record": (
        lambda owner, value: Answer(dns.record(owner, dns.TXT, b"\xffx")),
        "{server} gave a malformed answer",
    ),
    "an empty TXT record": (
        lambda owner, value: Answer(dns.record(owner, dns.TXT, b"")),
        "{server} gave a malformed answer",
    ),
    "an alias that points at itself": (
        lambda owner, value: Answer(dns.record(owner, dns.CNAME, b"\xc0\x0c\xc0\x0c"), alias(owner, ""), cut=1),
        "{server} gave a malformed answer",
    ),
    "three octets": (
        lambda owner, value: Octets(b"\x80"),
        "{server} did not answer in time\n{server} gave a malformed answer",
    ),
    "more by TCP, and SERVFAIL there": (
        lambda owner, value: Truncated(rcode=dns.SERVFAIL),
        "{server} answered SERVFAIL",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_N1_what_is_no_proof_is_told(gateway, odd, case):
    answer, words = ANSWERS[case]
    name, proven, event, printed = outcome(gateway, OddProver(odd, answer))
    words = words.format(server=odd.address, owner=f"_acme-challenge.{name}").splitlines()
    words = next((either for either in words if either in error_of(proven)["detail"]), words[0])
    assert proven["status"] == "invalid" and words in error_of(proven)["detail"], proven
    kind = "incorrectResponse" if case == "another value" else "dns"
    assert error_of(proven)["type"].endswith(f":{kind}")
    assert words in printed and "\x1b" not in printed
    if "{server}" in ANSWERS[case][1]:
        assert words in event


PROOFS = {
    "one record": lambda owner, value: Answer(text(owner, value)),
    "in two strings": lambda owner, value: Answer(text(owner, value[:9], value[9:])),
    "among others": lambda owner, value: Answer(text(owner, "x"), text(owner, value), text(owner, "y")),
    "behind an alias": lambda owner, value: Answer(alias(owner, "to.test"), text("to.test", value), recurses=False),
    "by TCP": lambda owner, value: Truncated(text(owner, value)),
    "among 99 by TCP": lambda owner, value: Truncated(*[text(owner, "x" * 250)] * 99, text(owner, value)),
}


@pytest.mark.parametrize("case", PROOFS)
def test_N1_what_is_a_proof(gateway, odd, case):
    _, proven, event, _ = outcome(gateway, OddProver(odd, PROOFS[case]))
    assert proven["status"] == "valid", proven
    assert "one as expected" in event


def assert_both_are_asked(gateway, second, words, prepare):
    def good(owner, value):
        prepare(owner, value)
        return Answer(text(owner, value))

    def bad(owner, value):
        prepare(owner, value)
        return Answer(rcode=dns.REFUSED)

    assert outcome(gateway, OddProver(second, good))[1]["status"] == "valid"
    _, proven, event, _ = outcome(gateway, OddProver(second, bad))
    for told in (error_of(proven)["detail"], event):
        assert words in told and f"; {second.address} answered REFUSED" in told, told


@pytest.mark.parametrize("first", ["SERVFAIL", "nothing", "a referral", "a message cut short"])
def test_N1_the_next_server_is_asked_and_all_are_named(gateway_of_two, odd, second, first):
    answer, words = ANSWERS[first]

    def prepare(owner, value):
        odd.says[owner, dns.TXT] = answer(owner, value)

    assert_both_are_asked(gateway_of_two, second, words.format(server=odd.address), prepare)


def test_N1_the_next_server_is_asked_where_nobody_listens(start, second):
    nobody = f"127.0.0.1:{free_port()}"
    gateway = start(nobody, second.address, timeout="4s")
    assert_both_are_asked(gateway, second, f"{nobody} could not be reached", lambda *_: None)


ADDRESSES = {
    # AAAA, A, and words; None for an issuance
    "one fails": (Answer(), Answer(rcode=dns.SERVFAIL), "{server} answered SERVFAIL"),
    "the other fails": (Answer(rcode=dns.REFUSED), Answer(), "{server} answered REFUSED"),
    "both fail": (
        Answer(rcode=dns.REFUSED),
        Answer(rcode=dns.SERVFAIL),
        "AAAA: {server} answered REFUSED; A: {server} answered SERVFAIL",
    ),
    "no address": (Answer(), Answer(), "{name} has no A or AAAA record"),
    "an alias of nothing": (
        Answer(alias("x.test", "y.test")),
        Answer(alias("x.test", "y.test")),
        "{name} is an alias (CNAME) of y.test, which has no A or AAAA record",
    ),
    "an address of three octets": (Answer(), Answer(dns.record("x.test", dns.A, b"\x7f\0\0")), "malformed"),
    "one that works beside one that fails": (Answer(rcode=dns.SERVFAIL), Answer(dns.address("x.test", "127.0.0.1")), None),
}


class AddressProver(HttpProver):
    """http-01; `answers` are those of AAAA and A."""

    def __init__(self, responder, server, answers):
        super().__init__(responder)
        self.server = server
        self.answers = answers

    def prepare(self, client, name, token):
        super().prepare(client, name, token)
        self.server.says[name, dns.AAAA], self.server.says[name, dns.A] = self.answers


@pytest.mark.parametrize("case", ADDRESSES)
def test_N1_addresses(gateway, odd, responder, case):
    *answers, words = ADDRESSES[case]
    name, proven, event, _ = outcome(gateway, AddressProver(responder(gateway), odd, answers))
    if words is None:
        assert proven["status"] == "valid"
        return
    words = words.format(server=odd.address, name=name)
    assert words in error_of(proven)["detail"] and error_of(proven)["type"].endswith(":dns"), proven
    assert "look-up of" in event


CAA_ANSWERS = {
    "SERVFAIL": (Answer(rcode=dns.SERVFAIL), "{server} answered SERVFAIL"),
    "an alias and no more": (Answer(alias("x.test", "y.test"), recurses=False), "alias (CNAME) of y.test only"),
    "a record cut short": (Answer(dns.record("x.test", dns.CAA, b"\0")), "malformed"),
    "70 records, ours the last": (
        Truncated(*[dns.caa("x.test", "issue", "other.test")] * 69, dns.caa("x.test", "issue", "ca.test")),
        None,
    ),
    "70 records, a critical one the last": (
        Truncated(
            *[dns.caa("x.test", "issue", "ca.test")] * 69, dns.record("x.test", dns.CAA, b"\x80\x03newx")
        ),
        "new",
    ),
}


@pytest.mark.parametrize("case", CAA_ANSWERS)
def test_N1_CAA_fails_closed(gateway, odd, responder, case):
    answer, words = CAA_ANSWERS[case]
    address = Answer(dns.address("x.test", "127.0.0.1"))

    class Prover(AddressProver):
        def prepare(self, client, name, token):
            super().prepare(client, name, token)
            odd.says[name, dns.CAA] = answer

    _, proven, event, _ = outcome(gateway, Prover(responder(gateway), odd, (Answer(), address)), "careful")
    if words is None:
        assert proven["status"] == "valid"
        return
    words = words.format(server=odd.address)
    assert words in error_of(proven)["detail"] and error_of(proven)["type"].endswith(":caa"), proven
    assert words in event
