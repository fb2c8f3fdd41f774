# SPDX-License-Identifier: Apache-2.0
"""docs/backup.md, with a real step-ca: the machine burns, and another one goes on from the copies."""

import shutil

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver, Refused
from support.eab import add_key
from support.page import Host, Page

pytestmark = pytest.mark.sqlite("`db backup` and `db restore` are of the file; PostgreSQL has its own")

PAGE = Page("docs/backup.md")


class Operator(Host):
    """Somebody on a new machine, with the copies at hand."""

    def __init__(self, folder, gateway):
        super().__init__(folder, gateway, {"/mnt/copies": folder})
        self.programs["acmegate"] = tools.acmegate()
        self.environment = {"ACMEGATE_CONFIG": str(gateway.config_path)}

    def page(self, client, step):
        lines = [line.removeprefix("sudo -u acmegate ") for line in PAGE.lines[client, step].splitlines()]
        return "".join(self.run(line) for line in lines)


class Copies:
    """What is left of a machine that burnt: `early` is an account in the back-up, `late` one that came after it."""

    def __init__(self, folder, gateway, ca, prover):
        folder.mkdir()
        self.port = gateway.port
        gateway.configuration["accounts"] = {"export_path": str(folder / "accounts.export")}
        gateway.start()
        self.early, self.early_names = gateway.client(), [fresh_name()]
        self.early.issue(self.early_names, prover)
        assert gateway.run("db", "backup", folder / "acmegate-20260103T000000Z.db")[0] == 0
        self.kid, _ = add_key(gateway)
        self.late, self.late_names = gateway.client(), [fresh_name()]
        self.late_serial = f"{self.late.issue(self.late_names, prover)[0].serial_number:x}"
        gateway.stop()  # which writes the export
        shutil.copy(gateway.beside("secret"), folder)
        shutil.copy(ca.log, folder / "step-ca.log")
        shutil.rmtree(gateway.folder)
        gateway.process = None


@pytest.fixture
def ca(new_step_ca):
    return new_step_ca()


@pytest.fixture
def copies(tmp_path, new_gateway, ca, responder):
    gateway = new_gateway(ca)
    return Copies(tmp_path / "copies", gateway, ca, HttpProver(responder(gateway)))


@pytest.fixture
def machine(tmp_path, new_gateway, ca, copies):
    """A new one, to which the name leads now."""
    gateway = new_gateway(ca)
    gateway.port = copies.port
    gateway.configuration |= {"base_url": f"https://localhost:{copies.port}", "listen": [f"127.0.0.1:{copies.port}"]}
    gateway.write_configuration()
    shutil.copy(tmp_path / "copies/acmegate.db.secret", gateway.folder)
    return gateway


def test_another_machine_goes_on(tmp_path, machine, copies, ca, responder):
    operator = Operator(tmp_path / "copies", machine)
    for step in ("database", "accounts", "certificates"):
        operator.page("new", step)
    machine.start()
    prover = HttpProver(responder(machine))
    for client, names in ((copies.early, copies.early_names), (copies.late, copies.late_names)):
        client.issue(names, prover)  # as if nothing had been
    assert "the database is a restored copy" in machine.process.output()
    assert machine.query("SELECT count(*) AS n FROM events WHERE kind = 'database.restored'") == [{"n": 1}]
    assert machine.query("SELECT kid, state FROM v_eab_keys") == [{"kid": copies.kid, "state": "good"}]
    (row,) = machine.query("SELECT origin, state FROM v_certificates WHERE serial = ?", copies.late_serial)
    assert row == {"origin": "imported", "state": "good"}
    status, _, words = machine.run("cert", "revoke", copies.late_serial, "--reason", "superseded", "--wait")
    assert status == 0, words
    assert int(copies.late_serial, 16) in ca.revoked()


def test_without_the_export_the_late_account_is_unknown(tmp_path, machine, copies, responder):
    Operator(tmp_path / "copies", machine).page("new", "database")
    machine.start()
    prover = HttpProver(responder(machine))
    copies.early.issue(copies.early_names, prover)
    with pytest.raises(Refused) as refused:
        copies.late.issue(copies.late_names, prover)
    assert refused.value.reply.problem == "accountDoesNotExist"


def test_a_copy_can_be_tried_anywhere(tmp_path, machine, copies):
    said = Operator(tmp_path / "copies", machine).page("try", "restore")
    assert copies.early_names[0] in said


def test_every_line_of_the_page_is_run_here():
    assert set(PAGE.lines) == {("new", "database"), ("new", "accounts"), ("new", "certificates"), ("try", "restore")}
