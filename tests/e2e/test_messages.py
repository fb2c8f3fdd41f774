# SPDX-License-Identifier: Apache-2.0
"""docs/messages.md has every message of `serve` and `check`, by its exact words: what tests/messages.py finds in the code."""

import importlib.util
import sys

import pytest
from support import tools
from support.gateway import Gateway

sys.path.insert(0, str(tools.ROOT / "tests"))  # for the module that finds the files
SPEC = importlib.util.spec_from_file_location("messages", tools.ROOT / "tests/messages.py")
messages = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(messages)


def test_the_page_and_the_program_have_the_same_messages():
    found = list(messages.faults())
    assert not found, "\n".join(["Write these rows, or correct them:", *found])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param('log_warning("%s: %s", path, why);', [], id="no-words-of-ours"),
        pytest.param('log_error("%s fails: %s", a, b);', [], id="one-word"),
        pytest.param('log_error("issuer %s fails: %s", a, b);', ["issuer … fails: …"], id="conversions"),
        pytest.param('log_info("issuer %s fails: %s", a, b);', [], id="no-fault"),
        pytest.param('fault_set(f, "a b " "c");', ["a b c"], id="side-by-side"),
        pytest.param('fault_set(f, "a b " MACRO " c d");', ["a b … c d"], id="macro"),
        pytest.param('fault_set(f, "say it: \\"%s\\" (%d%%)", a, n);', ['say it: "…" (…%)'], id="quotes"),
        pytest.param('/* log_error("no such message"); */', [], id="comment"),
        pytest.param('fault_set(f, "%s: %s", p, x ? "it is not a file" : y);', ["it is not a file"], id="a-part"),
        pytest.param('tell(p, PREFLIGHT_OK, "all is well");', [], id="a-good-finding"),
        pytest.param('tell(p, PREFLIGHT_FAULT, "it is not well");', ["it is not well"], id="a-finding"),
        pytest.param('config_error(r, arena_printf(a, "endpoints.%s.eab", e), "is too long");', ["is too long"], id="a-path"),
    ],
)
def test_messages_of(source, expected):
    assert [message for _, _, message in messages.messages_of(source)] == expected


def test_parts_are_read_where_they_are_given_back():
    source = 'return "it is not the right one"; log_info("this is only for information");'
    assert [message for *_, message in messages.messages_of(source, parts=True)] == ["it is not the right one"]


@pytest.mark.sqlite("of a file's folder")
def test_what_a_server_says_is_found(tmp_path):
    """The words of a real failure, with its parts that vary, are those of a row."""
    gateway = Gateway(tmp_path, {"type": "local", "directory": str(tmp_path / "ca")}, tmp_path / "ca/root_ca.crt")
    gateway.configuration["database"] = str(tmp_path / "missing/acmegate.db")
    status, _, words = gateway.run("serve")
    assert status == 1
    rows = dict(messages.rows(messages.PAGE.read_text()))
    row = "…: its folder … does not exist: make it, for the user that serves"
    assert "does not exist: make it, for the user that serves" in words and row in rows
