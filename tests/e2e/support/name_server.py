# SPDX-License-Identifier: Apache-2.0
"""pebble-challtestsrv as the name server: every name is this machine, TXT records as a test or a client's hook sets them."""

import json
import urllib.request

from . import tools
from .ports import answers, free_port
from .processes import Process


class NameServer:
    def __init__(self, folder):
        self.port = free_port()
        self.management_port = free_port()
        command = [tools.program("pebble-challtestsrv"), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]
        command += ["-dns01", f"127.0.0.1:{self.port}", "-management", f"127.0.0.1:{self.management_port}"]
        command += ["-http01", "", "-https01", "", "-tlsalpn01", ""]
        self.process = Process("pebble-challtestsrv", command, folder / "name-server.log")
        self.process.wait_ready(lambda: answers(self.management_port))

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def management_url(self):
        return f"http://127.0.0.1:{self.management_port}"

    def stop(self):
        self.process.stop()

    def _tell(self, command, **members):
        body = json.dumps(members).encode()
        urllib.request.urlopen(f"{self.management_url}/{command}", body, timeout=10).close()

    def set_txt(self, name, value):
        """One more value of a name's TXT records."""
        self._tell("set-txt", host=f"{name.rstrip('.')}.", value=value)

    def clear_txt(self, name):
        self._tell("clear-txt", host=f"{name.rstrip('.')}.")

    def set_a(self, name, *addresses):
        self._tell("add-a", host=f"{name.rstrip('.')}.", addresses=list(addresses))

    def set_aaaa(self, name, *addresses):
        self._tell("add-aaaa", host=f"{name.rstrip('.')}.", addresses=list(addresses))

    def set_caa(self, name, *records):
        """Records as (tag, value)."""
        policies = [{"tag": tag, "value": value} for tag, value in records]
        self._tell("add-caa", host=f"{name.rstrip('.')}.", policies=policies)

    def set_servfail(self, name):
        self._tell("set-servfail", host=f"{name.rstrip('.')}.")

    def clear_servfail(self, name):
        self._tell("clear-servfail", host=f"{name.rstrip('.')}.")
