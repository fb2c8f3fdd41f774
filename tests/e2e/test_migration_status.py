# SPDX-License-Identifier: Apache-2.0
"""`acmegate migration status`: which names order here, which still get their certificates the old way, and what is next."""

import json

import pytest

from client_scenarios import fresh_name
from support.acme_client import HttpProver
from support.certificates import new_key, pem
from support.ports import free_port
from support.step_ca import PROVISIONER
from support.waiting import wait_until


@pytest.fixture
def site(new_step_ca, new_gateway, name_server):
    """A CA, and a gateway before it that knows some names."""
    ca = new_step_ca(acme=(free_port(), name_server.address))
    gateway = new_gateway(ca)
    gateway.configuration["endpoints"]["acme"]["names"] = {"allow": ["*.e2e.internal"]}
    return ca, gateway.start()


def status(gateway, *arguments):
    code, said, words = gateway.run("migration", "status", *arguments)
    assert code == 0, words
    return said


def rows(gateway):
    shown = json.loads(status(gateway, "--json"))
    assert sum(shown["counts"].values()) == len(shown["names"])
    told = {row["name"]: row["state"] for row in gateway.query("SELECT name, state FROM v_migration")}
    for row in shown["names"]:  # the view does not know the server's own names
        assert row["state"] == "own" or row["state"] == told[row["name"]]
    assert set(told) == {row["name"] for row in shown["names"]}
    return {row["name"]: row for row in shown["names"]}


def take(gateway, *certificates):
    folder = gateway.folder / "given"
    folder.mkdir(exist_ok=True)
    (folder / "certificates.pem").write_bytes(b"".join(map(pem, certificates)))
    code, _, words = gateway.run("import", folder)
    assert code == 0, words


def later_than(ca, certificate, name):
    """One that begins after that: certificates count whole seconds."""

    def issue():
        one = ca.issuing.issue(new_key().public_key(), [name])
        return one if one.not_valid_before > certificate.not_valid_before else None

    return wait_until(issue, "the next second")


def test_each_name_by_its_path_with_what_is_next(site, responder):
    ca, gateway = site
    here, moved, old, back, foreign = (fresh_name() for _ in range(5))
    foreign = foreign.replace("e2e.internal", "elsewhere.internal")
    prover, client = HttpProver(responder(gateway)), gateway.client()
    before = ca.sign_directly(new_key(), moved)
    later_than(ca, before, moved)
    ordered = {name: client.issue([name], prover)[0] for name in (here, moved, back)}
    take(gateway, before, ca.sign_directly(new_key(), old), ca.sign_directly(new_key(), foreign), later_than(ca, ordered[back], back))
    shown = rows(gateway)
    assert {name: row["state"] for name, row in shown.items()} == {
        here: "moved", moved: "moved", old: "old way", back: "went back", foreign: "old way"
    }  # fmt: skip
    assert shown[here]["path"] == "acme" and shown[here]["next"] == "nothing: it renews here"
    assert shown[old]["path"] == "imported" and (shown[old]["provisioner"], shown[old]["provisioner_type"]) == (PROVISIONER, "JWK")
    assert gateway.directory() in shown[old]["next"] and "step ca renew" in shown[old]["next"]
    assert shown[back]["last_acme"] in shown[back]["next"] and "stop the old client" in shown[back]["next"]
    assert "no endpoint's name policy" in shown[foreign]["next"] and shown[moved]["certificates"] == 2
    text = status(gateway)
    for name, row in shown.items():
        assert name in text and row["next"] in text and row["expires"] in text
    assert "5 names: 2 moved, 2 old way, 1 went back, 0 over, 0 own" in text and "Import the CA's log again" in text


def test_without_an_import_it_says_what_is_missing(site):
    assert "0 names: " in status(site[1]) and "acmegate import" in status(site[1])


def test_C9_the_own_certificate_is_no_host_to_move(site):
    ca, gateway = site
    code, _, words = gateway.run("import", "--step-ca-log", ca.log)
    assert code == 0, words
    own = rows(gateway)["localhost"]
    assert own["state"] == "own" and own["next"].startswith("nothing: acmegate's own certificate")


def test_many_names(site):
    """Over several pages, in order."""
    _, gateway = site
    ca, key = site[0], new_key().public_key()
    name = fresh_name()
    take(gateway, *(ca.issuing.issue(key, [f"n{i}.{name}", f"m{i}.{name}"]) for i in range(700)))
    shown = rows(gateway)
    assert len(shown) == 1400 and list(shown) == sorted(shown)


@pytest.mark.parametrize("arguments", [[], ["stat"], ["status", "status"], ["status", "--nonsense"]])
def test_what_is_not_understood_is_told(site, arguments):
    code, _, words = site[1].run("migration", *arguments)
    assert code == 2 and "usage: acmegate migration status" in words
