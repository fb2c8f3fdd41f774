# SPDX-License-Identifier: Apache-2.0
"""The form of the documentation: short sentences, and lines that fit on a screen. Tables and code may be wider."""

import re

import pytest
from support import tools

MOST_WORDS, MOST_COLUMNS = 30, 120
PAGES = sorted(
    [tools.ROOT / "README.md", *(tools.ROOT / "docs").glob("*.md"), *(tools.ROOT / "tests").glob("**/README.md")]
)


def prose(page):
    """(number, line) of each line that is neither code nor part of a table, a heading's included."""
    code = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            code = not code
        elif not code and not line.lstrip().startswith(("|", "<!--", "<", "![")):
            yield number, line


def paragraphs(page):
    """(number of its first line, text) of each paragraph and each item of a list."""
    first, words, last = None, [], 0
    for number, line in prose(page):
        begins = re.match(r"\s*([*-]|\d+\.)\s", line) or line.startswith("#")
        if words and (not line.strip() or begins or number != last + 1):
            yield first, " ".join(words)
            words = []
        if line.strip():
            first = number if not words else first
            words.append(re.sub(r"^\s*([*-]|\d+\.|#+)\s+", "", line).strip())
        last = number
    if words:
        yield first, " ".join(words)


def sentences(text):
    """Code and addresses count as one word each. A sentence may begin with a small letter, as names of programs do.
    A colon, a semicolon and the dot of an abbreviation end nothing."""
    plain = re.sub(r"`[^`]*`", "Code", re.sub(r"\]\([^)]*\)", "]", text))
    plain = re.sub(r"\b(e\.g|i\.e|etc|vs)\.", lambda found: found[1], plain)
    return re.split(r"(?<=[.!?])[)\"*]*\s+", plain)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(tools.ROOT)))
def test_lines_fit(page):
    wide = [f"{page.name}:{number}: {len(line)} columns" for number, line in prose(page) if len(line) > MOST_COLUMNS]
    assert not wide, "\n".join(wide)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(tools.ROOT)))
def test_sentences_are_short(page):
    long = [
        f"{page.name}:{number}: {len(one.split())} words: {one}"
        for number, text in paragraphs(page)
        for one in sentences(text)
        if len(one.split()) > MOST_WORDS
    ]
    assert not long, "\n".join(long)


def test_every_page_is_named_in_the_readme():
    readme = (tools.ROOT / "README.md").read_text()
    pages = sorted(page.name for page in (tools.ROOT / "docs").glob("*.md") if not page.name.startswith("design-"))
    assert [page for page in pages if f"(docs/{page})" not in readme] == []


LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")


def anchors(page):
    """Those of its headings, as the web shows them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", head).lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(tools.ROOT)))
def test_links_lead_somewhere(page):
    lost = []
    for path, anchor in LINK.findall(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)):
        target = (page.parent / path).resolve() if path else page
        if "://" not in path and (not target.exists() or (anchor and anchor not in anchors(target))):
            lost.append(path + anchor)
    assert lost == []
