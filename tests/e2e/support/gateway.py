# SPDX-License-Identifier: Apache-2.0
"""The gateway under test, started from a configuration that a test may change."""

import contextlib
import json
import os
import re
import socket
import ssl
import subprocess

from . import tools
from .acme_client import AcmeClient
from .databases import SQLite
from .ports import free_port
from .processes import Process
from .step_ca import PROVISIONER
from .waiting import wait_until

# What a sanitizer prints when it has found something, and what the store prints when it refuses a state (acme/states.c).
_FAULT = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|is not a transition of an")


def stepca_issuer(ca, folder, form="flattened JWE", provisioner=PROVISIONER, url=None):
    """The configuration of an issuer for this CA, its key written to `folder`."""
    key = ca.keys[provisioner]
    folder.mkdir(parents=True, exist_ok=True)
    key_path = folder / f"{provisioner}.key"
    key_path.write_text(key.text(form))
    issuer = {
        "type": "stepca",
        "ca_url": url or ca.url,
        "provisioner_name": provisioner,
        "provisioner_key_path": str(key_path),
        "root_cert_path": str(ca.root_path),
    }
    if key.is_encrypted(form):
        password_path = folder / f"{provisioner}.password"
        password_path.write_text(key.password + "\n")
        password_path.chmod(0o600)
        issuer["provisioner_password_file"] = str(password_path)
    return issuer


class Gateway:
    """`issuer` is the main issuer's configuration; `name_server` may be None. `configuration` may be changed until
    start()."""

    new_database = SQLite  # makes one for a gateway in this folder (--engine)

    def __init__(self, folder, issuer, root_path, name_server=None):
        self.folder = folder
        self.root_path = root_path
        self.port = free_port()
        self.http_port = free_port()
        self.tls_port = free_port()
        self.process = None
        self.variables = {}  # more of the environment
        self.before = []  # a program with options that starts the gateway in its own process
        self.passed = None  # sockets as a service manager passes them (PassedSockets)
        folder.mkdir(parents=True, exist_ok=True)
        self.store = Gateway.new_database(folder)
        self.configuration = {
            "base_url": f"https://localhost:{self.port}",
            "listen": [f"127.0.0.1:{self.port}"],
            **self.store.configuration,
            "tls": {"issuer": "main"},
            "issuers": {"main": issuer},
            "profiles": {"default": {"issuer": "main", "max_ttl": "24h"}},
            "endpoints": {"acme": {"profiles": ["default"], "challenges": ["http-01", "dns-01", "tls-alpn-01"]}},
            # All tests come from one address, and the benchmark orders one name.
            "limits": {
                "orders_per_account": "off",
                "orders_per_name": "off",
                "accounts_per_address": "off",
                "changes_per_account": "off",
                "refusals": "off",
            },
            "validation": {
                "resolvers": [name_server.address] if name_server else [],
                "http_port": self.http_port,
                "tls_port": self.tls_port,
                "allow_addresses": ["127.0.0.0/8", "::1/128"],
                "retry_for": "2s",
                "timeout": "5s",
            },
        }

    @property
    def config_path(self):
        return self.folder / "acmegate.json"

    @property
    def log(self):
        return self.folder / "acmegate.log"

    @property
    def database(self):
        """SQLite's file, PostgreSQL's URI."""
        return self.store.place

    def beside(self, ending):
        """A file that the server keeps for itself: beside the database's file, or else in its folder."""
        return self.store.beside(ending)

    def directory(self, endpoint="acme", host="localhost"):
        return f"https://{host}:{self.port}/acme/{endpoint}/directory"

    # ---- running ----

    def write_configuration(self):
        self.config_path.write_text(json.dumps(self.configuration, indent=2))

    def launch(self):
        """Starts `serve` without waiting for anything."""
        self.write_configuration()
        command = [*self.before, tools.acmegate(), "serve", "--config", self.config_path]
        fds = () if self.passed is None else self.passed.fds
        if self.passed is not None:
            command = self.passed.command(command)
        self.process = Process("acmegate", command, self.log, {**environment(), **self.variables}, fds)
        return self

    def start(self, seconds=30):
        self.launch()
        self.process.wait_ready(self.serves, seconds)
        return self

    def serves(self):
        """A TLS handshake that verifies: the listener is up and has its certificate."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as plain:
                context = ssl.create_default_context(cafile=str(self.root_path))
                with context.wrap_socket(plain, server_hostname="localhost"):
                    return True
        except OSError:
            return False

    def stop(self):
        """A clean end: exit status 0, and nothing that a sanitizer or the table of states minds."""
        if not self.process:
            return
        running = self.process.running()
        status = self.process.stop()
        found = _FAULT.search(self.process.output())
        assert not found, self.process.output()[-6000:]
        assert not running or status == 0, f"acmegate ended with {status}:\n{self.process.output()[-3000:]}"

    def kill(self):
        self.process.kill()

    def lose_database(self):
        """As a disk that has gone, but for what docs/recovery.md says to keep. Ids are numbered by the second that objects are
        made in: what is made from now on is of a later one."""
        self.kill()
        newest = "SELECT unixepoch() > coalesce(max(at), 0) AS past FROM events"
        wait_until(lambda: self.query(newest)[0]["past"], "the second to end")
        self.store.lose()

    def run(self, command, *arguments, **variables):
        """A command of the program to its end: (exit status, standard output, standard error)."""
        self.write_configuration()
        return run_command(tools.acmegate(), command, "--config", self.config_path, *arguments, **variables)

    # ---- looking ----

    def client(self, key=None, endpoint="acme", host="localhost", **members):
        """A registered account."""
        return AcmeClient(self.directory(endpoint, host), self.root_path, key, **members).register()

    def query(self, sql, *parameters):
        """Rows as dictionaries, read from the live database."""
        with contextlib.closing(self.store.reader()) as reader:
            return reader.query(sql, *parameters)

    def execute(self, sql, *parameters):
        """Changes the database of a stopped gateway, as time or a mishap would."""
        self.store.execute(sql, parameters)


def environment():
    """The tests' own, without what would configure the gateway."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("ACMEGATE_", "CERTCTL_"))}
    return {**ours, "UBSAN_OPTIONS": "print_stacktrace=1"}


def run_command(program, *arguments, **variables):
    """Runs acmegate to its end, with `variables` in its environment; what _FAULT matches fails the test."""
    done = subprocess.run(
        [program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**environment(), **variables},
        check=False,
    )
    assert not _FAULT.search(done.stderr), done.stderr[-6000:]
    return done.returncode, done.stdout, done.stderr
