# SPDX-License-Identifier: Apache-2.0
"""Issuers are changed while clients order as fast as they can: nobody's order is lost."""

import json
import subprocess

import pytest
from support import tools
from support.certificates import pem, read_chain
from support.gateway import stepca_issuer
from support.provisioner_keys import ProvisionerKey
from support.step_ca import PROVISIONER, new_root
from support.waiting import wait_until
from test_issuer_changes import OTHER

ISSUANCES = 1000
CLIENTS = 16
ALL = ISSUANCES + CLIENTS  # each client begins with one to warm up


@pytest.fixture
def ca(new_step_ca):
    return new_step_ca(provisioner_keys={PROVISIONER: ProvisionerKey(), OTHER: ProvisionerKey(kind="P-384")})


def chains(gateway):
    """Everything above the leaves that were issued."""
    rows = gateway.query("SELECT pem FROM chains WHERE id IN (SELECT chain_id FROM certificates WHERE order_id IS NOT NULL)")
    return [read_chain(row["pem"]) for row in rows]


def root_of(chain, roots):
    (root,) = [root for root in roots if root.certificate.subject == chain[-1].issuer]
    return root


def issued(gateway):
    return gateway.query("SELECT count(*) AS n FROM certificates WHERE order_id IS NOT NULL")[0]["n"]


class Load:
    """A thousand issuances by clients that give up at nothing but a failure."""

    def __init__(self, gateway, roots):
        command = [tools.built("load"), "-directory", gateway.directory(), "-root", roots, "-clients", CLIENTS]
        command += ["-count", ISSUANCES, "-http-port", gateway.http_port]
        self.gateway = gateway
        self.process = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def wait_for(self, fifths):
        wait_until(lambda: issued(self.gateway) > fifths * ISSUANCES // 5, "issuances before a change", 90)

    def is_under_way(self):
        return issued(self.gateway) < ISSUANCES

    def finish(self):
        """None was lost, and none was asked for in vain."""
        words, errors = self.process.communicate(timeout=150)
        assert self.process.returncode == 0 and json.loads(words.splitlines()[-1])["failures"] == 0, (words, errors)
        states = self.gateway.query("SELECT status, count(*) AS n FROM orders GROUP BY status")
        assert states == [{"status": "valid", "n": ALL}]
        assert issued(self.gateway) == ALL


def test_a_thousand_issuances_while_the_provisioner_is_rotated_three_times(new_gateway, with_admin, ca, tmp_path):
    gateway = new_gateway(ca, form="JWK")
    admin = with_admin(gateway)
    gateway.start()
    own = gateway.configuration["issuers"]["main"]
    other = stepca_issuer(ca, tmp_path / "next", "JWK", OTHER)
    with Load(gateway, ca.root_path) as load:
        for turn, section in enumerate((other, own, other), 1):
            load.wait_for(turn)
            assert admin.put(section).status == 200
            assert load.is_under_way(), "the load had ended before the change"
        load.finish()
    assert gateway.query("SELECT * FROM attempts WHERE status <> 'signed'") == []
    assert admin.issuer()["kid"] == ca.keys[OTHER].key_id


def test_a_thousand_issuances_while_the_ca_changes_its_root(new_gateway, with_admin, ca, tmp_path):
    old, new = ca.root, new_root("acmegate next root")
    only_old, both = tmp_path / "old.pem", tmp_path / "both.pem"
    only_old.write_bytes(pem(old.certificate))
    both.write_bytes(pem(old.certificate) + pem(new.certificate))
    gateway = new_gateway(ca, form="JWK")
    section = gateway.configuration["issuers"]["main"]
    section["root_cert_path"] = gateway.root_path = str(only_old)
    admin = with_admin(gateway)
    gateway.start()
    with Load(gateway, both) as load:
        load.wait_for(1)
        assert admin.put({**section, "root_cert_path": str(both)}).status == 200
        load.wait_for(2)
        ca.rotate_root(new)
        assert load.is_under_way(), "the load had ended before the change"
        load.finish()
    roots = {root_of(chain, (old, new)) for chain in chains(gateway)}
    assert roots == {old, new}
    assert len(admin.issuer()["root_fingerprints"]) == 2
