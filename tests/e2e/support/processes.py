# SPDX-License-Identifier: Apache-2.0
"""A process that a test owns: started with its output in a file, awaited, ended by its own id."""

import signal
import subprocess

from .waiting import wait_until


class Process:
    """Starts `command` at once; `log` is a path that receives standard output and error. The child has the descriptors
    `pass_fds` too."""

    def __init__(self, name, command, log, env=None, pass_fds=()):
        self.name = name
        self.log = log
        with open(log, "ab") as output:
            self._child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                pass_fds=pass_fds,
            )

    @property
    def pid(self):
        return self._child.pid

    def running(self):
        return self._child.poll() is None

    def output(self):
        return self.log.read_text(errors="replace")

    def wait_ready(self, ready, seconds=30):
        """Until `ready()` is true; a process that ended before is an error that shows its words."""

        def state():
            if not self.running():
                raise RuntimeError(f"{self.name} ended with {self._child.returncode}:\n{self.output()[-3000:]}")
            return ready()

        try:
            wait_until(state, f"{self.name} to answer", seconds)
        except TimeoutError as late:
            self.kill()
            raise RuntimeError(f"{late}:\n{self.output()[-3000:]}") from None

    def wait_end(self, seconds=30):
        """Waits for the process to end by itself; its exit status."""
        return self._child.wait(seconds)

    def stop(self, seconds=20):
        """Asks politely, insists after `seconds`; the exit status."""
        if self.running():
            self._child.terminate()
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(
                f"{self.name} did not stop within {seconds} s of SIGTERM:\n{self.output()[-3000:]}"
            ) from None

    def hang_up(self):
        """SIGHUP: read the configuration again."""
        self._child.send_signal(signal.SIGHUP)

    def signal(self, number):
        """Whatever the process makes of it."""
        self._child.send_signal(number)

    def kill(self):
        """SIGKILL: no chance to finish anything."""
        if self.running():
            self._child.send_signal(signal.SIGKILL)
        self._child.wait()
