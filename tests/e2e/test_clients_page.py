# SPDX-License-Identifier: Apache-2.0
"""The lines and files of docs/clients.md, run as they stand there: real clients with an external account key each."""

import os
import pathlib
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from client_scenarios import fresh_name
from support import tools
from support.certificates import names_of, new_csr, new_key, pem, read_chain
from support.checks import assert_chains_to, certificate_served
from support.eab import add_shown_key
from support.http_responder import HttpResponder
from support.page import Host, Page, adapted
from support.ports import free_port
from support.processes import Process
from support.waiting import wait_until

PAGE = Page("docs/clients.md")


class Site:
    def __init__(self, ca, gateway):
        self.ca, self.gateway = ca, gateway

    def assert_issued(self, chain, name):
        """One that the gateway issued for this name, for the account with a key. Its serial number."""
        assert names_of(chain[0]) == [name]
        assert_chains_to(chain, self.ca.root.certificate)
        serial = f"{chain[0].serial_number:x}"
        (row,) = self.gateway.query(
            "SELECT o.state, a.eab_kid FROM v_orders o JOIN v_accounts a ON a.id = o.account WHERE serial = ?", serial
        )
        assert row["state"] == "valid" and row["eab_kid"] is not None
        return serial


@pytest.fixture(scope="module")
def site(new_module_gateway, step_ca):
    gateway = new_module_gateway(step_ca)
    gateway.configuration["profiles"]["short"] = {"issuer": "main", "max_ttl": "1h"}
    gateway.configuration["endpoints"]["acme"] |= {"profiles": ["default", "short"], "eab": "required"}
    return Site(step_ca, gateway.start())


class ClientHost(Host):
    """A host with one client: `name` is its name, `kid` and `mac` are its key."""

    def __init__(self, folder, site):
        self.site, self.name = site, fresh_name()
        self.kid, self.mac = add_shown_key(site.gateway)
        gateway = site.gateway
        super().__init__(
            folder,
            gateway,
            {
                "https://acme.internal:9443": gateway.configuration["base_url"],
                "host.internal": self.name,
                "/etc/ssl/root_ca.crt": site.gateway.root_path,
                "KID": self.kid,
                "HMAC": self.mac,
            },
        )

    def page(self, client, step, more=""):
        return self.run(PAGE.lines[client, step] + more)

    def issued(self, path):
        return self.site.assert_issued(read_chain(pathlib.Path(path).read_bytes()), self.name)


@pytest.fixture
def host(site, tmp_path):
    return ClientHost(tmp_path / "host", site)


# ---- clients that a timer calls ----


@pytest.fixture(params=["Debian's", "newest"])
def certbot(request, host):
    return with_certbot(host, tools.program("certbot") if request.param == "Debian's" else tools.built("certbot"))


def with_certbot(host, program):
    host.programs["certbot"] = program
    ini = host.folder / "letsencrypt/cli.ini"
    ini.parent.mkdir(parents=True)
    ini.write_text(
        "".join(f"{kind}-dir = {host.folder}/{kind}\n" for kind in ("config", "work", "logs"))
        + "non-interactive = true\nno-random-sleep-on-renew = true\n"
        + f"http-01-port = {host.gateway.http_port}\nhttp-01-address = 127.0.0.1\n"
    )
    host.environment["XDG_CONFIG_HOME"] = str(host.folder)
    host.places["/etc/letsencrypt"] = host.folder / "config"
    return host


def test_certbot(certbot):
    live = certbot.folder / f"config/live/{certbot.name}/fullchain.pem"
    certbot.page("certbot", "order")
    first = certbot.issued(live)
    certbot.page("certbot", "renew", " --force-renewal")
    second = certbot.issued(live)
    assert second != first
    certbot.page("certbot", "window")
    certbot.page("certbot", "renew")
    assert certbot.issued(live) == second


def test_certbot_changes_its_key_as_the_page_on_keys_says(certbot, site):
    certbot.page("certbot", "order")
    certbot.run("REQUESTS_CA_BUNDLE=/etc/ssl/root_ca.crt certbot unregister --server https://acme.internal:9443/acme/acme/directory")
    certbot.places |= dict(zip(("KID", "HMAC"), add_shown_key(site.gateway)))
    certbot.page("certbot", "order", " --force-renewal")
    serial = certbot.issued(certbot.folder / f"config/live/{certbot.name}/fullchain.pem")
    (row,) = site.gateway.query(
        "SELECT a.eab_kid FROM v_orders o JOIN v_accounts a ON a.id = o.account WHERE serial = ?", serial
    )
    assert row["eab_kid"] == certbot.places["KID"]


