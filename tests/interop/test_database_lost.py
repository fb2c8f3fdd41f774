"""The database is lost: what certbot, lego and Caddy do, with the accounts' export and without it (docs/recovery.md)."""

import re
import shutil

import pytest

from client_scenarios import fresh_name
from clients import Caddy
from support.clients import Certbot, Lego
from support.waiting import wait_until


class CertbotHost:
    """Each host gets a certificate, and later one more with the account that it has stored."""

    def __init__(self, gateway, folder, name_server, kind=Certbot):
        self.client, self.name = kind(gateway, folder, name_server), fresh_name()

    def begin(self):
        self.client.issue([self.name])

    def go_on(self):
        self.client.renew(self.name)
        return self.client.chain(self.name)[0]

    def assert_stuck(self):
        with pytest.raises(AssertionError, match="accountDoesNotExist"):
            self.client.renew(self.name)

    def lend_a_hand(self):
        config = self.client.folder / "config"
        shutil.rmtree(config / "accounts")
        for one in (config / "renewal").glob("*.conf"):
            one.write_text(re.sub(r"^account = .*\n", "", one.read_text(), flags=re.M))
        self.client.register()


class LegoHost(CertbotHost):
    def __init__(self, gateway, folder, name_server):
        super().__init__(gateway, folder, name_server, Lego)

    def lend_a_hand(self):
        shutil.rmtree(self.client.folder / "accounts")
        self.client.issue([self.name])


class CaddyHost:
    def __init__(self, gateway, folder, _name_server):
        self.gateway, self.folder, self.names = gateway, folder, [fresh_name()]

    def run(self, failure=None):
        with Caddy(self.gateway, self.folder, self.names) as caddy:
            if failure:
                wait_until(lambda: failure in caddy.process.output(), failure, 60)
                return None
            return caddy.certificate(self.names[-1])

    def begin(self):
        self.run()

    def go_on(self):
        self.names.append(fresh_name())
        return self.run()

    def assert_stuck(self):
        self.names.append(fresh_name())
        self.run("accountDoesNotExist")

    def lend_a_hand(self):
        for users in (self.folder / "storage/acme").glob("*/users"):
            shutil.rmtree(users)


def lose_database(gateway):
    """As a disk that has gone, but for what docs/recovery.md says to keep."""
    gateway.kill()
    for one in gateway.folder.glob("acmegate.db*"):
        if one.suffix != ".secret":
            one.unlink()


def accounts(gateway):
    return [row["id"] for row in gateway.query("SELECT id FROM accounts ORDER BY id")]


@pytest.fixture(params=[CertbotHost, LegoHost, CaddyHost], ids=["certbot", "lego", "Caddy"])
def host(request, new_gateway, step_ca, tmp_path, name_server):
    gateway = new_gateway(step_ca)
    gateway.configuration["accounts"] = {"export_path": str(gateway.folder / "accounts.export"), "export_every": "1s"}
    host = request.param(gateway.start(), tmp_path / "host", name_server)
    host.gateway = gateway
    host.begin()
    return host


def wait_exported(gateway):
    export = gateway.folder / "accounts.export"
    wait_until(lambda: "exported 1 accounts" in gateway.process.output(), "the export")
    return export


def test_with_the_export_the_host_goes_on(host):
    gateway, before = host.gateway, accounts(host.gateway)
    export = wait_exported(gateway)
    lose_database(gateway)
    assert gateway.run("db", "migrate")[0] == 0
    status, said, words = gateway.run("account", "import", export)
    assert status == 0 and "added 1," in said, words
    gateway.start()
    certificate = host.go_on()
    assert accounts(gateway) == before
    (row,) = gateway.query("SELECT account FROM v_certificates WHERE serial = ?", f"{certificate.serial_number:x}")
    assert [row["account"]] == before


def test_without_it_the_host_needs_a_hand(host):
    gateway, before = host.gateway, accounts(host.gateway)
    lose_database(gateway)
    gateway.start()
    host.assert_stuck()
    assert accounts(gateway) == []
    host.lend_a_hand()
    host.go_on()
    assert min(accounts(gateway)) > max(before)


def test_certbot_revokes_what_the_database_does_not_know(new_gateway, step_ca, tmp_path, name_server):
    gateway = new_gateway(step_ca).start()
    client, name = Certbot(gateway, tmp_path / "certbot", name_server), fresh_name()
    client.issue([name])
    certificate = client.chain(name)[0]
    lose_database(gateway)
    gateway.start()
    client.revoke(name, "keyCompromise", by_key=True)
    assert step_ca.revoked()[certificate.serial_number] == "keyCompromise"
    (row,) = gateway.query("SELECT state, origin, account FROM v_certificates WHERE serial = ?", f"{certificate.serial_number:x}")
    assert row == {"state": "revoked", "origin": "native", "account": None}
