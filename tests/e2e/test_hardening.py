# SPDX-License-Identifier: Apache-2.0
"""What the compiler and the linker were asked for is in the program that is installed."""

import platform
import subprocess

import pytest
from support import tools


pytestmark = pytest.mark.timeout(1000)  # of the build


@pytest.fixture(scope="module")
def headers():
    """What readelf says of the program's header, segments, dynamic section, notes and symbols."""
    command = ["readelf", "--wide", "--file-header", "--segments", "--dynamic", "--notes", "--dyn-syms", tools.release()]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def segment(headers, name):
    (line,) = [one.split() for one in headers.splitlines() if one.split()[:1] == [name]]
    return line


def test_it_is_loaded_at_any_address(headers):
    assert "DYN (Position-Independent Executable file)" in headers


def test_its_tables_are_read_only_once_it_runs(headers):
    assert segment(headers, "GNU_RELRO")
    assert "BIND_NOW" in headers


def test_its_stack_runs_no_code(headers):
    assert segment(headers, "GNU_STACK")[6] == "RW"


def test_its_stack_is_watched(headers):
    assert "__stack_chk_fail" in headers


@pytest.mark.skipif(platform.machine() != "x86_64", reason="control-flow protection by processor")
def test_calls_go_where_they_may():
    """The mark in the notes is no sign: the linker drops it where the C library's own start-up code has none."""
    command = ["objdump", "--disassemble=main", "--no-show-raw-insn", tools.release()]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "<main>:" in shown and "endbr64" in shown


def test_the_c_librarys_checks_are_in(headers):
    assert "__memcpy_chk" in headers and "__vsnprintf_chk" in headers
