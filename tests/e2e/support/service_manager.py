# SPDX-License-Identifier: Apache-2.0
"""A service manager's notify socket, as sd_notify(3) describes it."""

import socket

from .waiting import wait_until


class NotifySocket:
    """At a path, or for a name with "@" in the abstract name space."""

    def __init__(self, name):
        self.name = str(name)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(self.name.replace("@", "\0", 1))
        self.messages = []

    @property
    def variables(self):
        return {"NOTIFY_SOCKET": self.name}

    def close(self):
        self._socket.close()

    def hear(self):
        """All messages so far, each a dictionary."""
        while True:
            try:
                text = self._socket.recv(4096).decode()
            except BlockingIOError:
                return self.messages
            self.messages.append(dict(line.split("=", 1) for line in text.splitlines()))

    def wait_for(self, what, seconds=30, **members):
        """The first message with these members behind those that were waited for before."""

        def find():
            for place, message in enumerate(self.hear()):
                if all(word in message.get(name, "") for name, word in members.items()):
                    return place
            return None

        place = wait_until(lambda: (found := find()) is not None and (found,), what, seconds)[0]
        message = self.messages[place]
        del self.messages[: place + 1]
        return message
