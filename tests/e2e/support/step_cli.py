# SPDX-License-Identifier: Apache-2.0
"""The real step CLI, pointed at a URL: a gateway's or a CA's."""

import os
import subprocess

from . import tools
from .certificates import load_key, read_chain
from .step_ca import PROVISIONER


class StepCli:
    """Its state and the certificates it gets are in `folder`; `ca` is the real one behind `url`."""

    def __init__(self, folder, ca, url, provisioner=PROVISIONER):
        self.folder = folder
        self.ca = ca
        self.url = url
        self.provisioner = provisioner
        self.path = tools.built("step")
        folder.mkdir(parents=True)
        self.password_path = folder / "provisioner.password"
        self.password_path.write_text(ca.keys[provisioner].password)

    def run(self, *arguments, fails=False):
        """One run to its end; its output. `fails` says which end is expected."""
        done = subprocess.run(
            [self.path, *map(str, arguments)],
            env={**os.environ, "STEPPATH": str(self.folder / "step"), "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=90,
            check=False,
            cwd=self.folder,
        )
        assert (done.returncode != 0) == fails, f"step {arguments} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def call(self, command, *arguments, url=None, **members):
        """A command of `step ca`."""
        where = ["--ca-url", url or self.url, "--root", self.ca.root_path]
        return self.run("ca", *command.split(), *arguments, *where, **members)

    def certificate(self, name, *arguments, **members):
        """With a key and a one-time token of its own making."""
        who = ["--provisioner", self.provisioner, "--provisioner-password-file", self.password_path]
        return self.call("certificate", name, self.chain_path(name), self.key_path(name), *who, "--force", *arguments, **members)

    def renew(self, name, *arguments, **members):
        return self.call("renew", self.chain_path(name), self.key_path(name), "--force", *arguments, **members)

    def revocation_token(self, serial):
        who = ["--provisioner", self.provisioner, "--provisioner-password-file", self.password_path]
        return self.call("token", serial, "--revoke", *who).strip().splitlines()[-1]

    def revoke(self, serial, *arguments, **members):
        return self.call("revoke", serial, "--token", self.revocation_token(serial), *arguments, **members)

    def chain_path(self, name):
        return self.folder / f"{name}.crt"

    def key_path(self, name):
        return self.folder / f"{name}.key"

    def chain(self, name):
        return read_chain(self.chain_path(name).read_bytes())

    def key(self, name):
        return load_key(self.key_path(name))
