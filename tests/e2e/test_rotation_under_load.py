"""Issuers are changed while clients order as fast as they can: nobody's order is lost."""

import json
import subprocess

import pytest
from support import tools
from support.gateway import stepca_issuer
from support.provisioner_keys import ProvisionerKey
from support.step_ca import PROVISIONER
from support.waiting import wait_until
from test_issuer_changes import OTHER

ISSUANCES = 1000
CLIENTS = 16
ALL = ISSUANCES + CLIENTS  # each client begins with one to warm up


@pytest.fixture
def ca(new_step_ca):
    return new_step_ca(provisioner_keys={PROVISIONER: ProvisionerKey(), OTHER: ProvisionerKey(kind="P-384")})


def issued(gateway):
    return gateway.query("SELECT count(*) AS n FROM certificates WHERE order_id IS NOT NULL")[0]["n"]


def test_a_thousand_issuances_while_the_provisioner_is_rotated_three_times(new_gateway, with_admin, ca, tmp_path):
    gateway = new_gateway(ca, form="JWK")
    admin = with_admin(gateway)
    gateway.start()
    own = gateway.configuration["issuers"]["main"]
    other = stepca_issuer(ca, tmp_path / "next", "JWK", OTHER)
    command = [tools.built("load"), "-directory", gateway.directory(), "-root", ca.root_path, "-clients", CLIENTS]
    command += ["-count", ISSUANCES, "-http-port", gateway.http_port]
    load = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for turn, section in enumerate((other, own, other), 1):
            wait_until(lambda turn=turn: issued(gateway) > turn * ISSUANCES // 5, "issuances before a change", 90)
            assert admin.put(section).status == 200
            assert issued(gateway) < ISSUANCES, "the load had ended before the change"
        words, errors = load.communicate(timeout=150)
    finally:
        load.kill()
        load.wait()
    assert load.returncode == 0 and json.loads(words.splitlines()[-1])["failures"] == 0, (words, errors)
    assert issued(gateway) == ALL
    assert gateway.query("SELECT status, count(*) AS n FROM orders GROUP BY status") == [{"status": "valid", "n": ALL}]
    assert gateway.query("SELECT * FROM attempts WHERE status <> 'signed'") == []
    assert admin.issuer()["kid"] == ca.keys[OTHER].key_id
