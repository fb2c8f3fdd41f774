# SPDX-License-Identifier: Apache-2.0
"""The lines of docs/migration.md, run as they stand there: a live renewal moves from step-ca to the gateway and back."""

import os
import pathlib
import re
import subprocess

import pytest

from client_scenarios import fresh_name
from support import tools
from support.certificates import names_of, read_chain
from support.checks import assert_chains_to, certificate_served
from support.page import Host, Page
from support.ports import free_port
from support.processes import Process
from support.relay import Relay
from support.waiting import wait_until

PAGE = Page("docs/migration.md")

CERTBOT_INI = """
config-dir = {folder}/letsencrypt
work-dir = {folder}/work
logs-dir = {folder}/logs
non-interactive = true
no-random-sleep-on-renew = true
"""

CADDYFILE = """
{{
    admin localhost:{admin}
    http_port {http}
    https_port {https}
    skip_install_trust
    auto_https disable_redirects
    storage file_system {folder}/storage
    email ops@e2e.internal
    acme_ca {directory}
    acme_ca_root {root}
}}
{name} {{
    tls {{
        issuer acme {{
            disable_tlsalpn_challenge
        }}
    }}
    respond "here"
}}
"""


class Move(Host):
    """A host with a client, a step-ca with an ACME server of its own, and a gateway before the same CA."""

    def __init__(self, folder, ca, gateway):
        super().__init__(folder, gateway, {})
        self.ca = ca
        self.name = fresh_name()
        self.ca_url = ca.url
        self.environment = {
            "STEPPATH": str(folder / "step"),
            "XDG_CONFIG_HOME": str(folder / "cli"),
            "REQUESTS_CA_BUNDLE": str(ca.root_path),
            "LEGO_CA_CERTIFICATES": str(ca.root_path),
        }
        (folder / "letsencrypt").mkdir()
        (folder / "cli").mkdir()
        (folder / "cli/letsencrypt").mkdir()
        (folder / "cli/letsencrypt/cli.ini").write_text(CERTBOT_INI.format(folder=folder))
        (folder / "root_ca.crt").write_bytes(ca.root_path.read_bytes())

    def here(self, line):
        self.places = {
            "https://acme.internal:9443": self.gateway.configuration["base_url"],
            "https://ca.internal:9000": self.ca_url,
            "ca.internal:9000": self.ca_url.removeprefix("https://"),
            "ca.internal_9000": self.ca_url.removeprefix("https://").replace(":", "_"),
            "host.internal": self.name,
            "/etc/letsencrypt": self.folder / "letsencrypt",
            "/etc/caddy": self.folder,
            "/etc/ssl": self.folder,
            "/root/": f"{self.folder}/",
            "--http ": f"--http --http.port 127.0.0.1:{self.gateway.http_port} ",
        }
        return super().here(line)

    def page(self, client, step, **members):
        return self.run(PAGE.lines[client, step], **members)

    def path_of(self, chain):
        """Who has signed it: "acmegate" or "step-ca" by itself."""
        assert names_of(chain[0]) == [self.name]
        assert_chains_to(chain, self.ca.root.certificate)
        rows = self.gateway.query("SELECT origin FROM v_certificates WHERE serial = ?", f"{chain[0].serial_number:x}")
        assert rows in ([], [{"origin": "acme"}])
        return "acmegate" if rows else "step-ca"

    def holds(self, path):
        return self.path_of(read_chain(pathlib.Path(path).read_bytes()))


@pytest.fixture
def move(new_step_ca, new_gateway, name_server, tmp_path):
    gateway_port = free_port()
    ca = new_step_ca(acme=(gateway_port, name_server.address))
    gateway = new_gateway(ca)
    gateway.http_port = gateway.configuration["validation"]["http_port"] = gateway_port
    yield Move(tmp_path / "host", ca, gateway)


# ---- the server's name changes ----


@pytest.fixture(params=["Debian's", "newest"])
def certbot(request, move):
    if request.param == "newest":
        move.programs["certbot"] = tools.built("certbot")
    else:
        tools.program("certbot")
    return move


CERTBOT_FIRST = (
    "certbot certonly --server https://ca.internal:9000/acme/acme/directory --agree-tos --register-unsafely-without-email"
    " --standalone --http-01-address 127.0.0.1 --http-01-port {} -d host.internal"
)


def certbot_configuration(move):
    text = (move.folder / f"letsencrypt/renewal/{move.name}.conf").read_text()
    return dict(re.findall(r"^(server|account) = (.*)$", text, re.MULTILINE))


def test_certbot_moves_and_back(certbot):
    move = certbot
    move.gateway.start()
    live = move.folder / f"letsencrypt/live/{move.name}/fullchain.pem"
    move.run(CERTBOT_FIRST.format(move.gateway.http_port))
    before = certbot_configuration(move)
    assert move.holds(live) == "step-ca"
    move.page("certbot", "cut-over")
    assert move.holds(live) == "acmegate"
    after = certbot_configuration(move)
    assert after["server"] == move.gateway.directory() and after["account"] != before["account"]
    move.run("certbot renew --force-renewal")  # as the timer goes on
    assert move.holds(live) == "acmegate"
    move.page("certbot", "revert")
    assert move.holds(live) == "step-ca" and certbot_configuration(move) == before
    move.run("certbot renew --force-renewal")
    assert move.holds(live) == "step-ca"
    move.page("certbot", "cut-over")
    assert move.holds(live) == "acmegate" and certbot_configuration(move) == after


