# SPDX-License-Identifier: Apache-2.0
"""The fixtures of the end-to-end tests, for clients from elsewhere: run by tests/run with tests/e2e/pytest.ini."""

from support.engine_option import engine, pytest_addoption, pytest_collection_modifyitems  # noqa: F401
from support.fixtures import *  # noqa: F401,F403
from support.scheduling import pytest_xdist_make_scheduler  # noqa: F401
