"""Every route, by everybody, with things in every state: the table is support/matrix_rows.py and support/matrix_pages.py."""

import pytest

from support import matrix_pages, matrix_routes, matrix_rows
from support.admin import short_folder
from support.matrix import cells_of, parameters, said, status_said
from support.matrix_world import World
from support.metrics import scrape

ROWS = matrix_rows.ROWS + matrix_pages.ROWS
CELLS = cells_of(ROWS)
SERVED, ADMINISTERED = matrix_routes.served(), matrix_routes.administered()
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")

OTHERS_THINGS = (
    "read-order", "finalize", "read-authz", "deactivate-authz", "read-challenge", "ask-challenge", "download-chain",
    "download-missing-chain",
)
# Cells that wait for the mend of a fault, by its number in the list of faults: patterns of their ids.
NOT_YET = {
    "S11": ["finalize-by-bound_revoked-ready-*", "finalize-by-own-ready-denied"],
    "S15: one answer": [f"{what}-by-other-[!a]*" for what in OTHERS_THINGS]
    + [f"download-by-other-{state}-*" for state in ("valid", "revoked", "over")],
    "S15: parent": [f"finalize-by-{who}-orphaned-inherited" for who in ("own", "bound", "bound_revoked")],
    "renewal by a CA of the same root": ["native-renew-by-certificate_of_other_ca"],
    "S15: key": ["native-key-of-acmegate*"],
}


@pytest.fixture(scope="module")
def world(request, tmp_path_factory, name_server):
    chosen = {item.callspec.params["cell"].id for item in request.session.items if "cell" in getattr(item, "fixturenames", ())}
    with short_folder() as folder:
        made = World(tmp_path_factory.mktemp("matrix"), folder, name_server)
        try:
            yield made.start([cell for cell in CELLS if cell.id in chosen])
        finally:
            made.stop()


@pytest.mark.parametrize("cell", parameters(CELLS, NOT_YET))
def test_matrix(world, cell):
    before = world.state()
    reply = world.ask(cell)
    told = status_said(reply) if cell.is_good and " " in cell.answer and reply.status < 300 else said(reply)
    assert told == cell.answer, reply
    if not cell.is_good:
        assert world.state() == before, "a refusal changes nothing"


# ---- the table is whole ----


def test_no_cell_is_there_twice():
    ids = [cell.id for cell in CELLS]
    assert len(ids) == len(set(ids)) >= 1000


def test_every_route_has_its_rows():
    wanted = {(method, route) for routes in (SERVED, ADMINISTERED) for route, methods in routes.items() for method in methods}
    assert wanted == {(row.method, row.route) for row in ROWS}


def test_the_source_tells_the_routes_that_the_server_has(world):
    labels = {dict(labels)["route"] for name, labels in scrape(world.admin_socket).samples if name == "acmegate_http_requests_total"}
    assert labels - {"(none)"} == set(SERVED)


def refused_methods():
    for where, routes in (("acme", SERVED), ("admin", ADMINISTERED)):
        for route, methods in routes.items():
            for method in METHODS:
                if method not in methods:
                    yield pytest.param(where, route, method, id=f"{where}-{method}-{route}")


@pytest.mark.parametrize("where, route, method", refused_methods())
def test_other_methods_are_refused(world, where, route, method):
    parts = {"endpoint": "acme", "id": 1, "type": "http-01", "chain": 1, "certificate": "AA.AA", "name": "a", "issuer": "main", "rest": "1"}
    path = route.format(**{**parts, **({"id": "main"} if where == "admin" else {})})
    reply = world.admin_socket.raw(method, path) if where == "admin" else world.wire.raw(method, world.site + path)
    assert reply.status == 405 and reply.headers["Allow"]