def test_the_newest_certbot_by_profile(host):
    with_certbot(host, tools.built("certbot"))
    host.page("certbot", "order", " --required-profile short")
    serial = host.issued(host.folder / f"config/live/{host.name}/fullchain.pem")
    assert host.gateway.query("SELECT profile FROM v_orders WHERE serial = ?", serial) == [{"profile": "short"}]


def test_lego(host):
    host.programs["lego"] = tools.program("lego")
    host.places |= {
        "/var/lib/lego": host.folder / "lego",
        "--http ": f"--http --http.port 127.0.0.1:{host.gateway.http_port} ",
    }
    held = host.folder / f"lego/certificates/{host.name}.crt"
    host.page("lego", "order")
    first = host.issued(held)
    host.page("lego", "renew")
    assert host.issued(held) != first
    assert host.gateway.query("SELECT uses FROM v_eab_keys WHERE kid = ?", host.kid) == [{"uses": 1}]


def uacme_asks_when_to_renew():
    usage = subprocess.run([tools.program("uacme"), "--help"], capture_output=True, text=True, check=False)
    return "--no-ari" in usage.stdout + usage.stderr


@pytest.fixture
def site_of_days(new_step_ca, new_gateway):
    """uacme asks when to renew only while a whole day is left."""
    ca = new_step_ca(claims={"maxTLSCertDuration": "72h", "defaultTLSCertDuration": "24h"})
    gateway = new_gateway(ca)
    gateway.configuration["profiles"]["default"]["max_ttl"] = "72h"
    gateway.configuration["endpoints"]["acme"]["eab"] = "required"
    return Site(ca, gateway.start())


def test_uacme(site_of_days, tmp_path):
    host = ClientHost(tmp_path / "host", site_of_days)
    webroot = host.folder / "acme-challenge"
    webroot.mkdir()
    with HttpResponder(host.gateway.http_port, webroot):
        issue_and_renew_by_uacme(host, webroot)


def issue_and_renew_by_uacme(host, webroot):
    # Its option --confdir stands for /etc/ssl/uacme; the preloaded library stands for the system's certificates.
    host.programs["uacme"] = f"{tools.program('uacme')} --confdir {host.folder}/uacme"
    host.environment = {
        "LD_PRELOAD": str(tools.preload_library("curl_ca_preload")),
        "ACMEGATE_TEST_CA": str(host.gateway.root_path),
        "UACME_CHALLENGE_PATH": str(webroot),
    }
    held = host.folder / f"uacme/{host.name}/cert.pem"
    host.page("uacme", "account")
    host.page("uacme", "order")
    first = host.issued(held)
    if uacme_asks_when_to_renew():
        host.run(PAGE.lines["uacme", "order"], fails=True)  # no renewal is due
        assert host.issued(held) == first
        assert host.gateway.run("cert", "renew-early", "serial", first, "--within", "now")[0] == 0
    host.page("uacme", "order")  # three days are less than the 30 days of 1.7.4
    assert host.issued(held) != first


def test_acme_sh(host):
    if not shutil.which("acme.sh"):
        pytest.skip("acme.sh is in no package registry; put it into PATH")
    host.programs["acme.sh"] = f"{shutil.which('acme.sh')} --home {host.folder}/home"
    host.places["--standalone"] = f"--standalone --httpport {host.gateway.http_port} --listen-v4"
    held = host.folder / f"home/{host.name}_ecc/fullchain.cer"
    host.page("acme.sh", "account")
    host.page("acme.sh", "order")
    first = host.issued(held)
    host.run(f"acme.sh --renew --force --ecc -d {host.name}")  # what it keeps is enough
    assert host.issued(held) != first


# ---- servers that get their certificates themselves ----


