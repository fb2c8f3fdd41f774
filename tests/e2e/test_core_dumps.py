# SPDX-License-Identifier: Apache-2.0
"""No core dump can hold keys."""

import os
import subprocess
import tempfile

from support import tools
from support.ports import free_port
from support.waiting import wait_until

NOBODY = 65534


def test_S16_a_server_leaves_no_core_dump(tmp_path):
    """The kernel gives what lies in /proc of a process that is not dumpable to root, whoever runs it."""
    folder = tempfile.TemporaryDirectory()
    os.chown(folder.name, NOBODY, NOBODY)
    command = [tools.acmegate(), "dev", "--state", folder.name, "--port", str(free_port()), "--http-port", str(free_port())]
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(command, user=NOBODY, group=NOBODY, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: "acme/directory" in (tmp_path / "log").read_text() or process.poll() is not None, "the server to start")
        assert process.poll() is None, (tmp_path / "log").read_text()
        limits = open(f"/proc/{process.pid}/limits").read()
        (line,) = [one for one in limits.splitlines() if one.startswith("Max core file size")]
        assert line.split()[4:6] == ["0", "0"]
        assert os.stat(f"/proc/{process.pid}/status").st_uid == 0
    finally:
        process.terminate()
        process.wait(30)
        log.close()
        folder.cleanup()
