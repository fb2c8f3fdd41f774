# SPDX-License-Identifier: Apache-2.0
"""docs/limits.md against the code: defaults of keys, constants, names of metrics and causes."""

import json
import re
import subprocess

import pytest
from support import tools
from support.metrics import documented

PAGE = (tools.ROOT / "docs/limits.md").read_text()
ROWS = [row.split(" | ") for row in re.findall(r"^\| (.+ \| .+ \| `.+ \|.*) \|$", PAGE, re.MULTILINE)]
UNITS = {"KiB": 2**10, "MiB": 2**20, "s": 1, "ms": 0.001}


def constants(name):
    """The constants of the one file of that name."""
    paths = [path for room in ("acme", "gateway", "stepca", "store") for path in (tools.ROOT / room).rglob(name)]
    (path,) = [path for path in paths if name not in MEANT or path == tools.ROOT / MEANT[name]]
    code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    items = [item for block in re.findall(r"enum\s*\{(.*?)\}", code, re.DOTALL) for item in block.split(",")]
    return dict(re.findall(r"^\s*(\w+)\s*=\s*([\d*<() ]+?)\s*$", "\n".join(items), re.MULTILINE))


# Of several files of one name.
MEANT = {
    "channel.h": "store/channel.h",
    "retention.h": "store/retention.h",
    "account_export.h": "acme/account_export.h",
    "session.c": "store/sqlite/session.c",
}


def sizes(cell):
    """The quantities that a cell begins with: numbers, seconds or octets."""
    found = re.findall(r"([\d,]+)(?: (KiB|MiB|ms|s)\b)?", cell.replace("one in ", ""))
    return [float(number.replace(",", "")) * UNITS.get(unit, 1) for number, unit in found]


def unit_of(name):
    return 0.001 if name.endswith("_MS") else 1


@pytest.mark.parametrize("row", [row for row in ROWS if " in `" in row[2]], ids=lambda row: row[2])
def test_constants(row):
    names, file = re.fullmatch(r"(.+) in `([\w.]+)`", row[2]).groups()
    known = constants(file)
    values = [eval(known[name], {}) * unit_of(name) for name in re.findall(r"`(\w+)`", names)]  # digits and operators
    if "×" in names:
        values = [values[0] * values[1]]
    assert sizes(row[1].replace(", ", " ")) == values


@pytest.fixture(scope="module")
def reference():
    """{key: default} of `acmegate config reference`."""
    done = subprocess.run([tools.acmegate(), "config", "reference"], capture_output=True, text=True, check=True)
    return dict(re.findall(r"^\| `([\w.*]+)` \| [^|]+ \| `?([^|]+?)`? \|", done.stdout, re.MULTILINE))


@pytest.mark.parametrize("row", [row for row in ROWS if " in `" not in row[2]], ids=lambda row: row[2])
def test_keys(row, reference):
    assert json.loads(reference[row[2].strip("`")]) in (row[1], float(row[1]) if row[1].isdigit() else None)


def test_every_limit_of_the_configuration_is_there(reference):
    told = {row[2].strip("`") for row in ROWS}
    assert {key for key in reference if key.startswith(("limits.", "retention."))} - told == set()


def test_metrics_and_causes_exist():
    assert set(re.findall(r"`(acmegate_\w+)", PAGE)) - set(documented()) == set()
    causes = re.findall(r'"([a-z-]+)"', (tools.ROOT / "acme/cause.c").read_text())
    for cause in ("rate-limited", "redirect-loop", "http-wrong-content", "order-expired", "ca-too-slow", "work-set-aside"):
        assert f"`{cause}`" in PAGE and cause in causes
