# SPDX-License-Identifier: Apache-2.0
"""acmegate on SQLite, and one and two gateways on one PostgreSQL: the same number of clients on each, in turns."""

import statistics
from concurrent.futures import ThreadPoolExecutor

from measure import Load, load_arguments, processor_ms
from support.admin import Admin
from support.databases import PostgreSQL as Database
from support.gateway import Gateway, stepca_issuer
from support.metrics import scrape
from support.postgresql import PostgreSQL, child_processes
from support.step_ca import StepCA

CLIENTS, COUNT, QUICK_COUNT = 32, 1200, 400
REPEATS = 3

COLUMNS = "| {:<15} | {:>9} | {:>8} | {:>8} | {:>14} | {:>15} | {:>11} |"
HEAD = COLUMNS.format("gateways", "issued/s", "p50 ms", "p99 ms", "gateway CPU ms", "database CPU ms", "round trips")
HEAD += "\n|---|---|---|---|---|---|---|"


class Way:
    """Gateways on one database. `server` is None for SQLite."""

    def __init__(self, name, folder, ca, count, server=None):
        self.name, self.server = name, server
        store = Database(folder, server) if server else None
        self.gateways = [self._make(folder / str(i), ca, store, i) for i in range(count)]
        self.admins = [Admin.on_socket(gateway.folder / "admin.sock") for gateway in self.gateways]
        self.store = store

    @staticmethod
    def _make(folder, ca, store, number):
        gateway = Gateway(folder, stepca_issuer(ca, folder / "issuer"), ca.root_path)
        gateway.configuration["admin"] = {"socket": str(gateway.folder / "admin.sock")}
        if store:
            gateway.store = store
            gateway.configuration |= {
                "database": store.place,
                "state_directory": str(gateway.folder),
                "secret_key_path": str(store.folder / "secret.key"),
                "gateway_id": f"gateway-{number}",
            }
        return gateway.start()

    def stop(self):
        for gateway in self.gateways:
            gateway.stop()

    def _database_ms(self):
        if not self.server:
            return 0
        return sum(map(processor_ms, [self.server.process.pid, *child_processes(self.server.process.pid)]))

    def _gateways_ms(self):
        return sum(processor_ms(gateway.process.pid) for gateway in self.gateways)

    def _round_trips(self):
        return sum(scrape(admin)("acmegate_database_round_trips_total") for admin in self.admins)

    def measure(self, count):
        """The clients and issuances are shared out among the gateways, which run at once."""
        shares = len(self.gateways)
        options = ("-clients", CLIENTS // shares, "-count", count // shares, "-account-key", "p256")
        loads = [Load(*options, *load_arguments(gateway)) for gateway in self.gateways]
        before = self._gateways_ms(), self._database_ms(), self._round_trips()
        with ThreadPoolExecutor(shares) as together:
            results = list(together.map(Load.result, loads))
        after = self._gateways_ms(), self._database_ms(), self._round_trips()
        issued = sum(result["issued"] for result in results)
        each = [(now - then) / issued for then, now in zip(before, after)]
        return {
            "per_second": sum(result["per_second"] for result in results),
            "p50_ms": statistics.mean(result["p50_ms"] for result in results),
            "p99_ms": max(result["p99_ms"] for result in results),
            "cpu_ms": each[0],
            "database_cpu_ms": each[1],
            "round_trips": each[2],
        }

    def bytes_per_order(self):
        """Of the database, with its indexes."""
        (row,) = self.server.query("SELECT pg_database_size(current_database()) AS bytes", self.store.place)
        (orders,) = self.server.query("SELECT count(*) AS n FROM orders WHERE status = 'valid'", self.store.place)
        return row["bytes"] / orders["n"]


def describe(row):
    return COLUMNS.format(
        row["way"],
        f"{row['per_second']:.0f}",
        f"{row['p50_ms']:.1f}",
        f"{row['p99_ms']:.1f}",
        f"{row['cpu_ms']:.2f}",
        f"{row['database_cpu_ms']:.2f}",
        f"{row['round_trips']:.1f}",
    )


def measure(folder, quick):
    """A row for each way, the medians of all turns; and the bytes of PostgreSQL's database for each issued order."""
    ca = StepCA(folder / "scale-ca").start()
    server = PostgreSQL(folder, fsync="on").make()
    ways = []
    try:
        ways.append(Way("SQLite ×1", folder / "sqlite", ca, 1))
        ways.append(Way("PostgreSQL ×1", folder / "one", ca, 1, server))
        ways.append(Way("PostgreSQL ×2", folder / "two", ca, 2, server))
        print(HEAD)
        runs = {way: [] for way in ways}
        for _ in range(1 if quick else REPEATS):
            for way, rows in runs.items():
                rows.append(way.measure(QUICK_COUNT if quick else COUNT))
        results = []
        for way, rows in runs.items():
            row = {name: statistics.median(one[name] for one in rows) for name in rows[0]}
            results.append({**row, "way": way.name})
            print(describe(results[-1]), flush=True)
        return results, ways[1].bytes_per_order()
    finally:
        for way in ways:
            way.stop()
        server.close()
        ca.stop()


def table(results):
    return "\n".join([HEAD, *map(describe, results)])
