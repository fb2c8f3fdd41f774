# SPDX-License-Identifier: Apache-2.0
"""Habits of the C code that no formatter knows: `sizeof x` but `sizeof(type)`, and `i++` where nobody uses its value."""

import re

# A comment, a string, a character or a directive: no habit holds in it.
OTHER = re.compile(
    r"""/\*[\s\S]*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|^[ \t]*\#(?:.*\\\n)*.*""", re.MULTILINE
)

PLACE = r"[a-z_]\w*(?:(?:->|\.)\w+|\[[^][]*\])*"
TYPE = r"(?:const|struct|union|enum|unsigned|signed|char|short|int|long|float|double|void|bool|challenge_set|\w+_t)\b"
SIZEOF = re.compile(rf"\bsizeof\((?!{TYPE})(\**{PLACE})\)")
STATEMENT = re.compile(rf"(?<=[;{{}}):e\0])(\s*\n\s*)(\+\+|--)({PLACE})(?=;)")
IN_FOR = re.compile(rf"(;\s+)(\+\+|--)({PLACE})(?=\)|, )")
AFTER_COMMA = re.compile(rf"(\w(?:\+\+|--), )(\+\+|--)({PLACE})(?=\))")


def put_right(source):
    """The source as the habits want it."""
    hidden = []

    def hide(match):
        hidden.append(match.group())
        return f"\0{len(hidden) - 1}\0"

    code = OTHER.sub(hide, source)
    code = SIZEOF.sub(r"sizeof \1", code)
    for pattern in (STATEMENT, IN_FOR, AFTER_COMMA):
        code = pattern.sub(r"\1\3\2", code)
    return re.sub(r"\0(\d+)\0", lambda match: hidden[int(match[1])], code)


def uneven_lines(source):
    """The numbers of the lines that break a habit."""
    lines = zip(source.splitlines(), put_right(source).splitlines())
    return [number for number, (line, right) in enumerate(lines, 1) if line != right]
