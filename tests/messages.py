#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the messages of the program with docs/messages.md: what `serve` logs as a warning or an error, and what `check`
and `serve` end with.

    tests/messages.py            prints the rows that the page lacks, and those that no code writes any more
    tests/messages.py --list     prints every message with its place in the code

A message is a format string: "…" stands for each of its conversions. It is found in the calls of SINKS. Words that are only
part of some message (`condition ? "…" : "…"`) count as messages of their own.
"""

import pathlib
import re
import sys

from tree import files

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/messages.md"

# A function that writes or makes a message, and what its arguments hold for the call to count; None for any.
SINKS = {
    "log_warning": None,
    "log_error": None,
    "log_gate_write": r"LOG_LEVEL_(WARNING|ERROR)",
    "check_warn": None,
    "check_fail": None,
    "config_error": None,
    "value_refuse": None,
    "add_warning": None,
    "fault_set": None,
    "fault_prefix": None,
    "tell": r"PREFLIGHT_(FAULT|WARNING)|context",
    "refuse": None,
    "bad": None,
    "http_tell_refusal": None,
    "http_tell_unclear": None,
}

# Other commands than `check` and `serve` show what these files say, on the terminal of the person who runs them.
ELSEWHERE = re.compile(
    r"gateway/cli/(?!cli_check|cli_serve|serve_loop)"
    r"|gateway/(stepca_api|frontend/route_|jobs/)"
    r"|gateway/housekeeping/account_import|store/(sql/account_import|sqlite/care)\.c"
    r"|acme/account_export\.c"
)
LOGS = {"log_warning", "log_error", "log_gate_write"}

# Files that give parts of messages back: each text of a few words in them counts, but for those in calls of NO_FAULTS.
PARTS = {
    "acme/pki/certificate_check.c",
    "acme/pki/crl.c",
    "acme/pki/ocsp_responder.c",
    "gateway/ca/issuer_stepca_calls.c",
    "gateway/ca/local/local_ca.c",
    "gateway/http/http_forwarded.c",
    "gateway/http/http_listen.c",
    "gateway/http/http_proxy.c",
    "gateway/http/http_proxy_header.c",
    "gateway/http/http_tls.c",
    "gateway/outbound/outbound_dns.c",
    "gateway/outbound/outbound_http.c",
    "gateway/outbound/outbound_tls.c",
    "gateway/preflight/name_servers.c",
    "stepca/provisioner_key.c",
    "store/sqlite/check.c",
}
NO_FAULTS = {"log_info", "log_debug", "check_ok", "query_start"}

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
CALL = re.compile(r"\b([a-z_]+)\(")
LITERAL = r'"(?:\\.|[^"\\\n])*"'
# Literals side by side are one text; a macro between them varies as a conversion does.
TEXT = re.compile(rf"{LITERAL}(?:\s*(?:[A-Z][A-Z0-9_]*\s*)?{LITERAL})*")
CONVERSION = re.compile(r"%[-+ #0]*[\d*]*(?:\.[\d*]+)?(?:hh|h|ll|l|z|j|t)?[a-zA-Z]")
FEWEST_WORDS = {"format": 2, "part": 4}
NO_MESSAGES = re.compile(r"\b(SELECT|FROM)\b|^trial of a CA$|^the system's name servers$")


def arguments(source, start):
    """The text from `start` to the bracket that closes the call."""
    depth, at, quoted = 1, start, False
    while depth and at < len(source):
        if quoted:
            at += source[at] == "\\"
            quoted = source[at] != '"'
        else:
            quoted = source[at] == '"'
            depth += {"(": 1, ")": -1}.get(source[at], 0)
        at += 1
    return source[start : at - 1]


def as_message(text):
    """What a person reads of adjacent literals."""
    parts = re.findall(rf"{LITERAL}|[A-Z][A-Z0-9_]*", text)
    joined = "".join(part[1:-1] if part.startswith('"') else "…" for part in parts)
    joined = joined.replace('\\"', '"').replace("%%", "\0")
    return re.sub(r"…+", "…", CONVERSION.sub("…", joined)).replace("\0", "%").strip(" ;,.")


def is_message(text, fewest):
    """Whether it is a sentence or a part of one: a path of the configuration or a statement of SQL is none."""
    return " " in text and not NO_MESSAGES.search(text) and len(re.findall(r"[A-Za-z][\w'.-]*", text)) >= fewest


def messages_of(source, parts=False):
    """(function, line, message) of each call in the text of a file, and with `parts` of each other text of it."""
    code = COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), source)
    read = []
    for call in CALL.finditer(code):
        name, inside = call[1], arguments(code, call.end())
        if name in NO_FAULTS:
            read.append((call.end(), call.end() + len(inside)))
        if name not in SINKS or (SINKS[name] and not re.search(SINKS[name], inside)):
            continue
        fewest = FEWEST_WORDS["format"]
        for text in TEXT.finditer(inside):
            message = as_message(text.group())
            if is_message(message, fewest):
                fewest = FEWEST_WORDS["part"]
                yield name, code.count("\n", 0, call.start()) + 1, message
    for text in TEXT.finditer(code) if parts else ():
        message = as_message(text.group())
        if is_message(message, FEWEST_WORDS["part"]) and not any(a <= text.start() < b for a, b in read):
            yield "part", code.count("\n", 0, text.start()) + 1, message


def in_code():
    """{message: its first place}."""
    found = {}
    for path in files(ROOT):
        if not re.fullmatch(r"(acme|gateway|stepca|store)/.*\.c", path):
            continue
        for name, line, message in messages_of((ROOT / path).read_text(), path in PARTS):
            if name in LOGS or not ELSEWHERE.match(path):
                found.setdefault(message, f"{path}:{line}")
    return found


def rows(page):
    """(message, advice) of each row of the page's tables."""
    for row in re.findall(r"^\| (.*) \|$", page, re.MULTILINE):
        cell, _, advice = row.partition(" | ")
        message = re.fullmatch(r"`([^`]+)`|`` (.+) ``", cell)
        if message:
            yield message[1] or message[2], advice


def as_row(message):
    return f"| `` {message} `` | |" if "`" in message else f"| `{message}` | |"


def faults():
    """What differs, a line each."""
    code, page = in_code(), list(rows(PAGE.read_text()))
    told = [message for message, _ in page]
    for message, place in code.items():
        if message not in told:
            yield f"docs/messages.md lacks a message of {place}: {as_row(message)}"
    for message, advice in page:
        if message not in code:
            yield f"docs/messages.md: no code writes this message any more: {message}"
        if told.count(message) > 1:
            yield f"docs/messages.md has this message more than once: {message}"
        if len(advice.split()) < 3:
            yield f"docs/messages.md: this message has no advice: {message}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print("\n".join(f"{place}: {message}" for message, place in in_code().items()))
    else:
        found = list(faults())
        print("\n".join(found))
        sys.exit(1 if found else 0)
