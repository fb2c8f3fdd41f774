# SPDX-License-Identifier: Apache-2.0
"""A command at a terminal of its own, and the person there."""

import os
import pty
import select
import signal
import termios
import time


class Terminal:
    """Runs `command` with a pseudo-terminal as its standard input, output and error."""

    def __init__(self, command, env, seconds=60):
        self.shown = ""  # all of it so far
        self.echoed_at_the_end = None
        self._end = time.monotonic() + seconds
        self._read = 0  # how much of it was expected
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell that started the tests in the background ignores it
            os.execve(command[0], [str(word) for word in command], env)

    def _more(self):
        """False at the end."""
        left = self._end - time.monotonic()
        assert left > 0 and select.select([self._file], [], [], left)[0], f"nothing more came after:\n{self.shown}"
        try:
            octets = os.read(self._file, 4096)
        except OSError:  # EIO: the last process has closed it
            return False
        self.shown += octets.decode(errors="replace").replace("\r\n", "\n")
        return bool(octets)

    def expect(self, words):
        """Waits for these words behind those that were expected before."""
        while words not in self.shown[self._read :]:
            assert self._more(), f"it ended without '{words}':\n{self.shown}"
        self._read = self.shown.index(words, self._read) + len(words)

    def answer(self, question, text):
        """Waits for the question, and types."""
        self.expect(question)
        os.write(self._file, f"{text}\n".encode())

    def signal(self, number=signal.SIGINT):
        os.kill(self.pid, number)

    def echoes(self):
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self._file)[3] & termios.ECHO)

    def end(self):
        """Waits for the end; the exit status, negative for a signal."""
        while self._more():
            pass
        _, status = os.waitpid(self.pid, 0)
        self.echoed_at_the_end = self.echoes()
        os.close(self._file)
        return os.waitstatus_to_exitcode(status)