@pytest.fixture
def serve(host, site):
    """Runs a server until the end of the test; waits for its certificate: serve(name, command, port)."""
    started = []

    def start(name, command, port):
        environment = {**os.environ, "HOME": str(host.folder), "XDG_DATA_HOME": str(host.folder)}
        started.append(Process(name, command, host.folder / f"{name}.log", environment))
        shown = lambda: certificate_served(port, host.name, host.gateway.root_path)  # noqa: E731
        leaf = wait_until(shown, f"a certificate for {host.name}", 60)
        return site.assert_issued([leaf, *(one.certificate for one in site.ca.chain)], host.name)

    yield start
    for process in started:
        process.stop()


def test_caddy(host, serve):
    https = free_port()
    ports = f"{{\n    admin off\n    http_port {host.gateway.http_port}\n    https_port {https}\n    skip_install_trust\n"
    path = host.folder / "Caddyfile"
    path.write_text(host.here(adapted(PAGE.snippets["Caddy"], {"{\n    email": f"{ports}    email"})))
    serve("caddy", [tools.built("caddy"), "run", "--config", path], https)


def test_traefik(host, serve):
    https = free_port()
    (host.folder / "dynamic.yml").write_text(host.here(PAGE.snippets["Traefik, dynamic"]))
    (host.folder / "traefik.yml").write_text(
        host.here(
            adapted(
                PAGE.snippets["Traefik, static"],
                {
                    '":80"': f'"127.0.0.1:{host.gateway.http_port}"',
                    '":443"': f'"127.0.0.1:{https}"',
                    "/etc/traefik/": f"{host.folder}/",
                    "/var/lib/traefik/": f"{host.folder}/",
                },
            )
        )
    )
    command = [tools.built("traefik"), f"--configFile={host.folder}/traefik.yml"]
    serial = serve("traefik", command, https)
    (row,) = host.gateway.query("SELECT user_agent FROM v_orders WHERE serial = ?", serial)
    assert "traefik" in row["user_agent"].lower()


# ---- a device ----


def test_a_request_of_a_device_is_signed(host, site):
    (host.folder / "device.csr").write_bytes(pem(new_csr(new_key(), [host.name])))
    host.programs["acmegate"] = tools.acmegate()
    host.environment["ACMEGATE_CONFIG"] = str(host.gateway.config_path)
    host.page("device", "sign")
    chain = read_chain((host.folder / "device.crt").read_bytes())
    assert names_of(chain[0]) == [host.name]
    assert_chains_to(chain, site.ca.root.certificate)


class Redirecting(BaseHTTPRequestHandler):
    """The device: it sends challenges to the helper."""

    helper = None

    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", f"{self.helper}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_device_redirects_the_challenge_to_its_helper(new_gateway, step_ca, tmp_path, name_server):
    gateway = new_gateway(step_ca).start()
    device, helper = fresh_name(), fresh_name()
    name_server.set_a(device, "127.0.0.2")
    name_server.set_a(helper, "127.0.0.3")
    handler = type("Handler", (Redirecting,), {"helper": f"http://{helper}:{gateway.http_port}"})
    server = ThreadingHTTPServer(("127.0.0.2", gateway.http_port), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        done = subprocess.run(
            [tools.program("certbot"), "certonly", "--server", gateway.directory(), "--non-interactive", "--agree-tos"]
            + ["--register-unsafely-without-email", "--standalone", "--http-01-address", "127.0.0.3", "-d", device]
            + ["--http-01-port", str(gateway.http_port)]
            + [part for kind in ("config", "work", "logs") for part in (f"--{kind}-dir", str(tmp_path / kind))],
            env={**os.environ, "REQUESTS_CA_BUNDLE": str(gateway.root_path)}, capture_output=True, text=True, timeout=90,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        server.shutdown()
        server.server_close()
    assert names_of(read_chain((tmp_path / f"config/live/{device}/fullchain.pem").read_bytes())[0]) == [device]


# ---- the page ----


def test_the_fingerprint_line(host):
    assert "sha256 Fingerprint=" in host.page("root", "fingerprint")


def test_every_line_and_file_is_run_here():
    lines = {("root", "fingerprint"), ("device", "sign"), ("acme.sh", "account"), ("acme.sh", "order"), ("uacme", "account"), ("uacme", "order")}
    lines |= {("certbot", "window")} | {(client, step) for client in ("certbot", "lego") for step in ("order", "renew")}
    assert set(PAGE.lines) == lines
    assert set(PAGE.snippets) == {"Caddy", "Traefik, static", "Traefik, dynamic"}
