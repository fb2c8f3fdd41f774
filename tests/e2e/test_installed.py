# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` puts on a machine: manual pages, completions, the unit of systemd, a sample configuration."""

import json
import re
import subprocess

import pytest
from support import tools

FILES = [
    "etc/acmegate/acmegate.json.sample",
    "usr/bin/acmegate",
    "usr/lib/systemd/system/acmegate-backup.service",
    "usr/lib/systemd/system/acmegate-backup.timer",
    "usr/lib/systemd/system/acmegate.service",
    "usr/lib/systemd/system/acmegate.socket",
    "usr/lib/sysusers.d/acmegate.conf",
    "usr/lib/tmpfiles.d/acmegate.conf",
    "usr/libexec/acmegate/backup",
    "usr/share/bash-completion/completions/acmegate",
    "usr/share/doc/acmegate/LICENSE",
    "usr/share/doc/acmegate/README.md",
    "usr/share/doc/acmegate/docs/grafana-dashboard.json",
    "usr/share/doc/acmegate/docs/install.md",
    "usr/share/fish/vendor_completions.d/acmegate.fish",
    "usr/share/man/man1/acmegate.1",
    "usr/share/man/man5/acmegate.json.5",
    "usr/share/zsh/vendor-completions/_acmegate",
]


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)


@pytest.fixture
def tree(installed):
    return installed


def test_the_tree_holds_these_files(tree):
    assert [name for name in FILES if not (tree / name).is_file()] == []


@pytest.mark.parametrize("page", ["man1/acmegate.1", "man5/acmegate.json.5"])
def test_manual_pages_have_no_warnings(tree, page):
    path = tree / "usr/share/man" / page
    done = run(tools.program("man"), "--warnings", "-E", "UTF-8", "-l", "-Tutf8", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ACMEGATE" in done.stdout


def test_mandoc_finds_nothing_in_the_manual_pages(tree):
    pages = sorted((tree / "usr/share/man").glob("*/*"))
    done = run(tools.program("mandoc"), "-T", "lint", "-W", "style", *pages)
    elsewhere = ("mandoc.db", "referenced manual not found")  # which pages this machine has
    assert [line for line in done.stdout.splitlines() if not any(words in line for words in elsewhere)] == []


@pytest.mark.parametrize(
    "shell, name",
    [
        ("bash", "bash-completion/completions/acmegate"),
        ("zsh", "zsh/vendor-completions/_acmegate"),
        ("fish", "fish/vendor_completions.d/acmegate.fish"),
    ],
)
def test_shells_read_their_completions(tree, shell, name):
    done = run(tools.program(shell), "-n", tree / "usr/share" / name)
    assert (done.returncode, done.stderr) == (0, "")


BASH_CASES = [
    (["acmegate", "mig"], ["migration"]),
    (["acmegate", "help", "iss"], ["issuer"]),
    (["acmegate", "eab", ""], ["add", "list", "revoke"]),
    (["acmegate", "eab", "add", "--prof"], ["--profiles"]),
    (["acmegate", "eab", "add", "--trusted", ""], ["no", "yes"]),
    (["acmegate", "cert", "renew-early", ""], ["all", "issuer", "serial"]),
    (["acmegate", "cert", "show", "--d"], ["--database"]),
    (["acmegate", "serve", "-c", "./on"], ["./one.json"]),
    (["acmegate", "sign", "./"], ["./one.json", "./two"]),
    (["acmegate", "dev", "--state", "./"], ["./two"]),
    (["acmegate", "dev", "--port", ""], []),
]


@pytest.mark.parametrize("words, expected", BASH_CASES, ids=lambda value: " ".join(value))
def test_bash_completes(tree, tmp_path, words, expected):
    (tmp_path / "one.json").touch()
    (tmp_path / "two").mkdir()
    script = """
        source "$1"
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _acmegate
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    completions = tree / "usr/share/bash-completion/completions/acmegate"
    done = run("bash", "-c", script, "bash", completions, *words, cwd=tmp_path)
    assert done.stderr == ""
    assert sorted(done.stdout.split()) == expected


def fish_completes(tree, line):
    script = tree / "usr/share/fish/vendor_completions.d/acmegate.fish"
    done = run(tools.program("fish"), "--no-config", "-c", f"source {script}; complete -C '{line}'")
    return sorted(found.split("\t")[0] for found in done.stdout.splitlines())


@pytest.mark.parametrize(
    "line, expected",
    [
        ("acmegate mig", ["migration"]),
        ("acmegate eab ", ["add", "list", "revoke"]),
        ("acmegate eab add --prof", ["--profiles"]),
        ("acmegate eab add --trusted ", ["no", "yes"]),
    ],
)
def test_fish_completes(tree, line, expected):
    assert fish_completes(tree, line) == expected


def test_the_sample_is_a_configuration(tree):
    sample = tree / "etc/acmegate/acmegate.json.sample"
    done = run(tree / "usr/bin/acmegate", "config", "show", "--config", sample)
    unreadable = {"provisioner.json", "provisioner.password", "root_ca.crt"}  # files that only their user has
    faults = [line for line in done.stderr.splitlines() if not any(name in line for name in unreadable)]
    assert faults == []
    bare = re.sub(r"^\s*//.*$", "", sample.read_text(), flags=re.MULTILINE)
    assert json.loads(bare)["endpoints"]["acme"]["profiles"] == ["default"]


def test_the_unit_is_sound_and_confined(tree):
    analyze = tools.program("systemd-analyze")
    unit = tree / "usr/lib/systemd/system/acmegate.service"
    done = run(analyze, "verify", "--man=no", unit)
    assert [line for line in done.stderr.splitlines() if "/usr/bin/acmegate is not executable" not in line] == []
    assert "\nExecReload=/usr/bin/acmegate reload\n" in unit.read_text(), "a refused file is a failed reload"
    report = run(analyze, "security", "--offline=true", "--no-pager", unit).stdout
    exposure = re.search(r"Overall exposure level for acmegate.service: ([0-9.]+)", report)
    assert float(exposure[1]) < 2.0, report


def test_the_socket_unit_has_the_addresses_that_the_server_listens_on_by_default(tree):
    socket = tree / "usr/lib/systemd/system/acmegate.socket"
    done = run(tools.program("systemd-analyze"), "verify", "--man=no", socket)
    assert [line for line in done.stderr.splitlines() if "/usr/bin/acmegate is not executable" not in line] == []
    listed = re.findall(r"^ListenStream=(.*)$", socket.read_text(), flags=re.MULTILINE)
    page = (tools.ROOT / "docs/configuration.md").read_text()
    assert json.dumps(listed) in re.search(r"^\| `listen` .*$", page, flags=re.MULTILINE)[0]
    sample = (tree / "etc/acmegate/acmegate.json.sample").read_text()
    assert f'"listen": {json.dumps(listed)}' in sample


def test_the_bill_of_materials_names_what_the_program_loads():
    first, second = (run(tools.ROOT / "gateway/packaging/make-sbom", tools.acmegate()) for _ in range(2))
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == second.stdout
    bill = json.loads(first.stdout)
    (own,) = [one for one in bill["dependencies"] if one["ref"].startswith("pkg:generic/acmegate@")]
    loads = " ".join(own["dependsOn"])
    libraries = ("libssl3", "libcurl", "libc-?ares2", "libyajl2", "libsqlite3-0")  # libcares2 on Debian 13
    assert [name for name in libraries if not re.search(name, loads)] == []
    described = {part["bom-ref"] for part in bill["components"]}
    assert {other for one in bill["dependencies"] for other in one["dependsOn"]} <= described
