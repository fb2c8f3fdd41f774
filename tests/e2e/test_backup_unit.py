# SPDX-License-Identifier: Apache-2.0
"""The back-up that systemd's timer starts: the ExecStart line of acmegate-backup.service, with a server that runs."""

import os
import re
import subprocess

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver

pytestmark = pytest.mark.sqlite("`db backup` and `db restore` are of the file; PostgreSQL has its own")


class BackUp:
    """The command of the unit, in `tree` in place of the machine."""

    def __init__(self, tree, folder, gateway):
        unit = (tree / "usr/lib/systemd/system/acmegate-backup.service").read_text()
        (command,) = re.findall(r"^ExecStart=(\S+)$", unit, re.MULTILINE)
        script = (tree / command.lstrip("/")).read_text()
        self.script = folder / "backup"
        self.script.write_text(script.replace("/usr/bin/acmegate", tools.acmegate()))
        self.script.chmod(0o755)
        self.folder, self.gateway = folder / "copies", gateway
        self.folder.mkdir()

    def run(self, **settings):
        """(exit status, what it says)."""
        self.gateway.write_configuration()
        environment = {
            **os.environ, "ACMEGATE_CONFIG": str(self.gateway.config_path), "BACKUP_FOLDER": str(self.folder), **settings
        }  # fmt: skip
        done = subprocess.run([self.script], env=environment, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def copies(self):
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def back_up(installed, tmp_path, new_gateway, step_ca):
    return BackUp(installed, tmp_path, new_gateway(step_ca).start())


OLD = ["acmegate-20260101T000000Z.db", "acmegate-20260102T000000Z.db", "acmegate-20260103T000000Z.db"]


def test_a_copy_is_made_while_the_server_runs_and_the_newest_stay(back_up, responder):
    for name in [*OLD, "acmegate-20260103T000000Z.db.unfinished-Ab12Cd", "notes.txt"]:
        (back_up.folder / name).write_text("old")
    gateway, prover = back_up.gateway, HttpProver(responder(back_up.gateway))
    client = gateway.client()
    client.issue([fresh_name()], prover)
    status, words = back_up.run(BACKUP_KEEP="2")
    assert status == 0 and f"2 copies are in {back_up.folder}" in words
    old, new, notes = back_up.copies()
    assert (old, notes) == (OLD[-1], "notes.txt") and new > old
    assert (back_up.folder / new).stat().st_mode & 0o777 == 0o600
    gateway.kill()
    assert gateway.run("db", "restore", back_up.folder / new)[0] == 0
    gateway.start()
    client.issue([fresh_name()], prover)  # with the account of before


def test_fourteen_stay_without_a_setting(back_up):
    for day in range(10, 30):
        (back_up.folder / f"acmegate-202601{day}T000000Z.db").write_text("old")
    assert back_up.run()[0] == 0
    assert len(back_up.copies()) == 14


def test_secrets_need_not_be_read_when_the_database_is_named(back_up):
    back_up.gateway.configuration["issuers"]["main"]["provisioner_password_file"] = "/run/credentials/acmegate.service/none"
    assert back_up.run()[0] == 1
    assert back_up.run(BACKUP_DATABASE=str(back_up.gateway.database))[0] == 0


@pytest.mark.parametrize("keep", ["0", "many", "-1", "2 3"])
def test_a_number_to_keep_that_is_none(back_up, keep):
    status, words = back_up.run(BACKUP_KEEP=keep)
    assert status == 2 and "BACKUP_KEEP" in words and back_up.copies() == []


def test_nothing_is_removed_when_the_copy_fails(back_up):
    for name in OLD:
        (back_up.folder / name).write_text("old")
    status, words = back_up.run(BACKUP_KEEP="1", BACKUP_DATABASE=str(back_up.folder / "none.db"))
    assert status == 1 and "there is no database" in words and back_up.copies() == OLD


def test_the_units_are_sound_confined_and_not_enabled(installed):
    analyze, units = tools.program("systemd-analyze"), installed / "usr/lib/systemd/system"
    for unit in ("acmegate-backup.service", "acmegate-backup.timer"):
        done = subprocess.run([analyze, "verify", "--man=no", units / unit], capture_output=True, text=True, check=False)
        lines = [line for line in done.stderr.splitlines() if "is not executable" not in line]
        assert lines == []
    report = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", units / "acmegate-backup.service"],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    exposure = re.search(r"Overall exposure level for acmegate-backup.service: ([0-9.]+)", report)
    assert float(exposure[1]) < 1.5, report
    assert not list(installed.rglob("*.wants"))
