# SPDX-License-Identifier: Apache-2.0
"""Every route, by everybody, with things in every state: the table is support/matrix_rows.py, matrix_control.py and matrix_pages.py."""

import json

import pytest

from support import matrix_control, matrix_pages, matrix_routes, matrix_rows
from support.admin import short_folder
from support.matrix import cells_of, parameters, said
from support.matrix_world import World
from support.metrics import scrape
from support.status import question
from support.waiting import wait_until

ROWS = matrix_rows.ROWS + matrix_control.ROWS + matrix_pages.ROWS
CELLS = cells_of(ROWS)
SERVED, ADMINISTERED = matrix_routes.served(), matrix_routes.administered()
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


@pytest.fixture(scope="module")
def world(request, tmp_path_factory, name_server):
    chosen = {item.callspec.params["cell"].id for item in request.session.items if "cell" in getattr(item, "fixturenames", ())}
    with short_folder() as folder:
        made = World(tmp_path_factory.mktemp("matrix"), folder, name_server)
        try:
            yield made.start([cell for cell in CELLS if cell.id in chosen])
        finally:
            made.stop()


@pytest.mark.parametrize("cell", parameters(CELLS))
def test_matrix(world, cell):
    before = world.state()
    reply = world.ask(cell)
    assert said(cell, reply) == cell.answer, reply
    if not cell.is_good and cell.who not in cell.row.ends:
        assert world.state() == before, "a refusal changes nothing"


# ---- what no cell can say ----


@pytest.mark.parametrize("route", [route for route in SERVED if "{id}" in route and "account" not in route])
def test_what_is_anothers_is_told_as_what_is_not_there(world, route):
    """To the octet, but for the request's identifier: nobody learns which ids exist."""
    client, theirs = world.account("acme", "other"), world.thing("own", "valid", "proven")
    payload = {"csr": "AA"} if route.endswith("finalize") else b""
    replies = [client.post(world.site + theirs.path(route, **path), payload) for path in ({}, {"id": theirs.ids["account"] + 1})]
    assert replies[0].answer == replies[1].answer


def test_a_ca_tells_of_its_own_certificates_only(world):
    """In its list, and by OCSP: of a certificate under the same root it says nothing."""
    ours, other = world.thing("own", "revoked", "proven").leaf, world.thing("own", "of_other_ca", "unproven").leaf
    world.other_ca.revoke_directly(other, 4)
    wait_until(lambda: ours.serial_number in world.status.revoked(), "the revocation in the list")
    assert other.serial_number not in world.status.revoked()
    assert ours.serial_number not in world.status_of("other_ca").revoked()
    assert world.status.status(ours, world.ca.issuing.certificate) == "REVOKED"
    answer = world.status.post(question(other, world.other_ca.issuing.certificate)).ocsp
    assert answer.response_status.name == "UNAUTHORIZED"


def test_a_stepca_token_of_one_ca_revokes_nothing_of_another(world):
    """The CA takes any serial number; ours is of its own certificates."""
    theirs = world.thing("own", "ordered_of_other_ca", "unproven").leaf
    serial = str(theirs.serial_number)
    body = {"serial": serial, "passive": True, "ott": world.ca.token("revoke", serial)}
    assert world.wire.raw("POST", world.site + "/1.0/revoke", json.dumps(body).encode()).status == 200
    (row,) = world.gateway.query("SELECT status, revocation_requested_at FROM certificates WHERE serial = ?", f"{theirs.serial_number:x}")
    assert row == {"status": "good", "revocation_requested_at": None}


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
