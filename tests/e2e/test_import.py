# SPDX-License-Identifier: Apache-2.0
"""`acmegate import`: certificates from elsewhere, out of files, folders and step-ca's request log."""

import re
import subprocess

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver
from support.background import Background
from support.certificates import Authority, key_pem, new_csr, new_key, pem
from support.gateway import environment


@pytest.fixture
def gateway(new_gateway, step_ca):
    """Runs beside the imports."""
    return new_gateway(step_ca).start()


@pytest.fixture
def given(tmp_path):
    """A folder to import from."""
    folder = tmp_path / "given"
    folder.mkdir()
    return folder


def run(gateway, *arguments, expected=0):
    """(standard output, standard error) of `acmegate import`."""
    status, said, words = gateway.run("import", *arguments)
    assert status == expected, said + words
    return said, words


def inventory(gateway, name):
    return gateway.query("SELECT * FROM v_certificates WHERE names = ? ORDER BY id", name)


def counted(said):
    """{"taken": 1, "already known": 2, "skipped: …": 3}"""
    return {what: int(n) for line in said.splitlines() for n, what in re.findall(r"(\d+) ([^,]+)", line)}


# ---- step-ca's log ----


@pytest.fixture
def logged(new_step_ca, new_gateway):
    """A CA that logs in this format, a running gateway before it, and what the CA signed: (ca, gateway, name, certificates)."""

    def make(version, log_format):
        ca, name, key = new_step_ca(version=version, log_format=log_format), fresh_name(), new_key()
        first = ca.sign_directly(key, name)
        return ca, new_gateway(ca).start(), name, [first, ca.renew_directly(first, key)]

    return make


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("version", tools.STEP_CA_VERSIONS)
def test_every_certificate_of_the_log_is_taken_once(logged, version, log_format):
    ca, gateway, name, certificates = logged(version, log_format)
    serials = [f"{one.serial_number:x}" for one in certificates]
    said, _ = run(gateway, "--step-ca-log", ca.log)
    assert counted(said)["taken"] >= 2  # the gateway's own is there, too
    rows = inventory(gateway, name)
    assert [row["serial"] for row in rows] == serials
    for row in rows:
        assert row["origin"] == "imported" and row["state"] == "good" and row["issuer"] == "main"
        assert row["root_fingerprint"] == ca.fingerprint and row["account"] is row["order_id"] is None
    again, _ = run(gateway, "--step-ca-log", ca.log)
    assert counted(again)["taken"] == 0 and counted(again)["already known"] == counted(said)["taken"]
    assert inventory(gateway, name) == rows


