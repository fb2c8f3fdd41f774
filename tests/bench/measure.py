# SPDX-License-Identifier: Apache-2.0
"""What every measurement uses: the load generator, and what /proc says of a process."""

import json
import os
import pathlib
import subprocess

from support import tools

TICKS = os.sysconf("SC_CLK_TCK")


class Load:
    """The load generator. It says where it stands, and goes on when told: `ready` is reached by the constructor."""

    def __init__(self, *arguments):
        built = subprocess.run([tools.ROOT / "tests/e2e/tools/build", "load"], capture_output=True, text=True, check=True)
        self.child = subprocess.Popen(
            [built.stdout.strip(), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.await_word("ready")

    def await_word(self, word):
        if self.child.stdout.readline().strip() != word:
            self.child.kill()
            raise RuntimeError(f"the load generator did not come to {word!r}")

    def go_on(self):
        self.child.stdin.write("\n")
        self.child.stdin.flush()

    def result(self):
        output, _ = self.child.communicate("\n", timeout=900)
        result = json.loads(output)
        if result["failures"]:
            raise RuntimeError(f"{result['failures']} issuances failed")
        return result


def processor_ms(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / TICKS


def memory_mib(pid, what="VmRSS"):
    """VmRSS: resident now; VmHWM: the most that ever was."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) / 1024
    raise ValueError(what)


def load_arguments(gateway):
    return ["-directory", gateway.directory(), "-root", gateway.root_path, "-http-port", gateway.http_port]


def measure_once(clients, count, arguments, pid, ca_pid, key="p256"):
    """One run of the load: what it says, and the processor time of the server and of the CA for each issuance."""
    load = Load("-clients", clients, "-count", count, "-account-key", key, *arguments)
    before, ca_before = processor_ms(pid), processor_ms(ca_pid)
    result = load.result()
    result["cpu_ms"] = (processor_ms(pid) - before) / result["issued"]
    result["ca_cpu_ms"] = (processor_ms(ca_pid) - ca_before) / result["issued"]
    result["rss_mib"] = memory_mib(pid)
    return result
