# SPDX-License-Identifier: Apache-2.0
"""How a comment does not begin, and phrases that comments, strings and documents do without.

A comment's first sentence says what a function, a structure or a field is or does: the verb or the noun comes first.
"""

import re

# A comment, a string or a character of C.
TOKEN = re.compile(r"""/\*[\s\S]*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""")
BEGINNING = re.compile(r"/\*[\s*]*(What|Whoever|One that|That which)\b")
PHRASE = re.compile(r"\b(of before|all the same|came to|will not do|is no key known here|there is none of this)\b")


def texts(path, source):
    """(number of its first line, text) of each part that people read: the whole page, or comments and strings."""
    if path.endswith(".md"):
        return [(1, source)]
    return [(source.count("\n", 0, found.start()) + 1, found.group()) for found in TOKEN.finditer(source)]


def bad_words(path, source):
    """(number of the part's first line, words) of each bad beginning and phrase, across the ends of lines."""
    for number, text in texts(path, source):
        in_one_line = re.sub(r"\s*\n\s*\*?\s*", " ", text)
        for found in [*BEGINNING.finditer(text), *PHRASE.finditer(in_one_line)]:
            yield number, found[1]
