# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy between a gateway and its PostgreSQL. It knows where the messages of the protocol begin and end, without TLS:
so it can lose a COMMIT, or the answer to one, and reset the connection right there."""

import socket
import struct
import threading

from .ca_proxy import reset
from .relay import Relay


class Lost(Exception):
    """This connection is to be reset."""


class Loss:
    """Of COMMITs, or of the answers to them, so many times."""

    def __init__(self, kept, times):
        self.kept = kept
        self.left = times
        self.done = threading.Event()


class _Connection:
    def __init__(self, client, server):
        self.ends = (client, server)
        self.held = []  # messages from COMMIT on, before the end of what was sent
        self.loses_answer = False

    def close(self):
        for end in self.ends:
            reset(end)
            end.close()


class PostgreSQLProxy(Relay):
    """In front of a server's port. `port` takes connections from here on."""

    def __init__(self, target):
        self._lock = threading.Lock()
        self._live = set()
        self._passes = threading.Event()
        self._passes.set()
        self._refuses = False
        self._loss = None
        self._voice = None
        super().__init__(target)

    # ---- faults ----

    def reset(self):
        """Ends the connections in the middle of things; how many. New ones are taken."""
        with self._lock:
            live = list(self._live)
            self._live.clear()
        for connection in live:
            connection.close()
        return len(live)

    def cut(self):
        """Ends the connections, and each new one at once."""
        self._refuses = True
        self.reset()

    def black_hole(self):
        """Nothing passes, and nobody is told. What was sent meanwhile arrives after restore()."""
        self._passes.clear()

    def speak(self, octets):
        """From here on the server's next answer on each connection is this, again and again, until the gateway closes it."""
        self._voice = octets

    def restore(self):
        self._voice = None
        self._refuses = False
        self._passes.set()

    def lose_commits(self, kept, times=1):
        """The connection is reset in the next COMMITs: after the server has kept it, or before the server sees it. The
        result's `done` is set after the last one."""
        self._loss = Loss(kept, times)
        return self._loss

    def close(self):
        self.stop()
        self.restore()
        self.reset()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- connections ----

    def _connect(self, client):
        self._passes.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 10)
            server.settimeout(None)
        except OSError:
            reset(client)
            client.close()
            return
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(client, server)
        with self._lock:
            self._live.add(connection)
        if self._refuses:
            self._end(connection)
            return
        for pass_on in (self._pass_questions, self._pass_answers):
            threading.Thread(target=self._run, args=(connection, pass_on), daemon=True).start()

    def _end(self, connection):
        with self._lock:
            self._live.discard(connection)
        connection.close()

    def _run(self, connection, pass_on):
        try:
            pass_on(connection)
        except (OSError, Lost, ValueError):
            pass
        self._end(connection)

    def _send(self, end, octets):
        self._passes.wait()
        end.sendall(octets)

    # ---- messages ----

    def _pass_questions(self, connection):
        client, server = connection.ends
        first = _read(client, 4)
        self._send(server, first + _read(client, struct.unpack("!I", first)[0] - 4))
        while True:
            kind, octets = _message(client)
            if connection.held or self._loss and _is_commit(kind, octets):
                connection.held.append(octets)
                if kind == b"S":
                    self._end_commit(connection)
            else:
                self._send(server, octets)

    def _end_commit(self, connection):
        octets, connection.held = b"".join(connection.held), []
        with self._lock:
            loss = self._loss
            if loss:
                loss.left -= 1
                if loss.left == 0:
                    self._loss = None
        if loss and not loss.kept:
            self._tell(loss)
            raise Lost
        connection.loses_answer = loss
        self._send(connection.ends[1], octets)

    def _pass_answers(self, connection):
        client, server = connection.ends
        while True:
            kind, octets = _message(server)
            while self._voice:
                self._send(client, self._voice)
            if connection.loses_answer and kind == b"C" and octets[5:] == b"COMMIT\0":
                self._tell(connection.loses_answer)
                raise Lost
            self._send(client, octets)

    @staticmethod
    def _tell(loss):
        if loss.left == 0:
            loss.done.set()


def _is_commit(kind, octets):
    """A Parse of an unnamed statement."""
    return kind == b"P" and octets[5:].startswith(b"\0COMMIT\0")


def _message(end):
    """(kind, all its octets)."""
    head = _read(end, 5)
    return head[:1], head + _read(end, struct.unpack("!I", head[1:])[0] - 4)


def _read(end, count):
    octets = b""
    while len(octets) < count:
        more = end.recv(count - len(octets))
        if not more:
            raise Lost
        octets += more
    return octets
