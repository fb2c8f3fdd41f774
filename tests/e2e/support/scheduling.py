# SPDX-License-Identifier: Apache-2.0
"""Which worker of pytest-xdist runs which tests, and in which order. Tests that share fixtures of their file run in one
worker. The longest start first, so that no worker is left with a long one at the end."""

import collections
import functools

import pytest

from .tools import ROOT

# They build in one folder, and take fixed ports.
TOGETHER = {"test_quickstart.py"}

# What runs longest, the longest first, as the beginnings of ids. pytest's --durations shows where this is out of date.
LONGEST = (
    "test_quickstart.py",
    "test_matrix.py",
    "test_interop.py",
    "test_many_gateways.py",
    "test_gateway_kills.py",
    "test_issuer_changes.py",
    "test_outage.py::test_a_renewal_fails",
    "test_rotation_under_load.py",
    "test_migration.py",
    "test_database_lost.py",
    "test_local_ca.py::test_an_encrypted_ca",
    "test_outage.py",
    "test_revocation_status.py::test_while_the_ca_is_away",
    "test_own_certificate.py",
    "test_hostile.py",
    "test_stepca_api.py",
    "test_name_servers.py",
    "test_database_restored.py",
    "test_import.py",
    "test_revocation_status.py",
    "test_revocation_faults.py",
    "test_eab.py::test_certbot_and_lego",
    "test_postgresql_faults.py",
)


@functools.lru_cache(maxsize=None)
def shares_fixtures(file):
    """True for a file with fixtures that are made once for its tests."""
    texts = [path.read_text() for folder in ("e2e", "interop") if (path := ROOT / "tests" / folder / file).is_file()]
    words = ('scope="module"', "new_module_gateway", "module_postgresql", "module_engines")
    return any(word in text for text in texts for word in words)


def group(nodeid):
    """The name of the tests that one worker runs together: a file's, or the one test's."""
    file = nodeid.split("::")[0]
    return file if file in TOGETHER or shares_fixtures(file) else nodeid


def rank(name):
    """Of a group: the smaller starts sooner."""
    return next((at for at, start in enumerate(LONGEST) if name.startswith(start)), len(LONGEST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class LongestFirst(LoadScopeScheduling):
        in_order = False

        def _split_scope(self, nodeid):
            return group(nodeid)

        def _assign_work_unit(self, node):
            if not self.in_order:
                self.workqueue = collections.OrderedDict(sorted(self.workqueue.items(), key=lambda unit: rank(unit[0])))
                self.in_order = True
            super()._assign_work_unit(node)

    return LongestFirst(config, log)
