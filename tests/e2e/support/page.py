# SPDX-License-Identifier: Apache-2.0
"""Pages of the documentation whose examples are run: lines of a shell, and files."""

import os
import re
import subprocess
import textwrap

from . import tools


class Page:
    """`lines` are the blocks that begin with ```sh CLIENT STEP, in a list too; `snippets` those below
    <!-- snippet: NAME -->."""

    def __init__(self, name):
        self.text = (tools.ROOT / name).read_text(encoding="utf-8")
        found = re.findall(r"^ *```sh (\S+) (\S+)\n(.*?)^ *```", self.text, re.DOTALL | re.MULTILINE)
        self.lines = {(client, step): textwrap.dedent(text).strip() for client, step, text in found}
        found = re.findall(r"<!-- snippet: (.*?) -->\n```\w+\n(.*?)```", self.text, re.DOTALL)
        self.snippets = dict(found)


def adapted(text, changes):
    """Each part that is tied to a place occurs, and becomes the test's."""
    for was, becomes in changes.items():
        assert was in text, was
        text = text.replace(was, str(becomes))
    return text


class Host:
    """A host in whose folder lines are run. `places` are parts of them and what stands for them here, where they occur."""

    def __init__(self, folder, gateway, places):
        self.folder, self.gateway, self.places = folder, gateway, places
        self.programs = {}  # names in the lines that mean another program here
        self.environment = {}  # more of it
        folder.mkdir(parents=True, exist_ok=True)

    def here(self, line):
        """The line with this test's addresses, names and paths."""
        for place, here in self.places.items():
            line = line.replace(place, str(here))
        return line

    def run(self, line, fails=False):
        """One line to its end; its output. `fails` says which end is expected."""
        for word, path in self.programs.items():
            line = re.sub(rf"(^|[\w]=\S* |&& ){word} ", rf"\g<1>{path} ", line)
        done = subprocess.run(
            ["bash", "-c", self.here(line)], env={**os.environ, "HOME": str(self.folder), **self.environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
            cwd=self.folder,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, f"{line}\n{done.stdout}\n{self.gateway.process.output()[-2000:]}"
        return done.stdout
