# SPDX-License-Identifier: Apache-2.0
"""The database is lost: what certbot, lego and Caddy do, with the accounts' export and without it (docs/recovery.md)."""

import re
import shutil

import pytest

from client_scenarios import fresh_name
from clients import Caddy
from support.certificates import read_chain
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

    def paths(self):
        return self.client.chain_path(self.name), self.client.key_path(self.name)

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

    def paths(self):
        (path,) = self.folder.glob(f"storage/certificates/*/{self.names[0]}/{self.names[0]}.crt")
        return path, path.with_suffix(".key")

    def assert_stuck(self):
        self.names.append(fresh_name())
        self.run("accountDoesNotExist")

    def lend_a_hand(self):
        for users in (self.folder / "storage/acme").glob("*/users"):
            shutil.rmtree(users)


def accounts(gateway):
    return [row["id"] for row in gateway.query("SELECT id FROM accounts ORDER BY id")]


HOSTS = {"params": [CertbotHost, LegoHost, CaddyHost], "ids": ["certbot", "lego", "Caddy"]}


@pytest.fixture(**HOSTS)
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
    gateway.lose_database()
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
    gateway.lose_database()
    gateway.start()
    host.assert_stuck()
    assert accounts(gateway) == []
    host.lend_a_hand()
    host.go_on()
    assert min(accounts(gateway)) > max(before)


def test_what_the_database_does_not_know_is_revoked_by_its_key(host, tmp_path, name_server, step_ca):
    """With certbot, whichever client it came to: lego and Caddy have no command that uses the certificate's key."""
    gateway, (certificate, key) = host.gateway, host.paths()
    (leaf, *_) = read_chain(certificate.read_bytes())
    gateway.lose_database()
    gateway.start()
    Certbot(gateway, tmp_path / "revoker", name_server).call(
        "revoke", "--cert-path", certificate, "--key-path", key, "--no-delete-after-revoke", "--reason", "keycompromise"
    )
    assert step_ca.revoked()[leaf.serial_number] == "keyCompromise"
    serial = f"{leaf.serial_number:x}"
    (row,) = gateway.query("SELECT state, origin, account FROM v_certificates WHERE serial = ?", serial)
    assert row == {"state": "revoked", "origin": "external", "account": None}
    assert accounts(gateway) == []
