# SPDX-License-Identifier: Apache-2.0
"""acmegate beside step-ca's RA mode, step-ca's own ACME and bare /sign: the same load on each, one after the other."""

import json
import statistics

from measure import load_arguments, measure_once
from support import tools
from support.gateway import Gateway, stepca_issuer
from support.ports import free_port
from support.processes import Process
from support.step_ca import PROVISIONER, StepCA

# Issuances of one measurement, by clients at once.
COUNTS = {1: 150, 8: 600, 32: 1200, 128: 1500}
QUICK_COUNTS = {1: 50, 32: 400}
OURS, RA_MODE, BARE_SIGN = "acmegate → step-ca", "RA mode → step-ca", "bare /sign"


class AcmeStepCA(StepCA):
    """step-ca that speaks ACME itself."""

    def __init__(self, folder):
        self.http_port = free_port()
        super().__init__(folder)

    def _configuration(self):
        configuration = super()._configuration()
        configuration["authority"]["provisioners"].append({"type": "ACME", "name": "acme"})
        return configuration

    def start(self):
        program = tools.step_ca(self.version)
        command = [program, self.folder / "ca.json", "--insecure", "--acme-http-port", self.http_port]
        self.process = Process("step-ca with ACME", command, self.folder / "step-ca.log")
        self.process.wait_ready(self._healthy)
        return self

    def load_arguments(self):
        return ["-directory", f"{self.url}/acme/acme/directory", "-root", self.root_path, "-http-port", self.http_port]


class RegistrationAuthority:
    """step-ca in RA mode in front of another step-ca: its own answer to acmegate's job."""

    def __init__(self, folder, ca):
        self.port, self.http_port = free_port(), free_port()
        self.root_path = ca.root_path
        folder.mkdir(parents=True)
        configuration = {
            "address": f"127.0.0.1:{self.port}",
            "dnsNames": ["localhost"],
            "logger": {"format": "json"},
            "db": {"type": "badgerv2", "dataSource": str(folder / "db")},
            "authority": {
                "type": "stepcas",
                "certificateAuthority": ca.url,
                "certificateAuthorityFingerprint": ca.fingerprint,
                "certificateIssuer": {
                    "type": "jwk",
                    "provisioner": PROVISIONER,
                    "password": ca.keys[PROVISIONER].password,
                },
                "provisioners": [{"type": "ACME", "name": "acme"}],
            },
        }
        (folder / "ca.json").write_text(json.dumps(configuration))
        command = [tools.step_ca(ca.version), folder / "ca.json", "--insecure", "--acme-http-port", self.http_port]
        self.process = Process("step-ca in RA mode", command, folder / "ra.log")
        self.process.wait_ready(lambda: f":{self.port}" in self.process.output() and "Serving" in self.process.output())

    def load_arguments(self):
        directory = f"https://localhost:{self.port}/acme/acme/directory"
        return ["-directory", directory, "-root", self.root_path, "-http-port", self.http_port]

    def stop(self):
        self.process.stop()


class Way:
    """One way to a certificate: what loads it, and the processes whose time counts."""

    def __init__(self, name, arguments, process, ca, keys=("p256",)):
        self.name = name
        self.arguments = arguments
        self.pid = process.pid
        self.ca_pid = ca.process.pid
        self.keys = keys

    def measures(self, clients):
        """RSA account keys cost the load generator so much that one measurement says all."""
        return [key for key in self.keys if key == "p256" or clients == 32]


COLUMNS = "| {:<22} | {:>7} | {:<4} | {:>9} | {:>8} | {:>8} | {:>8} | {:>9} | {:>8} |"
HEAD = COLUMNS.format(
    "way", "clients", "key", "issued/s", "p50 ms", "p99 ms", "CPU ms", "CA CPU ms", "RSS MiB"
) + "\n|---|---|---|---|---|---|---|---|---|"