def test_the_log_comes_by_standard_input(logged):
    ca, gateway, name, certificates = logged(tools.STEP_CA_VERSIONS[0], "json")
    command = [tools.acmegate(), "import", "--step-ca-log", "-", "--config", gateway.config_path]
    with open(ca.log, "rb") as log:
        done = subprocess.run(command, stdin=log, capture_output=True, text=True, env=environment(), timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert len(inventory(gateway, name)) == len(certificates)


def test_what_the_log_told_before_the_answer_came_becomes_the_orders(new_gateway, step_ca, ca_proxy, responder):
    gateway, name = new_gateway(step_ca, url=ca_proxy.url).start(), fresh_name()
    client = gateway.client()
    order = client.ready_order([name], HttpProver(responder(gateway)))
    hold = ca_proxy.hold_answer("sign")
    finalizing = Background(client.finalize, order, [name])
    hold.wait()
    run(gateway, "--step-ca-log", step_ca.log)
    assert [row["origin"] for row in inventory(gateway, name)] == ["imported"]
    hold.let_go()
    finalizing.end()
    (certificate, *_) = client.certificate(order.location)
    (row,) = inventory(gateway, name)
    assert row["origin"] == "acme" and row["account"] and row["serial"] == f"{certificate.serial_number:x}"
    assert client.revoke(certificate).status == 200


def test_a_bad_line_does_not_hide_the_next(logged, tmp_path):
    ca, gateway, name, certificates = logged(tools.STEP_CA_VERSIONS[0], "json")
    lines = 3 * ca.log.read_text().splitlines()
    log = tmp_path / "log"
    bad = ["x" * 400_000, '{"certificate":"AAAA', "certificate=====", '{"certificate":"QUJD","certificate-type":"ssh"}']
    log.write_text("\n".join(line for pair in zip(bad * len(lines), lines) for line in pair))
    said, words = run(gateway, "--step-ca-log", log)
    assert len(inventory(gateway, name)) == len(certificates)
    assert f"{log}, line 1: a line that is too long" in words
    assert {"a line that is too long", "an SSH certificate", "a certificate that cannot be read"} <= {
        line.split("skipped: ")[1] for line in said.splitlines() if "skipped: " in line
    }
    assert words.count("skipped: ") <= 21 < sum(n for what, n in counted(said).items() if what.startswith("skipped"))


def test_what_is_no_log_is_said(gateway, tmp_path):
    (tmp_path / "log").write_text("Nov 24 19:13:09 started\n")
    said, words = run(gateway, "--step-ca-log", tmp_path / "log")
    assert counted(said)["taken"] == 0 and "no certificate in" in words and "journalctl" in words


# ---- files ----


def test_S12_a_files_name_does_not_begin_a_line(gateway, given):
    (given / "a\nfailed: b.pem").write_text("no certificate")
    _said, words = run(gateway, given)
    assert "a failed: b.pem: no PEM block in it" in words and "\nfailed: b.pem" not in words


def chain_pem(ca):
    return b"".join(pem(one.certificate) for one in ca.chain)


def test_a_folder_as_clients_leave_it(gateway, step_ca, given):
    """Leaf before its intermediate, keys and notes beside it, links as certbot makes them."""
    name, key = fresh_name(), new_key()
    leaf = step_ca.sign_directly(key, name)
    foreign = Authority("another root").issue(new_key().public_key(), [name])
    live, archive = given / "live" / name, given / "archive" / name
    live.mkdir(parents=True)
    archive.mkdir(parents=True)
    (archive / "cert1.pem").write_bytes(pem(leaf))
    (archive / "chain1.pem").write_bytes(chain_pem(step_ca))
    (archive / "fullchain1.pem").write_bytes(pem(leaf) + chain_pem(step_ca))
    (archive / "privkey1.pem").write_bytes(key_pem(key))
    (live / "README").write_text("This directory contains your keys and certificates.")
    (live / "foreign.pem").write_bytes(pem(foreign))
    (live / "request.csr").write_bytes(pem(new_csr(key, [name])))
    (live / "cut.pem").write_bytes(pem(leaf)[:300])
    (live / "fullchain.pem").symlink_to(archive / "fullchain1.pem")
    (live / "around").symlink_to(given, target_is_directory=True)
    said, words = run(gateway, given)
    assert counted(said) == {
        "taken": 1, "already known": 2, "skipped: no PEM block in it": 1, "skipped: not a certificate": 2,
        "skipped: a certificate that cannot be read": 1, "skipped: an authority's own certificate": 3,
        "skipped: it leads to no pinned root of an issuer by the known intermediates": 1,
    }, said  # fmt: skip
    for place in ("README: no PEM", "foreign.pem, PEM block 1: it leads to no", "privkey1.pem, PEM block 1: not a certificate: PRIVATE KEY"):
        assert place in words, words
    (row,) = inventory(gateway, name)
    assert row["origin"] == "imported"
    (kept,) = gateway.query("SELECT c.leaf, h.pem FROM certificates c JOIN chains h ON h.id = c.chain_id WHERE c.id = ?", row["id"])
    assert kept["pem"].encode() == chain_pem(step_ca)


def test_what_came_through_acme_is_known(gateway, responder, given):
    name = fresh_name()
    chain = gateway.client().issue([name], HttpProver(responder(gateway)))
    (given / "chain.pem").write_bytes(b"".join(map(pem, chain)))
    said, _ = run(gateway, given / "chain.pem")
    assert counted(said)["taken"] == 0 and counted(said)["already known"] == 1
    (row,) = inventory(gateway, name)
    assert row["origin"] == "acme" and row["order_id"] is not None


def test_a_dry_run_says_and_keeps_nothing(gateway, step_ca, given):
    name = fresh_name()
    (given / "a.pem").write_bytes(pem(step_ca.sign_directly(new_key(), name)))
    before = gateway.query("SELECT count(*) AS n FROM events")
    said, _ = run(gateway, given, "--dry-run")
    assert counted(said)["would be taken"] == 1
    assert inventory(gateway, name) == [] and gateway.query("SELECT count(*) AS n FROM events") == before


def test_a_path_that_is_not_there_fails_and_the_rest_is_taken(gateway, step_ca, given):
    name = fresh_name()
    (given / "a.pem").write_bytes(pem(step_ca.sign_directly(new_key(), name)))
    said, words = run(gateway, given / "missing", given / "a.pem", expected=1)
    assert "missing: No such file" in words and counted(said)["taken"] == 1 and len(inventory(gateway, name)) == 1


def test_many_at_once_beside_a_server_at_work(gateway, step_ca, responder, given):
    """More than one transaction, while orders go on; each has its event."""
    prover, name = HttpProver(responder(gateway)), f"{fresh_name()}"
    key = new_key().public_key()
    bundle = b"".join(pem(step_ca.issuing.issue(key, [f"n{i}.{name}"])) for i in range(1203))
    (given / "bundle.pem").write_bytes(bundle)
    command = [tools.acmegate(), "import", given / "bundle.pem", "--config", gateway.config_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as importing:
        client = gateway.client()
        while importing.poll() is None:
            client.issue([fresh_name()], prover)
        said = importing.stdout.read()
    assert importing.returncode == 0 and counted(said)["taken"] == 1203
    assert gateway.query("SELECT count(*) AS n FROM v_certificates WHERE origin = 'imported'") == [{"n": 1203}]
    events = [row["detail"] for row in gateway.query("SELECT detail FROM v_events WHERE kind = 'certificate.imported'")]
    assert len(events) == 3 and events[-1].startswith("1203 taken, 0 already known, 0 skipped; from ")
    assert gateway.query("SELECT who FROM v_events WHERE kind = 'certificate.imported' AND who <> 'operator'") == []


# ---- the old CA, the local one, and what an import is good for ----


def test_a_ca_that_does_not_tell_its_intermediates(step_cas, new_gateway, given):
    """0.19.0 has no GET /intermediates: the file brings it."""
    ca = step_cas("0.19.0")
    gateway = new_gateway(ca)
    gateway.write_configuration()
    gateway.start().stop()
    name = fresh_name()
    (given / "leaf.pem").write_bytes(pem(ca.sign_directly(new_key(), name)))
    gateway.beside("tls.crt").unlink()
    said, _ = run(gateway, given / "leaf.pem")
    assert counted(said)["taken"] == 0 and "leads to no pinned root" in said
    (given / "chain.pem").write_bytes(chain_pem(ca))
    said, _ = run(gateway, given)
    assert counted(said)["taken"] == 1 and len(inventory(gateway, name)) == 1


def test_the_ca_need_not_run(new_step_ca, new_gateway, given):
    ca = new_step_ca()
    gateway = new_gateway(ca).start()
    (given / "leaf.pem").write_bytes(pem(ca.sign_directly(new_key(), fresh_name())) + chain_pem(ca))
    ca.stop()
    said, words = run(gateway, given)
    assert counted(said)["taken"] == 1 and "does not tell its intermediates" in words


def test_an_imported_certificate_is_revoked_by_its_key(gateway, step_ca, given):
    name, key = fresh_name(), new_key()
    leaf = step_ca.sign_directly(key, name)
    (given / "leaf.pem").write_bytes(pem(leaf))
    run(gateway, given)
    client = gateway.client()
    client.account = None
    assert client.revoke(leaf, 1, key).status == 200
    (row,) = inventory(gateway, name)
    assert row["state"] == "revoked" and step_ca.revoked()[leaf.serial_number] == "keyCompromise"


@pytest.mark.parametrize("arguments", [[], ["--dry-run"], ["--nonsense"]])
def test_without_anything_to_read_it_says_how(gateway, arguments):
    _, words = run(gateway, *arguments, expected=2)
    assert "usage: acmegate import" in words
