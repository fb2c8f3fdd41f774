# SPDX-License-Identifier: Apache-2.0
"""The mutations that tests/mutate draws from."""

import importlib.util

import pytest
from support import tools

SPEC = importlib.util.spec_from_file_location("mutations", tools.ROOT / "tests/mutations.py")
mutations = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(mutations)


def changes(source):
    """What stands in the place of each mutated piece."""
    return [f"{source[one.start : one.end]} → {one.new}" for one in mutations.mutations(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("void f(void) { g(a < b); }", ["< → <=", "< → >="], id="less"),
        pytest.param("void f(void) { x = a >= b; }", [">= → >", ">= → <"], id="not-less"),
        pytest.param("void f(void) { x = a == b || c != d; }", ["== → !=", "|| → &&", "!= → =="], id="joint"),
        pytest.param("void f(void) { if (g(a)) { h(); } }", ["g(a) → !(g(a))"], id="if"),
        pytest.param("void f(void) { while (a) h(); }", ["a → !(a)"], id="while"),
        pytest.param("static bool f(int a) { return true; }", ["true → false"], id="true"),
        pytest.param("bool f(int a) { return g(a); }", ["g(a) → !(g(a))"], id="bool"),
        pytest.param("struct a *f(void) { return g(1); }", ["g(1) → NULL"], id="pointer"),
        pytest.param("struct a *f(void) { return NULL; }", [], id="null"),
        pytest.param("int f(void) { return 0; }", ["0 → 1"], id="zero"),
        pytest.param("int f(void) { return -1; }", ["-1 → 0"], id="minus-one"),
        pytest.param("void f(void) { return; }", [], id="void"),
        pytest.param("enum a f(void) { return A; }", [], id="enum"),
        pytest.param("int n; bool f(void) { return a; }", ["a → !(a)"], id="its-own-type"),
    ],
)
def test_mutations_of(source, expected):
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        pytest.param('void f(void) { g("a < b", \'<\', "\\"<"); }', id="text"),
        pytest.param("void f(void) { /* a < b */ g(); // return true\n }", id="comment"),
        pytest.param("#include <a.h>\n#define A(x) \\\n    ((x) < 1)\n#if A < 2\n#endif", id="directive"),
        pytest.param("enum { A = 1 < 2 };\nstatic const bool b = 1 == 2;\nint c[2 > 1];", id="outside-functions"),
        pytest.param("static const struct a b = {.c = 1 < 2};", id="initializer"),
        pytest.param("[[gnu::format(printf, 1, 2)]] bool f(int a);", id="declaration"),
        pytest.param("void f(void) { enum { A = 1 < 2 }; enum b { B = 1 < 2 }; }", id="enum-inside"),
        pytest.param("void f(void) { static_assert(A < B); }", id="static-assert"),
        pytest.param('void f(void) { log_info("%d", a < b ? 1 : 2); }', id="log-line"),
        pytest.param('void f(void) { if (a < b) { log_info("a"); log_error("b"); } }', id="log-block"),
        pytest.param("void f(void) { a <<= b << c; d->e = f >> 1; }", id="shift"),
    ],
)
def test_what_is_not_mutated(source):
    assert changes(source) == []


def test_a_condition_that_decides_more_than_a_log_line_is_mutated():
    assert changes('void f(void) { if (a) { log_info("a"); } else { g(); } }') == ["a → !(a)"]
    assert changes('void f(void) { if (a) { log_info("a"); g(); } }') == ["a → !(a)"]


def test_a_mutation_knows_its_lines_and_shows_them():
    source = "bool f(void)\n{\n    return a &&\n        b;\n}\n"
    whole, joint = mutations.mutations(source)
    assert (whole.first_line, whole.last_line) == (3, 4)
    assert whole.shown(source) == ("return a && b;", "return !(a && b);")
    assert (joint.first_line, joint.last_line) == (3, 3)
    assert joint.apply(source) == source.replace("&&", "||")
    assert joint.shown(source) == ("return a &&", "return a ||")


def test_the_gateways_code_is_read_to_its_end():
    """Brackets that are not in pairs would hide the rest of a file."""
    for path in sorted((tools.ROOT / "gateway").rglob("*.c")):
        code = mutations.Code(path.read_text())
        brackets = [i for i, token in enumerate(code.tokens) if token.text in "()[]{}"]
        assert sorted(code.partner) == brackets, path