def describe(row):
    return COLUMNS.format(
        row["way"],
        row["clients"],
        row["account_key"],
        f"{row['per_second']:.0f}",
        f"{row['p50_ms']:.1f}",
        f"{row['p99_ms']:.1f}",
        f"{row['cpu_ms']:.2f}",
        f"{row['ca_cpu_ms']:.2f}" if row["way"] != BARE_SIGN else "",
        f"{row['rss_mib']:.0f}",
    )


def find(results, way, clients, key="p256"):
    for row in results:
        if (row["way"], row["clients"], row["account_key"]) == (way, clients, key):
            return row
    raise KeyError((way, clients, key))


def measure_all(ways, counts, repeats):
    """In turns, so that what slows the machine down for a while slows all of them: a row for each way, number of clients
    and key, the medians of all turns."""
    results = []
    for clients, count in counts.items():
        runs = {(way, key): [] for way in ways for key in way.measures(clients)}
        for _ in range(repeats):
            for (way, key), rows in runs.items():
                rows.append(measure_once(clients, count, way.arguments, way.pid, way.ca_pid, key))
        for (way, key), rows in runs.items():
            row = {name: statistics.median(one[name] for one in rows) for name in rows[0]}
            row.update(way=way.name, clients=clients, account_key=key)
            results.append(row)
            print(describe(row), flush=True)
    return results


def sign_arguments(ca, folder):
    key_path = folder / "provisioner.pem"
    key = ca.keys[PROVISIONER]
    key_path.write_text(key.text("PEM"))
    arguments = ["-sign", ca.url, "-provisioner", PROVISIONER, "-kid", key.key_id, "-key-path", key_path]
    return [*arguments, "-root", ca.root_path]


def measure(folder, quick):
    """The rows, and the bytes of database for each order that acmegate issued."""
    ca = StepCA(folder / "ca")
    acme_ca = AcmeStepCA(folder / "acme-ca")
    gateway = Gateway(folder / "acmegate", stepca_issuer(ca, folder / "issuer"), ca.root_path)
    started = []
    try:
        for server in (ca, acme_ca, gateway):
            started.append(server.start())
        ra = RegistrationAuthority(folder / "ra", ca)
        started.append(ra)
        ways = [
            Way(OURS, load_arguments(gateway), gateway.process, ca, ("p256", "rsa")),
            Way(RA_MODE, ra.load_arguments(), ra.process, ca),
            Way("step-ca's own ACME", acme_ca.load_arguments(), acme_ca.process, acme_ca),
            Way(BARE_SIGN, sign_arguments(ca, folder), ca.process, ca),
        ]
        print(HEAD)
        results = measure_all(ways, QUICK_COUNTS if quick else COUNTS, 1 if quick else 3)
        (orders,) = gateway.query("SELECT count(*) AS n FROM orders WHERE status = 'valid'")
    finally:
        for server in reversed(started):
            server.stop()
    # After a clean end the write-ahead log is in the file.
    return results, gateway.database.stat().st_size / orders["n"]


def aims(results, bytes_per_order):
    """What one run can judge: (what, measured, "≤" or "≥", aim)."""
    ours, ra = find(results, OURS, 32), find(results, RA_MODE, 32)
    ours_1, ra_1 = find(results, OURS, 1), find(results, RA_MODE, 1)
    return [
        ("server's CPU per issuance at 32 clients, RA mode = 1", ours["cpu_ms"] / ra["cpu_ms"], "≤", 1 / 8),
        ("issuances per second at 32 clients, RA mode = 1", ours["per_second"] / ra["per_second"], "≥", 3),
        ("p50 at 1 client, RA mode = 1", ours_1["p50_ms"] / ra_1["p50_ms"], "≤", 1 / 2),
        ("p50 at 32 clients, RA mode = 1", ours["p50_ms"] / ra["p50_ms"], "≤", 1 / 3),
        ("database, KiB per issued order", bytes_per_order / 1024, "≤", 3),
    ]


def table(results):
    return "\n".join([HEAD, *map(describe, results)])
