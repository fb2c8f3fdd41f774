# SPDX-License-Identifier: Apache-2.0
"""A TCP relay whose target may change: a DNS name that is pointed elsewhere, as its clients see it."""

import socket
import threading

from .ports import free_port


class Relay:
    def __init__(self, target):
        self.target = target  # a port
        self.port = free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        server = socket.create_connection(("127.0.0.1", self.target), 10)
        for pair in ((client, server), (server, client)):
            threading.Thread(target=_pump, args=pair, daemon=True).start()

    def stop(self):
        self._listener.close()


def _pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
