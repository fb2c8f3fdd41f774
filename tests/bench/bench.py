# SPDX-License-Identifier: Apache-2.0
"""All measurements, or some of them: see tests/bench/run."""

import argparse
import json
import pathlib
import tempfile

import limits
import micro
import scale
import ways
from support import tools

PARTS = ("ways", "micro", "limits", "scale")
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
PAGE, PLOT = tools.ROOT / "docs/performance.md", tools.ROOT / "docs/performance.svg"


def judged(rows):
    """Aims as a table: met or missed."""
    lines = ["| what | measured | aim | |", "|---|---|---|---|"]
    for what, value, sign, aim in rows:
        met = value <= aim if sign == "≤" else value >= aim
        lines.append(f"| {what} | {value:.2f} | {sign} {aim:.3g} | {'met' if met else '**missed**'} |")
    return "\n".join(lines)


def plot(results):
    """Issuances per second and the server's time for each, by clients."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4))
    names = list(dict.fromkeys(row["way"] for row in results))
    for axis, field, title in ((axes[0], "per_second", "issued per second"), (axes[1], "cpu_ms", "CPU ms per issuance")):
        for name in names:
            rows = [row for row in results if row["way"] == name and row["account_key"] == "p256"]
            axis.plot([row["clients"] for row in rows], [row[field] for row in rows], marker="o", label=name)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xlabel("clients")
        axis.set_title(title)
        axis.grid(True, which="both", alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(PLOT)


def publish(text):
    words = PAGE.read_text()
    before, rest = words.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}")


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run")
    parser.add_argument("parts", nargs="*", help="ways, micro, limits, scale; all of them when none is named")
    parser.add_argument("--quick", action="store_true", help="of the ways and of scale: fewer issuances, one turn")
    parser.add_argument("--publish", action="store_true", help="put tables and plot into docs/")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    parts = options.parts or PARTS
    aims, texts, figures = [], [], {}
    with tempfile.TemporaryDirectory(prefix="acmegate-bench-") as name:
        folder = pathlib.Path(name)
        if "ways" in parts:
            results, bytes_per_order = ways.measure(folder, options.quick)
            aims += ways.aims(results, bytes_per_order)
            texts.append(ways.table(results))
            figures.update(ways=results, database_bytes_per_order=bytes_per_order)
        if "micro" in parts:
            rows = micro.measure(folder / "micro")
            texts.append(micro.table(rows))
            figures.update(micro=rows, floor_ms=micro.floor_ms(rows))
        if "ways" in parts and "micro" in parts:
            ours = ways.find(results, ways.OURS, 32)["cpu_ms"]
            aims.append(("server's CPU at 32 clients, its signatures and hashes = 1", ours / figures["floor_ms"], "≤", 1.5))
        if "limits" in parts:
            rows, away = limits.measure(folder)
            aims += rows
            figures.update(outage=away)
        if "scale" in parts:
            results, bytes_per_order = scale.measure(folder, options.quick)
            texts.append(scale.table(results))
            figures.update(scale=results, postgresql_bytes_per_order=bytes_per_order)
            print(f"PostgreSQL's database has {bytes_per_order / 1024:.1f} KiB for each issued order")
    if aims:
        texts.append(judged(aims))
        print("\n" + judged(aims))
    (tools.ROOT / "build/bench/results.json").write_text(json.dumps({**figures, "aims": aims}, indent=2))
    if options.publish:
        publish("\n\n".join(texts))
        if "ways" in parts:
            plot(results)


main()
