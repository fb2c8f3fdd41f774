# SPDX-License-Identifier: Apache-2.0
"""Clients from elsewhere, each driven the way its users do."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from support import tools
from support.certificates import key_pem, names_of, new_csr, new_key, pem
from support.checks import certificate_served
from support.clients import REASON_CODES, Certbot, Client
from support.http_responder import HttpResponder
from support.ports import free_port
from support.processes import Process
from support.waiting import wait_until


class NewestCertbot(Certbot):
    """certbot as PyPI has it, with python `acme` of the same version."""

    def __init__(self, gateway, folder, name_server):
        super().__init__(gateway, folder, name_server)
        self.path = tools.built("certbot")

    def standalone(self, *arguments, **members):
        how = ["--standalone", "--http-01-address", "127.0.0.1", "--http-01-port", self.gateway.http_port]
        return self.call("certonly", "--agree-tos", "--register-unsafely-without-email", *how, *arguments, **members)


class Dehydrated(Client):
    program = "dehydrated"
    user_agent = "dehydrated/"

    def call(self, *arguments, **members):
        (self.folder / "webroot").mkdir(exist_ok=True)
        settings = {
            "CA": self.gateway.directory(),
            "BASEDIR": self.folder,
            "WELLKNOWN": self.folder / "webroot",
            "CURL_OPTS": f"--cacert {self.gateway.root_path}",
            "CONTACT_EMAIL": "ops@e2e.internal",
            "KEY_ALGO": "prime256v1",
            "RENEW_DAYS": "0",
        }
        config = self.folder / "config"
        config.write_text("".join(f'{name}="{value}"\n' for name, value in settings.items()))
        with HttpResponder(self.gateway.http_port, self.folder / "webroot"):
            return self.run("--config", config, *arguments, **members)

    def issue(self, names):
        if not (self.folder / "accounts").exists():
            self.call("--register", "--accept-terms")
        return self.call("--cron", "--domain", " ".join(names))

    def renew(self, name):
        return self.call("--cron", "--force", "--domain", " ".join(self.names(name)))

    def names(self, name):
        return sorted(names_of(self.chain(name)[0]), key=lambda one: one != name)

    def revoke(self, name, _reason):
        return self.call("--revoke", self.chain_path(name).with_name("cert.pem").resolve())

    def chain_path(self, name):
        return self.folder / "certs" / name / "fullchain.pem"

    def key_path(self, name):
        return self.folder / "certs" / name / "privkey.pem"


class AcmeSh(Client):
    """acme.sh is in no package registry: it is tried where somebody has put it into PATH."""

    user_agent = "acme.sh/"

    @property
    def program(self):
        return "acme.sh" if shutil.which("acme.sh") else pytest.skip("acme.sh is in no package registry; put it into PATH")

    def call(self, *arguments, **members):
        challenges = self.folder / "webroot/.well-known/acme-challenge"
        challenges.mkdir(parents=True, exist_ok=True)
        common = ["--home", self.folder / "home", "--server", self.gateway.directory(), "--ca-bundle", self.gateway.root_path]
        with HttpResponder(self.gateway.http_port, challenges):
            return self.run(*common, *arguments, **members)

    def issue(self, names):
        named = [part for name in names for part in ("-d", name)]
        return self.call("--issue", "--webroot", self.folder / "webroot", *named)

    def renew(self, name):
        return self.call("--renew", "--force", "--ecc", "-d", name)

    def revoke(self, name, reason):
        return self.call("--revoke", "--ecc", "-d", name, "--revoke-reason", REASON_CODES[reason])

    def chain_path(self, name):
        return self.folder / "home" / f"{name}_ecc" / "fullchain.cer"

    def key_path(self, name):
        return self.folder / "home" / f"{name}_ecc" / f"{name}.key"


class AcmeTiny(Client):
    """It takes an account key and a CSR and prints a chain: no more."""

    program = "acme-tiny"
    user_agent = "acme-tiny"

    def environment(self):
        return {**super().environment(), "SSL_CERT_FILE": str(self.gateway.root_path)}

    def issue(self, names):
        webroot, account = self.folder / "webroot", self.folder / "account.pem"
        webroot.mkdir(exist_ok=True)
        if not account.exists():
            account.write_bytes(self.run_openssl("genrsa", "-traditional", "2048"))
        key = new_key()
        self.key_path(names[0]).write_bytes(key_pem(key))
        request = self.folder / f"{names[0]}.csr"
        request.write_bytes(pem(new_csr(key, names)))
        with HttpResponder(self.gateway.http_port, webroot):
            done = subprocess.run(
                [self.path, "--quiet", "--disable-check", "--account-key", account, "--csr", request]
                + ["--acme-dir", webroot, "--directory-url", self.gateway.directory()],
                env={**os.environ, **self.environment()}, capture_output=True, timeout=60, check=False,
            )
        assert done.returncode == 0, done.stderr.decode()
        self.chain_path(names[0]).write_bytes(done.stdout)

    @staticmethod
    def run_openssl(*arguments):
        return subprocess.run(["openssl", *arguments], capture_output=True, check=True).stdout

    def renew(self, name):
        self.issue(sorted(names_of(self.chain(name)[0]), key=lambda one: one != name))

    def chain_path(self, name):
        return self.folder / f"{name}.pem"

    def key_path(self, name):
        return self.folder / f"{name}.key"


class Server:
    """A web server that gets its certificates itself. In a `with` statement it runs."""

    def __init__(self, gateway, folder):
        self.gateway, self.folder, self.port = gateway, folder, free_port()
        self.process = None
        folder.mkdir(parents=True, exist_ok=True)

    def __exit__(self, *_):
        self.process.stop()

    def certificate(self, name):
        return wait_until(lambda: certificate_served(self.port, name, self.gateway.root_path), f"a certificate for {name}", 60)


class Caddy(Server):
    user_agent = "CertMagic"

    def __init__(self, gateway, folder, names, eab=None, renewing=False):
        """`renewing`: it renews what it has as soon as it starts, as if it were about to end."""
        super().__init__(gateway, folder)
        issuer = {"module": "acme", "ca": gateway.directory(), "email": "ops@e2e.internal",
                  "trusted_roots_pem_files": [str(gateway.root_path)],
                  "challenges": {"http": {"alternate_port": gateway.http_port}, "tls-alpn": {"disabled": True}}}
        if eab:
            issuer["external_account"] = {"key_id": eab[0], "mac_key": eab[1]}
        route = {"match": [{"host": names}], "handle": [{"handler": "static_response", "body": "here"}]}
        apps = {"http": {"http_port": gateway.http_port, "https_port": self.port,
                         "servers": {"web": {"listen": [f"127.0.0.1:{self.port}"], "routes": [route]}}},
                "tls": {"automation": {"policies": [{"issuers": [issuer]}]}}}
        if renewing:
            apps["tls"]["automation"]["policies"][0]["renewal_window_ratio"] = 0.9999
        storage = {"module": "file_system", "root": str(folder / "storage")}
        self.configuration = folder / "caddy.json"
        self.configuration.write_text(json.dumps({"admin": {"disabled": True}, "storage": storage, "apps": apps}))

    def __enter__(self):
        command = [tools.built("caddy"), "run", "--config", self.configuration]
        self.process = Process("caddy", command, self.folder / "caddy.log", {**os.environ, "HOME": str(self.folder)})
        return self


APACHE = """
ServerRoot {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
LogLevel md:debug
ServerName {name}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule ssl_module {modules}/mod_ssl.so
LoadModule md_module {modules}/mod_md.so
Listen 127.0.0.1:{http}
Listen 127.0.0.1:{https}
MDStoreDir {folder}/md
MDCertificateAuthority {directory}
MDCertificateAgreement accepted
MDCACertificateFile {root}
MDContactEmail ops@e2e.internal
MDPrivateKeys P-256
MDCAChallenges http-01
MDPortMap http:{http} https:{https}
MDomain {name}
<VirtualHost *:{https}>
    ServerName {name}
    SSLEngine on
</VirtualHost>
"""


class ApacheMd(Server):
    """Apache with mod_md. A certificate that it got is served after a restart, as its manual says."""

    user_agent = "mod_md/"

    def __init__(self, gateway, folder, name):
        super().__init__(gateway, folder)
        self.name = name
        self.configuration = folder / "apache.conf"
        self.configuration.write_text(
            APACHE.format(folder=folder, name=name, modules="/usr/lib/apache2/modules", http=gateway.http_port,
                          https=self.port, directory=gateway.directory(), root=gateway.root_path)
        )

    def __enter__(self):
        command = [tools.program("apache2"), "-f", self.configuration, "-DFOREGROUND"]
        self.process = Process("apache2", command, self.folder / "apache.log", os.environ)
        return self

    def staged(self):
        """Whether a certificate waits for the restart."""
        return any((self.folder / "md/staging" / self.name).glob("pubcert*.pem"))


def _steps(command, **environment):
    """What came of each step that a program tells of: {step: result}."""
    done = subprocess.run(
        list(map(str, command)), env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {line["step"]: line["result"] for line in lines}


def go_library(gateway, library, names, eab, profile):
    """tests/interop/go: every step of one library in one run."""
    command = [tools.built("interop"), "-library", library, "-directory", gateway.directory()]
    command += ["-root", gateway.root_path, "-http", gateway.http_port, "-profile", profile]
    return _steps([*command, "-kid", eab[0], "-mac", eab[1], *names])


def python_acme(gateway, names, eab, profile):
    """tests/interop/python_acme.py, with the `acme` of the newest certbot."""
    python = pathlib.Path(tools.built("certbot")).resolve().with_name("python")
    script = pathlib.Path(__file__).with_name("python_acme.py")
    command = [python, script, gateway.directory(), gateway.http_port, profile, *eab, *names]
    return _steps(command, REQUESTS_CA_BUNDLE=str(gateway.root_path))
