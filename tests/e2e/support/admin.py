# SPDX-License-Identifier: Apache-2.0
"""A client of the admin API, over its Unix socket or over TLS."""

import contextlib
import http.client
import json
import pathlib
import shutil
import socket
import ssl
import tempfile

from .acme_client import Reply


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Admin:
    """`connect` makes a connection; each request has one of its own."""

    def __init__(self, connect, token=None):
        self._connect = connect
        self.token = token

    @classmethod
    def on_socket(cls, path):
        return cls(lambda: _SocketConnection(path))

    @classmethod
    def on_tcp(cls, port, ca_file, token=None):
        context = ssl.create_default_context(cafile=str(ca_file))
        return cls(lambda: http.client.HTTPSConnection("localhost", port, timeout=60, context=context), token)

    def raw(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        connection = self._connect()
        try:
            connection.request(method, path, body, headers)
            return Reply(connection.getresponse(), method)
        finally:
            connection.close()

    def get(self, path):
        reply = self.raw("GET", path)
        assert reply.status == 200, reply
        return reply

    def issuer(self, name="main"):
        return self.get(f"/api/v1/issuers/{name}").json()

    def put(self, issuer, name="main"):
        return self.raw("PUT", f"/api/v1/issuers/{name}", json.dumps(issuer), {"Content-Type": "application/json"})

    def delete(self, name="main"):
        return self.raw("DELETE", f"/api/v1/issuers/{name}")


@contextlib.contextmanager
def short_folder():
    """A folder that others may enter, with a path that is short enough for a socket in it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="acmegate-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