LEGO_FIRST = (
    "lego --server https://ca.internal:9000/acme/acme/directory --accept-tos --email you@internal --http -d host.internal run"
)


def test_lego_moves_and_back(move):
    tools.program("lego")
    move.gateway.start()
    held = move.folder / f".lego/certificates/{move.name}.crt"
    move.run(LEGO_FIRST)
    assert move.holds(held) == "step-ca"
    cut_over = PAGE.lines["lego", "cut-over"]
    assert "is not registered" in move.run(cut_over.replace(" run", " renew --days 3650 --no-random-sleep"), fails=True)
    move.page("lego", "cut-over")
    assert move.holds(held) == "acmegate"
    move.run(cut_over.replace(" run", " renew --days 3650 --no-random-sleep"))
    assert move.holds(held) == "acmegate"
    move.page("lego", "revert")
    assert move.holds(held) == "step-ca"


@pytest.fixture
def caddy(move, tmp_path):
    https, program = free_port(), tools.built("caddy")
    move.programs["caddy"] = program
    move.gateway.start()
    (move.folder / "Caddyfile").write_text(
        CADDYFILE.format(admin=free_port(), http=move.gateway.http_port, https=https, folder=move.folder,
                         directory=move.ca.directory(), root=move.ca.root_path, name=move.name)
    )  # fmt: skip
    command = [program, "run", "--config", move.folder / "Caddyfile"]
    process = Process("caddy", command, tmp_path / "caddy.log", {**os.environ, "HOME": str(move.folder)})

    def served_by(whom):
        def looks():
            leaf = certificate_served(https, move.name, move.ca.root_path)
            return leaf and move.path_of([leaf, *(one.certificate for one in move.ca.chain)]) == whom

        wait_until(looks, f"Caddy to serve what {whom} signed", 60)

    yield served_by
    process.stop()


def test_caddy_moves_and_back(caddy, move):
    caddy("step-ca")
    move.page("caddy", "cut-over")
    caddy("acmegate")
    move.page("caddy", "revert")
    caddy("step-ca")


# ---- the name points elsewhere ----


@pytest.fixture
def pointed(move):
    """The CA's name is a relay's, which points at the CA at first."""
    relay = Relay(move.ca.port)
    move.ca_url = f"https://localhost:{relay.port}"
    move.gateway.configuration["alternate_names"] = [f"localhost:{relay.port}"]
    move.gateway.start()
    yield relay
    relay.stop()


def test_certbot_when_the_name_points_elsewhere_and_back(certbot, pointed):
    move = certbot
    live = move.folder / f"letsencrypt/live/{move.name}/fullchain.pem"
    move.run(CERTBOT_FIRST.format(move.gateway.http_port))
    pointed.target = move.gateway.port
    words = move.run("certbot renew --force-renewal", fails=True)
    assert "accountDoesNotExist" in words and "names no account of this endpoint" in words
    move.page("certbot", "mend")
    assert move.holds(live) == "acmegate"
    move.run("certbot renew --force-renewal")
    assert move.holds(live) == "acmegate"
    pointed.target = move.ca.port
    move.page("certbot", "unmend")
    assert move.holds(live) == "step-ca"
    move.run("certbot renew --force-renewal")
    assert move.holds(live) == "step-ca"


def test_lego_when_the_name_points_elsewhere(move, pointed):
    tools.program("lego")
    held = move.folder / f".lego/certificates/{move.name}.crt"
    move.run(LEGO_FIRST)
    pointed.target = move.gateway.port
    assert "accountDoesNotExist" in move.run(LEGO_FIRST.replace(" run", " renew --days 3650 --no-random-sleep"), fails=True)
    move.page("lego", "mend")
    assert move.holds(held) == "acmegate"


# ---- step ----


def test_step_moves_and_back(move):
    move.programs["step"] = tools.built("step")
    move.gateway.start()
    line = PAGE.lines["step", "cut-over"] + f" --http-listen 127.0.0.1:{move.gateway.http_port}"
    move.run(line)
    assert move.holds(move.folder / "host.crt") == "acmegate"
    move.page("step", "revert")
    assert move.holds(move.folder / "host.crt") == "step-ca"


# ---- the page ----


def test_every_line_that_is_marked_is_run_here():
    tested = {
        *(("certbot", step) for step in ("cut-over", "revert", "mend", "unmend")),
        *(("lego", step) for step in ("cut-over", "revert", "mend")),
        *(("caddy", step) for step in ("cut-over", "revert")),
        *(("step", step) for step in ("cut-over", "revert")),
    }
    assert set(PAGE.lines) == tested and all("\n" not in line for line in PAGE.lines.values())


def test_every_command_of_ours_is_one():
    """What the page says of acmegate's own commands is understood."""
    for command in re.findall(r"^(?:.*\| )?acmegate (\S+)", PAGE.text, re.MULTILINE):
        done = subprocess.run([tools.acmegate(), command, "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, command
