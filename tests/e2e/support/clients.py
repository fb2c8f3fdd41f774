# SPDX-License-Identifier: Apache-2.0
"""The real clients behind one face: each gets, renews and revokes certificates the way its users do."""

import os
import pathlib
import subprocess

from . import tools
from .certificates import load_key, names_of, read_chain
from .http_responder import HttpResponder

# RFC 5280 §5.3.1
REASON_CODES = {
    "unspecified": 0,
    "keyCompromise": 1,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
}

HOOK = pathlib.Path(__file__).with_name("challenge-hook")


class Client:
    """State in `folder`; talks to `gateway`; dns-01 through `name_server`."""

    program = None
    user_agent = None  # a part of what it sends, to be found in the database

    def __init__(self, gateway, folder, name_server):
        self.gateway = gateway
        self.folder = folder
        self.name_server = name_server
        self.path = tools.program(self.program)
        folder.mkdir(parents=True, exist_ok=True)

    def environment(self):
        """What the client finds in its environment."""
        return {"ACMEGATE_TEST_NAME_SERVER": self.name_server.management_url}

    def run(self, *arguments, fails=False, **environment):
        """One run to its end; its output. `fails` says which end is expected."""
        done = subprocess.run(
            [self.path, *map(str, arguments)],
            env={**os.environ, **self.environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=90,
            check=False,
            cwd=self.folder,
        )
        words = f"{self.program} ended with {done.returncode}:\n{done.stdout}\n--- gateway:\n"
        assert (done.returncode != 0) == fails, words + self.gateway.process.output()[-3000:]
        return done.stdout

    def chain(self, name):
        """The certificate it holds for the lineage `name`, leaf first."""
        return read_chain(self.chain_path(name).read_bytes())

    def key(self, name):
        return load_key(self.key_path(name))


class Certbot(Client):
    program = "certbot"
    user_agent = "CertbotACMEClient"

    def environment(self):
        return {**super().environment(), "REQUESTS_CA_BUNDLE": str(self.gateway.root_path)}

    def call(self, command, *arguments, **members):
        common = ["--server", self.gateway.directory(), "--non-interactive"]
        for kind in ("config", "work", "logs"):
            common += [f"--{kind}-dir", self.folder / kind]
        return self.run(command, *common, *arguments, **members)

    def register(self):
        return self.call("register", "--agree-tos", "--email", "ops@e2e.internal", "--no-eff-email")

    def issue(self, names, wildcard=False):
        if wildcard:
            how = ["--manual", "--preferred-challenges", "dns", "--manual-auth-hook", HOOK]
        else:
            how = ["--standalone", "--http-01-address", "127.0.0.1", "--http-01-port", self.gateway.http_port]
        named = [part for name in names for part in ("-d", name)]
        return self.call("certonly", "--agree-tos", "--register-unsafely-without-email", *how, *named)

    def renew(self, name, **members):
        return self.call("renew", "--force-renewal", "--no-random-sleep-on-renew", "--cert-name", name, **members)

    def revoke(self, name, reason, by_key=False, **members):
        """`reason` is the CRL's word, such as keyCompromise."""
        key = ["--key-path", self.key_path(name)] if by_key else []
        what = ["--cert-path", self.chain_path(name).with_name("cert.pem"), "--no-delete-after-revoke"]
        return self.call("revoke", *what, *key, "--reason", reason.lower(), **members)

    def chain_path(self, name):
        return self.folder / "config/live" / name.removeprefix("*.") / "fullchain.pem"

    def key_path(self, name):
        return self.chain_path(name).with_name("privkey.pem")


class Lego(Client):
    program = "lego"
    user_agent = "xenolf-acme"

    def environment(self):
        trust = {"LEGO_CA_CERTIFICATES": str(self.gateway.root_path)}
        hook = {"EXEC_PATH": str(HOOK), "EXEC_SEQUENCE_INTERVAL": "1"}  # a minute between two names without it
        return {**super().environment(), **trust, **hook}

    def call(self, names, challenge, command, *arguments, **members):
        named = [part for name in names for part in ("--domains", name)]
        common = ["--server", self.gateway.directory(), "--accept-tos", "--email", "ops@e2e.internal"]
        return self.run("--path", self.folder, *common, *named, *challenge, command, *arguments, **members)

    def _http(self):
        return ["--http", "--http.port", f"127.0.0.1:{self.gateway.http_port}"]

    def issue(self, names, wildcard=False):
        resolvers = ["--dns.disable-cp", "--dns.resolvers", self.name_server.address]
        return self.call(names, ["--dns", "exec", *resolvers] if wildcard else self._http(), "run")

    def renew(self, name, **members):
        names = names_of(self.chain(name)[0])
        names.sort(key=lambda one: one != name)
        return self.call(names, self._http(), "renew", "--days", "3650", "--no-random-sleep", **members)

    def revoke(self, name, reason, **members):
        return self.call([name], [], "revoke", "--keep", "--reason", REASON_CODES[reason], **members)

    def chain_path(self, name):
        return self.folder / "certificates" / f"{name.replace('*', '_')}.crt"

    def key_path(self, name):
        return self.chain_path(name).with_suffix(".key")


class Uacme(Client):
    program = "uacme"
    user_agent = "uacme/"

    def environment(self):
        return {
            **super().environment(),
            # uacme has no option for a CA file; this tells its curl of one.
            "LD_PRELOAD": str(tools.preload_library("curl_ca_preload")),
            "ACMEGATE_TEST_CA": str(self.gateway.root_path),
            "ACMEGATE_TEST_WEBROOT": str(self.folder / "webroot"),
        }

    def call(self, *arguments, challenge="http-01", **members):
        common = ["--acme-url", self.gateway.directory(), "--confdir", self.folder, "--hook", HOOK, "--yes"]
        return self.run(*common, "--type", "EC", *arguments, ACMEGATE_TEST_CHALLENGE=challenge, **members)

    def register(self):
        return self.call("new", "ops@e2e.internal")

    def issue(self, names, wildcard=False):
        if not (self.folder / "private/key.pem").exists():
            self.register()
        if wildcard:
            return self.call("issue", *names, challenge="dns-01")
        webroot = self.folder / "webroot"
        webroot.mkdir(exist_ok=True)
        with HttpResponder(self.gateway.http_port, webroot):
            return self.call("--force", "issue", *names)

    def renew(self, name):
        names = names_of(self.chain(name)[0])
        names.sort(key=lambda one: one != name)
        return self.issue(names)

    def revoke(self, name, reason, by_key=False, **members):
        key = [self.key_path(name)] if by_key else []
        return self.call("--reason", REASON_CODES[reason], "revoke", self.chain_path(name), *key, **members)

    def chain_path(self, name):
        return self.folder / name.removeprefix("*.") / "cert.pem"

    def key_path(self, name):
        return self.folder / "private" / name.removeprefix("*.") / "key.pem"
