"""The program's routes, from its source: a table of the matrix that lacks one is not whole."""

import re

from .tools import ROOT

PREFIXES = {"endpoint_routes": "/acme/{endpoint}", "site_routes": "", "native_routes": "/1.0"}


def _tables(path, kind):
    text = (ROOT / path).read_text()
    return dict(re.findall(rf"static const struct {kind} (\w+)\[\] = {{\n(.*?)\n}};", text, re.S))


def served():
    """{label of the route: its methods}, as the ACME listeners have them."""
    routes = {}
    for table, rows in _tables("gateway/routes/routes.c", "route").items():
        for pattern, methods in re.findall(r'{"(/[^"]*)", "([A-Z, ]+)"', rows):
            routes[PREFIXES[table] + pattern] = methods.split(", ")
    return routes


def administered():
    """The same of the admin API; an id is at the end of what ends with a slash."""
    routes = {}
    (rows,) = _tables("gateway/admin/admin.c", "admin_route").values()
    for path, method in re.findall(r'{"(/[^"]*)", "([A-Z]+)"', rows):
        routes.setdefault(path + ("{id}" if path.endswith("/") else ""), []).append(method)
    return routes
