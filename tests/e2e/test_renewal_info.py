# SPDX-License-Identifier: Apache-2.0
"""ACME Renewal Information (RFC 9773): the window, what an operator makes of it, and `replaces`."""

import datetime

import pytest

from client_scenarios import fresh_name
from support.certificates import renewal_identifier


@pytest.fixture
def gateway(step_ca, new_gateway):
    return new_gateway(step_ca).start()


def window_of(client, certificate):
    """(start, end, the whole reply), asked without an account."""
    reply = client.raw("GET", f"{client.directory['renewalInfo']}/{renewal_identifier(certificate)}")
    assert reply.status == 200, reply
    window = reply.json()["suggestedWindow"]
    return *(datetime.datetime.fromisoformat(window[name]) for name in ("start", "end")), reply


def utc_now():
    return datetime.datetime.now(datetime.UTC)


def begin_and_end(certificate):
    return (when.replace(tzinfo=datetime.UTC) for when in (certificate.not_valid_before, certificate.not_valid_after))


@pytest.mark.check(47)
def test_the_window_is_late_in_the_validity_and_spread(gateway, prover):
    client, starts = gateway.client(), set()
    for _ in range(4):
        leaf = client.issue([fresh_name()], prover)[0]
        begin, end = begin_and_end(leaf)
        start, until, reply = window_of(client, leaf)
        life = end - begin
        assert begin + life / 2 < start < until < begin + life * 0.85
        assert 60 <= int(reply.headers["Retry-After"]) <= 6 * 3600
        assert "explanationURL" not in reply.json()
        starts.add(start - begin)
    assert len(starts) > 1, "certificates of one minute would renew in one minute"


@pytest.mark.check(47)
def test_a_revoked_certificate_should_have_been_renewed(gateway, prover):
    client = gateway.client()
    leaf = client.issue([fresh_name()], prover)[0]
    assert client.revoke(leaf).status == 200
    start, end, _ = window_of(client, leaf)
    assert start < end <= utc_now()


@pytest.mark.parametrize(
    "words", [["all"], ["issuer", "main"], ["serial", None]], ids=["all", "of an issuer", "one serial"]
)
def test_an_operator_has_clients_renew_early(gateway, prover, words):
    client = gateway.client()
    leaf = client.issue([fresh_name()], prover)[0]
    words = [word or f"00:{leaf.serial_number:X}" for word in words]
    status, said, failed = gateway.run(
        "cert", "renew-early", *words, "--within", "2h", "--explanation", "https://status.example/why"
    )
    assert status == 0, failed
    assert "within 2h" in said
    start, end, reply = window_of(client, leaf)
    assert start <= utc_now() + datetime.timedelta(hours=1)
    assert end <= utc_now() + datetime.timedelta(hours=2, seconds=5)
    assert reply.json()["explanationURL"] == "https://status.example/why"
    (event,) = gateway.query("SELECT who, detail FROM events WHERE kind = 'renewal.early'")
    assert event["who"] == "operator" and "within 2h" in event["detail"]
    # What is issued from now on is not meant.
    assert gateway.query("SELECT count(*) AS n FROM early_renewals WHERE issued_before < unixepoch() + 1")[0]["n"] == 1


@pytest.mark.parametrize("within", ["now", "0s", "30s"])
def test_P10_renewals_that_cannot_wait(gateway, prover, within):
    """A window in the past has clients renew when they next look (RFC 9773 §4.2)."""
    client = gateway.client()
    leaf = client.issue([fresh_name()], prover)[0]
    status, said, failed = gateway.run("cert", "renew-early", "all", "--within", within)
    assert status == 0 and "renew at their next look (all)" in said, said + failed
    start, end, _ = window_of(client, leaf)
    assert start < end <= utc_now()
    (event,) = gateway.query("SELECT detail FROM events WHERE kind = 'renewal.early'")
    assert event["detail"] == "all, at their next look"


