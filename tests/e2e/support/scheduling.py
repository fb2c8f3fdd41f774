"""Which worker of pytest-xdist runs which tests, and in which order. Tests of one file stay together, for they share fixtures.
The longest files start first, so that no worker is left with a long one at the end."""

import pytest

# The longest files, the longest first: pytest's --durations shows where this list is out of date.
LONGEST = (
    "quickstart",
    "matrix",
    "rotation_under_load",
    "revocation_status",
    "hostile",
    "outage",
    "renewal_info",
    "own_certificate",
    "eab",
    "revocation_faults",
    "permission",
    "ca_limits",
)


def group(nodeid):
    """The name of the tests that one worker runs together."""
    return nodeid.split("::")[0]


def rank(name):
    """Smaller starts sooner."""
    file = name.rsplit("/", 1)[-1].removesuffix(".py").removeprefix("test_")
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class LongestFirst(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group(nodeid)

        def _assign_work_unit(self, node):
            self.workqueue.move_to_end(min(self.workqueue, key=rank), last=False)
            super()._assign_work_unit(node)

    return LongestFirst(config, log)
