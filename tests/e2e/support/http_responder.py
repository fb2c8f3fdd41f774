# SPDX-License-Identifier: Apache-2.0
"""What answers an http-01 challenge: a web server on the port that the gateway dials."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/.well-known/acme-challenge/"


class HttpResponder:
    """Serves key authorizations by token, from `answers` or the files of `folder`; usable in a `with` statement. `tls` is the
    SSLContext of a server of https."""

    def __init__(self, port, folder=None, tls=None):
        self.answers = {}
        self.folder = folder
        self.asked = []  # (Host header, path), in order
        self.reached = threading.Event()  # something was asked
        self.go_on = threading.Event()  # cleared, answers are held back
        self.go_on.set()
        self._held = frozenset()  # the names whose answers are held back; none: all
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def answer(self, path):
        """The body for a path; None for 404."""
        token = path.removeprefix(PREFIX)
        if self.folder and "/" not in token and (self.folder / token).is_file():
            return (self.folder / token).read_text()
        return self.answers.get(token)

    def _handler(responder):  # pylint: disable=no-self-argument
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                responder.asked.append((self.headers["Host"], self.path))
                responder.reached.set()
                if responder.holds(self.headers["Host"]):
                    responder.go_on.wait(60)
                answer = responder.answer(self.path)
                body = (answer or "no such challenge").encode()
                try:
                    self.send_response(200 if answer else 404)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the gateway was killed meanwhile

            def log_message(self, *_):
                pass

        return Handler

    def holds(self, host):
        return not self._held or host.rsplit(":", 1)[0] in self._held

    def hold(self, *names):
        """From now on answers wait for release(): those for these names, or all."""
        self._held = frozenset(names)
        self.reached.clear()
        self.go_on.clear()

    def release(self):
        self.go_on.set()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
