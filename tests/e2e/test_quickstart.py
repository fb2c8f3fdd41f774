# SPDX-License-Identifier: Apache-2.0
"""The one command for a newcomer: gateway/quickstart."""

import re
import subprocess

import pytest

from support import tools

QUICKSTART = tools.ROOT / "gateway/quickstart"


def run(*arguments, seconds=900):
    tools.release()  # what it builds itself is up to date then
    command = [QUICKSTART, "--once", *map(str, arguments)]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def assert_proof(output):
    """A certificate for localhost, the order as sqlite3 shows it, and the directory to point a client at."""
    assert re.search(r"acmegate is serving https://localhost:\d+/acme/acme/directory", output)
    assert re.search(r"DNS:localhost", output) and "notAfter=" in output
    assert re.search(r"state = valid", output)


@pytest.mark.timeout(1000)
def test_quickstart_works_and_works_again(tmp_path):
    for _ in range(2):
        assert_proof(run("--state", tmp_path / "state"))


@pytest.mark.timeout(1000)
def test_quickstart_with_a_real_step_ca(tmp_path):
    tools.step_ca(tools.STEP_CA_VERSIONS[0])
    for _ in range(2):
        output = run("--step-ca", "--state", tmp_path / "state")
        assert_proof(output)
        assert "Quickstart step-ca" in output  # the issuer of the certificate shown
