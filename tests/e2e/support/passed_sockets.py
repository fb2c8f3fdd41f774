# SPDX-License-Identifier: Apache-2.0
"""Listening sockets that a process inherits as from systemd (sd_listen_fds(3)). As a program: the launcher between the
test and that process."""

import fcntl
import os
import pathlib
import socket
import sys

FIRST = 3  # SD_LISTEN_FDS_START


class PassedSockets:
    """Sockets of the test, which stay open while servers come and go."""

    def __init__(self):
        self._sockets = []
        self._names = []
        self.process = None  # LISTEN_PID; None: the process that is started

    def add(self, made, name="acmegate.socket"):
        self._sockets.append(made)
        self._names.append(name)
        return self

    def tcp(self, port, host="127.0.0.1", **members):
        return self.add(socket.create_server((host, port), backlog=128), **members)

    def unix(self, path, **members):
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.bind(str(path))
        made.listen(128)
        return self.add(made, **members)

    @property
    def fds(self):
        return tuple(one.fileno() for one in self._sockets)

    def command(self, command):
        """Starts `command` with the sockets, as its own process."""
        fds = ",".join(map(str, self.fds))
        return [sys.executable, pathlib.Path(__file__), self.process or "", fds, ":".join(self._names), *command]

    def close(self):
        for one in self._sockets:
            one.close()


def main(process, fds, names, *command):
    # First out of the way of the numbers that they get.
    high = [fcntl.fcntl(int(fd), fcntl.F_DUPFD_CLOEXEC, 100) for fd in fds.split(",")]
    for place, fd in enumerate(high):
        os.dup2(fd, FIRST + place)
    os.environ.update(LISTEN_PID=process or str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=names)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
