# SPDX-License-Identifier: Apache-2.0
"""What the parts of an issuance cost alone: time, and instructions as callgrind counts them, which are the same each time."""

import json
import re
import subprocess

from support import tools

PROGRAM = tools.ROOT / "build/release/bench_micro"
CALLGRIND_COUNT = 100

# The signatures and hashes of one issuance with P-256 keys: five JWS (newOrder, authorization, challenge, finalize,
# certificate), the CSR's, the leaf's and the intermediate's are verified, a token is signed; about 8 KiB are hashed.
FLOOR = {"es256-verify": 8, "es256-sign": 1, "sha256-1k": 8}


def instructions(folder, name):
    """Of the program itself; what the kernel does for it is not counted."""
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/callgrind.{name}"]
    done = subprocess.run(
        [*command, PROGRAM, folder, name, str(CALLGRIND_COUNT)], capture_output=True, text=True, check=True
    )
    return int(re.search(r"refs:\s+([\d,]+)", done.stderr)[1].replace(",", "")) / CALLGRIND_COUNT


def measure(folder):
    """A row for each operation."""
    folder.mkdir(parents=True)
    output = subprocess.run([PROGRAM, folder], capture_output=True, text=True, check=True).stdout
    rows = [json.loads(line) for line in output.splitlines()]
    for row in rows:
        row["instructions"] = instructions(folder, row["name"])
        print(describe(row), flush=True)
    return rows


def floor_ms(rows):
    """The processor time of an issuance's signatures and hashes, alone."""
    return sum(row["cpu_us"] * FLOOR.get(row["name"], 0) for row in rows) / 1000


HEAD = "| operation | µs | CPU µs | instructions |\n|---|---|---|---|"


def describe(row):
    return f"| {row['name']} | {row['wall_us']:.1f} | {row['cpu_us']:.1f} | {row['instructions']:,.0f} |"


def table(rows):
    return "\n".join([HEAD, *map(describe, rows)])
