# SPDX-License-Identifier: Apache-2.0
"""The small mutations of C code that tests/mutate tries: comparisons, joints of conditions, conditions, returns."""

import bisect
import dataclasses
import re

TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)
    |(?P<directive>^[ \t]*\#(?:\\\n|/\*.*?\*/|[^\n])*)
    |(?P<text>(?:u8|[uUL])?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<name>[A-Za-z_]\w*)
    |(?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)
    |(?P<sign><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[^\s\w])""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
TURNED = {
    "==": ("!=",),
    "!=": ("==",),
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "&&": ("||",),
    "||": ("&&",),
}
CLOSING = {"(": ")", "[": "]", "{": "}"}
LOGGING = {"log_debug", "log_info", "log_warning", "log_error"}
NOT_RUN = {"static_assert", "_Static_assert", "sizeof", "_Alignof", "__attribute__"}
NUMERIC = {"int", "long", "short", "unsigned", "signed", "char", "size_t", "ssize_t", "time_t"}


@dataclasses.dataclass(frozen=True)
class Mutation:
    """The octets [start, end) of a file, and what replaces them. Lines count from 1."""

    start: int
    end: int
    new: str
    first_line: int
    last_line: int

    def apply(self, source):
        return source[: self.start] + self.new + source[self.end :]

    def shown(self, source):
        """The lines that it changes, before and after, each on one line."""
        begin = source.rfind("\n", 0, self.start) + 1
        end = source.find("\n", self.end)
        end = len(source) if end < 0 else end
        changed = source[begin : self.start] + self.new + source[self.end : end]
        return " ".join(source[begin:end].split()), " ".join(changed.split())


@dataclasses.dataclass(frozen=True)
class Token:
    text: str
    start: int
    end: int


class Code:
    """The tokens of a C file without comments and directives, and its brackets in pairs."""

    def __init__(self, source):
        self.source = source
        self.breaks = [one.start() for one in re.finditer("\n", source)]
        self.tokens = [
            Token(one.group(), one.start(), one.end())
            for one in TOKEN.finditer(source)
            if one.lastgroup not in ("comment", "directive")
        ]
        self.partner = {}
        unclosed = []
        for i, token in enumerate(self.tokens):
            if token.text in CLOSING:
                unclosed.append(i)
            elif token.text in CLOSING.values() and unclosed:
                self.partner[i] = unclosed.pop()
                self.partner[self.partner[i]] = i

    def text(self, i):
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def between(self, begin, end):
        """The source from the token `begin` up to the token `end`, without `end`."""
        return self.source[self.tokens[begin].start : self.tokens[end - 1].end]

    def replace(self, begin, end, new):
        start, stop = self.tokens[begin].start, self.tokens[end - 1].end
        lines = (bisect.bisect_left(self.breaks, offset) + 1 for offset in (start, stop))
        return Mutation(start, stop, new, *lines)

    def functions(self):
        """(what the function returns, its first token behind the {, its }) of each function."""
        i = boundary = 0
        while i < len(self.tokens):
            if self.text(i) in CLOSING:
                close = self.partner.get(i, len(self.tokens) - 1)
                if self.text(i) == "{":
                    if self.text(i - 1) == ")":
                        yield self.returned(boundary, self.partner[i - 1] - 1), i + 1, close
                        boundary = close + 1
                i = close
            elif self.text(i) == ";":
                boundary = i + 1
            i += 1

    def returned(self, begin, name):
        words = [self.text(i) for i in range(begin, name)]
        if "*" in words:
            return "pointer"
        if "bool" in words:
            return "bool"
        return "number" if any(one in NUMERIC or re.fullmatch(r"u?int\d+_t", one) for one in words) else "other"

    def call_ends(self, i):
        """The token behind the call that begins at `i`."""
        return self.partner.get(i + 1, i + 1) + 1

    def only_logs(self, i):
        """Whether the block that begins at `i` holds calls of the log alone, and no else follows."""
        if self.text(i) != "{":
            return False
        close = self.partner[i]
        i += 1
        while i < close and self.text(i) in LOGGING:
            i = self.call_ends(i) + 1
        return i == close and self.text(close + 1) != "else"


def of_condition(code, i):
    """The condition of the `if` or `while` at `i`, negated."""
    begin, end = i + 2, code.partner[i + 1]
    return code.replace(begin, end, f"!({code.between(begin, end)})")


def of_return(code, i, returned):
    """The values that `return`, at `i`, may give in place of its own."""
    begin = end = i + 1
    while code.text(end) not in (";", ""):
        end = code.partner[end] + 1 if code.text(end) in CLOSING else end + 1
    value = code.between(begin, end) if begin < end else ""
    if value in ("true", "false"):
        yield code.replace(begin, end, "false" if value == "true" else "true")
    elif returned == "bool" and value:
        yield code.replace(begin, end, f"!({value})")
    elif returned == "pointer" and value not in ("", "NULL"):
        yield code.replace(begin, end, "NULL")
    elif returned == "number" and re.fullmatch(r"-?\d+", value):
        yield code.replace(begin, end, "1" if value == "0" else "0")


def mutations(source):
    """The mutations of a C file, in the order of the file. Only what runs in a function is mutated, and no log line."""
    code = Code(source)
    for returned, i, close in code.functions():
        while i < close:
            text, after = code.text(i), code.text(i + 1)
            if text in LOGGING | NOT_RUN and after == "(":
                i = code.call_ends(i)
                continue
            if text == "enum" and "{" in (after, code.text(i + 2)):
                i = code.partner[i + 1 if after == "{" else i + 2]
            elif text in ("if", "while") and after == "(":
                behind = code.call_ends(i)
                if code.only_logs(behind):
                    i = code.partner[behind] + 1
                    continue
                yield of_condition(code, i)
            elif text == "return":
                yield from of_return(code, i, returned)
            for new in TURNED.get(text, ()):
                yield code.replace(i, i + 1, new)
            i += 1
