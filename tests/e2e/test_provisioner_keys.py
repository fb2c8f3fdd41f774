# SPDX-License-Identifier: Apache-2.0
"""The provisioner's key in every form its users have it in, of every kind that step-ca knows."""

import pytest

from client_scenarios import fresh_name
from support import tools
from support.acme_client import HttpProver
from support.certificates import KEY_KINDS
from support.checks import assert_chains_to
from support.gateway import Gateway, stepca_issuer
from support.provisioner_keys import FEW_ROUNDS, FORMS, STEP_ROUNDS, ProvisionerKey
from support.step_ca import StepCA

CURRENT, OLDEST = tools.STEP_CA_VERSIONS
CASES = [(CURRENT, kind, form) for kind in KEY_KINDS for form in FORMS]
CASES += [(OLDEST, kind, "flattened JWE") for kind in KEY_KINDS]


def profile(version, kind, form):
    return f"{version} {kind} {form}".lower().replace(" ", "-").replace(".", "-")


@pytest.fixture(scope="module")
def cas(tmp_path_factory):
    """Each version with a provisioner for each kind of key; one of them as slow to open as step makes them."""
    rounds = {KEY_KINDS[0]: STEP_ROUNDS}
    keys = {f"key {kind}": ProvisionerKey(kind, rounds.get(kind, FEW_ROUNDS)) for kind in KEY_KINDS}
    folder = tmp_path_factory.mktemp("cas")
    running = {version: StepCA(folder / version, version, keys).start() for version in tools.STEP_CA_VERSIONS}
    yield running
    for ca in running.values():
        ca.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, cas, name_server):
    """One gateway with a profile for each case: its issuer is that CA with that key in that form."""
    folder = tmp_path_factory.mktemp("keys")
    issuers = {
        profile(version, kind, form): stepca_issuer(
            cas[version], folder / profile(version, kind, form), form=form, provisioner=f"key {kind}"
        )
        for version, kind, form in CASES
    }
    gateway = Gateway(folder / "gateway", None, cas[CURRENT].root_path, name_server)
    gateway.configuration["issuers"] = issuers
    gateway.configuration["tls"]["issuer"] = profile(*CASES[0])
    gateway.configuration["profiles"] = {name: {"issuer": name, "max_ttl": "24h"} for name in issuers}
    gateway.configuration["endpoints"]["acme"]["profiles"] = list(issuers)
    yield gateway.start(seconds=60)
    gateway.stop()


@pytest.mark.parametrize("version,kind,form", CASES, ids=[" ".join(case) for case in CASES])
def test_key_signs_what_step_ca_accepts(gateway, cas, responder, version, kind, form):
    client, name = gateway.client(), fresh_name()
    chain = client.issue([name], HttpProver(responder(gateway)), profile=profile(version, kind, form))
    assert_chains_to(chain, cas[version].root.certificate)
