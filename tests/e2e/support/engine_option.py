# SPDX-License-Identifier: Apache-2.0
"""`--engine sqlite|postgresql`: where the gateways of a run keep their data, and which tests are left out for it."""

import pytest

from . import databases
from .gateway import Gateway

ENGINES = ("sqlite", "postgresql")


def pytest_addoption(parser):
    try:
        parser.addoption("--engine", choices=ENGINES, default="sqlite", help="where the gateways keep their data")
    except ValueError:
        pass  # the other folder's conftest.py has added it


def pytest_collection_modifyitems(config, items):
    """Tests that carry the mark of an engine are for that engine only."""
    others = [name for name in ENGINES if name != config.getoption("--engine")]
    left_out = [item for item in items if any(map(item.get_closest_marker, others))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session", autouse=True)
def engine(request):
    """The option. Every gateway that is made from here on has a database of its own there."""
    name = request.config.getoption("--engine")
    if name == "postgresql":
        server = request.getfixturevalue("shared_postgresql")
        Gateway.new_database = lambda folder: databases.PostgreSQL(folder, server)
    return name
