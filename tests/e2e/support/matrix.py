# SPDX-License-Identifier: Apache-2.0
"""The permission matrix: who may do what, with whose thing, in which state. A row is a request; a column is who sends it; a
cell holds the answer that is right. support/matrix_rows.py is the table, support/matrix_world.py makes what it speaks of.

A cell reads "403 unauthorized": the status, and the problem's type or the document's status where one is meant."""

import dataclasses

import pytest

# How a name came to be allowed.
PROOFS = ("proven", "reused", "inherited", "trusted_name", "trusted_network", "trusted_key")

# Whose thing is asked for: the sender's own, by the standing of its account.
OWNERS = ("own", "bound", "bound_revoked", "deactivated", "revoked", "old_key")
# Somebody else's ("own" owns it). "at_home" asks for the same ids at the sender's own endpoint.
ACCOUNTS = (
    "other", "other_endpoint", "other_endpoint_at_home", "other_ca", "other_ca_at_home", "other_root", "other_root_at_home",
)
# Signed with a key in the place of an account.
KEYS = ("fresh_key", "certificate_key")
# Another account, at the thing's endpoint, that got authorizations for its names: how, or what became of them.
CONTROLLERS = (
    "control_proven", "control_reused", "control_inherited", "control_trusted", "control_withdrawn", "control_expired",
    # The same names, elsewhere.
    "control_other_endpoint", "control_other_ca", "control_other_root",
)
# Not signed. The tokens are good ones, for other doors.
UNSIGNED = ("anonymous", "stepca_token", "admin_token")
WHO = (*OWNERS, *ACCOUNTS, *KEYS, *UNSIGNED)

MISSING = "404 malformed"
FOREIGN = MISSING  # nobody learns which ids exist
NO_ACCOUNT_HERE = "400 accountDoesNotExist"


def spread(names, answer):
    return {name: answer for name in names}


# What a resource of one account answers to everybody else.
NOBODY = {
    **spread(UNSIGNED, "400 malformed"),
    **spread(KEYS, "400 malformed"),  # a jwk in the place of a kid
    **spread(("deactivated", "revoked"), "403 unauthorized"),
    "old_key": "400 malformed",  # its signature is none of the account's
    **spread(("other_endpoint", "other_ca", "other_root"), NO_ACCOUNT_HERE),
    **spread(("other", "other_endpoint_at_home", "other_ca_at_home", "other_root_at_home"), FOREIGN),
}


def private(own, **others):
    """A thing of one account: `own` for its owner, bound to an external account key or not."""
    return {**NOBODY, **spread(("own", "bound", "bound_revoked"), own), **others}


def public(answer, **others):
    """What needs no signature."""
    return {**spread(UNSIGNED, answer), **others}


def without_standings(cells):
    """Where an owner's standing makes no difference that another row does not show."""
    return {who: answer for who, answer in cells.items() if who not in OWNERS or who == "own"}


@dataclasses.dataclass(frozen=True)
class Row:
    """`route` is the program's own label for it. `payload(world, sender, thing)` makes what is signed; b"" is POST-as-GET.
    `state` and `proof` say which thing the request is about; a row that `changes` it needs one for each good answer."""

    what: str
    method: str
    route: str
    cells: dict
    state: str = "account"
    proof: str = "unproven"
    payload: object = b""
    changes: bool = False
    path: dict = dataclasses.field(default_factory=dict)  # in the place of the thing's own
    ends: tuple = ()  # whose refusal ends the thing
    tell: object = None  # tell(reply): the words of a good answer, in the place of its status alone
    ask: object = None  # ask(world, row, who): in the place of the world's own, for columns of the row's own

    @property
    def label(self):
        return "" if self.ask else f"-{self.state}-{self.proof}"


@dataclasses.dataclass(frozen=True)
class Cell:
    row: Row
    who: str

    @property
    def id(self):
        return f"{self.row.what}-by-{self.who}{self.row.label}"

    @property
    def answer(self):
        return self.row.cells[self.who]

    @property
    def is_good(self):
        return self.answer.startswith("2")

    @property
    def thing_key(self):
        """(standing, state, proof, and the cell where the thing is its alone); None where there is no thing."""
        if self.row.ask:
            return None
        standing = self.who if self.who in OWNERS else "own"
        alone = (self.row.changes and self.is_good) or self.who in self.row.ends or self.who in CONTROLLERS
        return standing, self.row.state, self.row.proof, (self.row.what, self.who) if alone else None


def cells_of(rows):
    return [Cell(row, who) for row in rows for who in row.cells]


def parameters(cells):
    return [pytest.param(cell, id=cell.id) for cell in cells]


def said(cell, reply):
    """A reply in the words of the cell. One to HEAD has no problem to show."""
    if reply.status >= 300:
        return f"{reply.status} {reply.problem}" if reply.method != "HEAD" and reply.problem else str(reply.status)
    if cell.row.tell:
        return f"{reply.status} {cell.row.tell(reply)}"
    shows_status = cell.is_good and " " in cell.answer
    return f"{reply.status} {reply.json()['status']}" if shows_status else str(reply.status)