@pytest.mark.parametrize(
    "arguments",
    [
        ["renew-early"], ["renew-early", "some"], ["renew-early", "all", "--within", "soon"],
        ["renew-early", "all", "--within", ""], ["renew-early", "all", "--within", "-1h"], ["delete"], [],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_a_command_that_is_not_understood_changes_nothing(gateway, arguments):
    status, _, words = gateway.run("cert", *arguments)
    assert status == 2 and words
    assert gateway.query("SELECT count(*) AS n FROM early_renewals")[0]["n"] == 0


@pytest.mark.parametrize("words", [["issuer", "other"], ["serial", "1a2b"]], ids=" ".join)
def test_what_covers_nothing_is_said_and_not_kept(gateway, words):
    status, _, failed = gateway.run("cert", "renew-early", *words)
    assert status == 1 and "matches nothing" in failed
    assert gateway.query("SELECT count(*) AS n FROM early_renewals")[0]["n"] == 0


@pytest.mark.check(47)
def test_identifiers_that_name_nothing(gateway):
    client = gateway.client()
    base = client.directory["renewalInfo"]
    for text, status in (("x", 400), ("a.b.c", 400), ("AQID.", 400), (".AQID", 400), ("AQID.A=", 400), ("AQID.AQID", 404)):
        reply = client.raw("GET", f"{base}/{text}")
        assert (reply.status, reply.problem) == (status, "malformed"), (text, reply)
    assert client.raw("POST", f"{base}/AQID.AQID", "{}").status == 405


# ---- replaces ----


@pytest.mark.check(32)
def test_an_order_that_replaces(gateway, prover):
    client, name = gateway.client(), fresh_name()
    old = client.issue([name], prover)[0]
    order = client.ready_order([name], prover, replaces=renewal_identifier(old))
    assert order.json()["replaces"] == renewal_identifier(old)
    client.finalize(order, [name])
    client.certificate(order.location)
    assert client.get(order.location)["replaces"] == renewal_identifier(old)
    again = client.post(
        client.directory["newOrder"],
        {"identifiers": [{"type": "dns", "value": name}], "replaces": renewal_identifier(old)},
    )
    assert (again.status, again.problem) == (409, "alreadyReplaced"), again


@pytest.mark.check(32)
def test_until_the_replacement_is_valid_another_may_be_ordered(gateway, prover):
    client, name = gateway.client(), fresh_name()
    old = client.issue([name], prover)[0]
    for _ in range(2):
        assert client.order([name], replaces=renewal_identifier(old)).json()["replaces"] == renewal_identifier(old)


@pytest.mark.check(32)
def test_a_replaces_that_does_not_fit_is_left_out_and_told_to_the_operator(gateway, prover):
    client, other, name = gateway.client(), gateway.client(), fresh_name()
    mine = client.issue([name], prover)[0]
    theirs = other.issue([name], prover)[0]
    for names, identifier, why in (
        ([fresh_name()], renewal_identifier(mine), "shares no name"),
        ([name], renewal_identifier(theirs), "another account"),
        ([name], "AQID.AQID", "not issued at this endpoint"),
    ):
        reply = client.order(names, replaces=identifier)
        assert "replaces" not in reply.json()
        (event,) = gateway.query(
            "SELECT detail FROM events WHERE kind = 'order.replaces_ignored' AND order_id = ?",
            reply.location.split("/")[-1],
        )
        assert why in event["detail"]


@pytest.mark.check(32)
@pytest.mark.parametrize("replaces", ["", "x", "AQID", 7, ["AQID.AQID"], "AQID.AQID "])
def test_a_replaces_that_is_no_identifier(gateway, replaces):
    client = gateway.client()
    reply = client.post(
        client.directory["newOrder"],
        {"identifiers": [{"type": "dns", "value": fresh_name()}], "replaces": replaces},
    )
    assert (reply.status, reply.problem) == (400, "malformed"), reply
