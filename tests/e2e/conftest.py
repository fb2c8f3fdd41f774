# SPDX-License-Identifier: Apache-2.0
"""The fixtures, how the tests are spread over processes, and the options."""

import sys

sys.dont_write_bytecode = True

from support import engine_option  # noqa: E402
from support.conformance import Conformance  # noqa: E402
from support.engine_option import engine, pytest_collection_modifyitems  # noqa: E402,F401
from support.fixtures import *  # noqa: E402,F401,F403
from support.scheduling import pytest_xdist_make_scheduler  # noqa: E402,F401


def pytest_addoption(parser):
    parser.addoption("--conformance", action="store_true", help="run what carries a check's number, and print the list")
    engine_option.pytest_addoption(parser)


def pytest_configure(config):
    if config.getoption("--conformance"):
        config.pluginmanager.register(Conformance())
