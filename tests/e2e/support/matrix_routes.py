# SPDX-License-Identifier: Apache-2.0
"""The program's routes, from its source: a table of the matrix that lacks one is not whole."""

import re

from .tools import ROOT

PREFIXES = {"endpoint_routes": "/acme/{endpoint}", "site_routes": "", "stepca_api_routes": "/1.0"}


def _tables(path, kind, entry):
    """{the table's name: what `entry` finds in each of its lines}; none may be written in another form."""
    tables = {}
    for name, lines in re.findall(rf"static const struct {kind} (\w+)\[\] = {{\n(.*?)\n}};", (ROOT / path).read_text(), re.S):
        tables[name] = re.findall(entry, lines)
        assert len(tables[name]) == lines.count("{" + '"'), f"{path}: a line of {name} cannot be read"
    return tables


def served():
    """{label of the route: its methods}, as the ACME listeners have them."""
    tables = {}
    for path in ("gateway/frontend/routes.c", "gateway/stepca_api/stepca_api_routes.c"):
        tables |= _tables(path, "route", r'{"(/[^"]*)", "([A-Z, ]+)"')
    return {PREFIXES[name] + pattern: methods.split(", ") for name, entries in tables.items() for pattern, methods in entries}


def administered():
    """The same of the admin API; an id is at the end of what ends with a slash."""
    routes = {}
    (entries,) = _tables("gateway/admin/admin.c", "admin_route", r'{"(/[^"]*)", "([A-Z]+)"').values()
    for path, method in entries:
        routes.setdefault(path + ("{id}" if path.endswith("/") else ""), []).append(method)
    return routes
