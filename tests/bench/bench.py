"""acmegate beside step-ca's RA mode, step-ca's own ACME and bare /sign: the same load on each, one after the other."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

from support import tools
from support.gateway import Gateway, stepca_issuer
from support.ports import free_port
from support.processes import Process
from support.step_ca import PROVISIONER, StepCA

ROOT = tools.ROOT
TICKS = os.sysconf("SC_CLK_TCK")
# Issuances of one measurement, by clients at once.
COUNTS = {1: 150, 8: 600, 32: 1200, 128: 1500}
QUICK_COUNTS = {1: 50, 32: 400}
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"


class Load:
    """The load generator, which waits for us between its warm-up and its run."""

    def __init__(self, *arguments):
        built = subprocess.run([ROOT / "tests/e2e/tools/build", "load"], capture_output=True, text=True, check=True)
        self.child = subprocess.Popen(
            [built.stdout.strip(), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self.child.stdout.readline().strip() != "ready":
            raise RuntimeError("the load generator did not get ready")

    def run(self):
        output, _ = self.child.communicate("\n", timeout=600)
        result = json.loads(output)
        if result["failures"]:
            raise RuntimeError(f"{result['failures']} issuances failed")
        return result


def processor_ms(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / TICKS


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


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

    @property
    def directory(self):
        return f"https://localhost:{self.port}/acme/acme/directory"

    def stop(self):
        self.process.stop()


class Bench:
    """Each way is a name, what it takes to load it, and the process whose time counts (and the CA's beside it)."""

    def __init__(self, folder, counts, repeats):
        self.folder = folder
        self.counts = counts
        self.repeats = repeats
        self.results = []

    def once(self, way, clients, key, arguments, pid, ca_pid):
        load = Load("-clients", clients, "-count", self.counts[clients], "-account-key", key, *arguments)
        before, ca_before = processor_ms(pid), processor_ms(ca_pid)
        result = load.run()
        issued = result["issued"]
        result["cpu_ms"] = (processor_ms(pid) - before) / issued
        result["ca_cpu_ms"] = (processor_ms(ca_pid) - ca_before) / issued
        result["rss_mib"] = resident_mib(pid)
        return result

    def measure(self, way, arguments, pid, ca_pid, keys=("p256",)):
        for key in keys:
            for clients in self.counts:
                if key == "rsa" and clients != 32:
                    continue
                runs = [self.once(way, clients, key, arguments, pid, ca_pid) for _ in range(self.repeats)]
                row = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
                row.update(way=way, clients=clients, account_key=key)
                self.results.append(row)
                print(describe(row), flush=True)

    def find(self, way, clients, key="p256"):
        for row in self.results:
            if (row["way"], row["clients"], row["account_key"]) == (way, clients, key):
                return row
        raise KeyError((way, clients, key))


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
        f"{row['ca_cpu_ms']:.2f}" if row["way"] != "bare /sign" else "",
        f"{row['rss_mib']:.0f}",
    )


def measure_acmegate(bench, ca):
    gateway = Gateway(bench.folder / "acmegate", stepca_issuer(ca, bench.folder / "issuer"), ca.root_path)
    gateway.start()
    try:
        arguments = ["-directory", gateway.directory(), "-root", ca.root_path, "-http-port", gateway.http_port]
        bench.measure("acmegate → step-ca", arguments, gateway.process.pid, ca.process.pid, ("p256", "rsa"))
        gateway.query("SELECT 1")
        (orders,) = gateway.query("SELECT count(*) AS n FROM orders WHERE status = 'valid'")
    finally:
        gateway.stop()
    # After a clean end the write-ahead log is in the file.
    return gateway.database.stat().st_size / orders["n"]


def measure_ra(bench, ca):
    ra = RegistrationAuthority(bench.folder / "ra", ca)
    try:
        arguments = ["-directory", ra.directory, "-root", ca.root_path, "-http-port", ra.http_port]
        bench.measure("RA mode → step-ca", arguments, ra.process.pid, ca.process.pid)
    finally:
        ra.stop()


def measure_own_acme(bench):
    ca = AcmeStepCA(bench.folder / "acme-ca").start()
    try:
        arguments = ["-directory", f"{ca.url}/acme/acme/directory", "-root", ca.root_path, "-http-port", ca.http_port]
        bench.measure("step-ca's own ACME", arguments, ca.process.pid, ca.process.pid)
    finally:
        ca.stop()


def measure_sign(bench, ca):
    key_path = bench.folder / "provisioner.pem"
    key = ca.keys[PROVISIONER]
    key_path.write_text(key.text("PEM"))
    arguments = ["-sign", ca.url, "-provisioner", PROVISIONER, "-kid", key.key_id, "-key-path", key_path]
    bench.measure("bare /sign", [*arguments, "-root", ca.root_path], ca.process.pid, ca.process.pid)


def ratios(bench, bytes_per_order):
    """The aims that one run can judge: (what, ratio or figure, aim, met)."""
    ours, ra = bench.find("acmegate → step-ca", 32), bench.find("RA mode → step-ca", 32)
    ours_1, ra_1 = bench.find("acmegate → step-ca", 1), bench.find("RA mode → step-ca", 1)
    rows = [
        ("server's CPU per issuance at 32 clients, RA mode = 1", ours["cpu_ms"] / ra["cpu_ms"], "≤", 1 / 8),
        ("issuances per second at 32 clients, RA mode = 1", ours["per_second"] / ra["per_second"], "≥", 3),
        ("p50 at 1 client, RA mode = 1", ours_1["p50_ms"] / ra_1["p50_ms"], "≤", 1 / 2),
        ("p50 at 32 clients, RA mode = 1", ours["p50_ms"] / ra["p50_ms"], "≤", 1 / 3),
        ("RSS in MiB", max(row["rss_mib"] for row in bench.results if row["way"] == ours["way"]), "≤", 24),
        ("database, KiB per issued order", bytes_per_order / 1024, "≤", 3),
    ]
    lines = ["| what | measured | aim | |", "|---|---|---|---|"]
    for what, value, sign, aim in rows:
        met = value <= aim if sign == "≤" else value >= aim
        lines.append(f"| {what} | {value:.2f} | {sign} {aim:.3g} | {'met' if met else '**missed**'} |")
    return "\n".join(lines)


def publish(text):
    page = ROOT / "docs/performance.md"
    words = page.read_text()
    before, rest = words.split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer issuances, one repeat")
    parser.add_argument("--publish", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="acmegate-bench-") as folder:
        bench = Bench(pathlib.Path(folder), QUICK_COUNTS if options.quick else COUNTS, 1 if options.quick else 3)
        ca = StepCA(bench.folder / "ca").start()
        print(HEAD)
        try:
            bytes_per_order = measure_acmegate(bench, ca)
            measure_ra(bench, ca)
            measure_sign(bench, ca)
        finally:
            ca.stop()
        measure_own_acme(bench)
    aims = ratios(bench, bytes_per_order)
    print("\n" + aims)
    (ROOT / "build/bench/results.json").write_text(
        json.dumps({"results": bench.results, "database_bytes_per_order": bytes_per_order}, indent=2)
    )
    if options.publish:
        publish("\n".join([HEAD, *map(describe, bench.results), "", aims]))


main()
