# SPDX-License-Identifier: Apache-2.0
"""Loopback ports that nothing uses, safe for test processes that run side by side."""

import random
import socket

# Below Linux's range for outgoing connections (32768…), so that no client's own port takes one before its server starts.
FIRST, LAST = 15000, 32000
BLOCK = 100

_claims = []  # sockets: each holds a block of ports for this process
_ports = []  # of the claimed blocks, not given out yet


def _claim_block():
    """Takes a block of ports that no other process holds. The claim is the name of an abstract Unix socket: the kernel
    gives it to one process, in the network namespace of the ports, and frees it when that process ends."""
    blocks = list(range(FIRST, LAST, BLOCK))
    random.shuffle(blocks)
    for first in blocks:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0acmegate-tests-ports-{first}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return list(range(first, first + BLOCK))
    raise RuntimeError(f"test processes hold all ports from {FIRST} to {LAST}")


def _is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True


def free_port():
    """A port free for TCP and UDP, given out once, to this process alone."""
    while True:
        if not _ports:
            _ports.extend(_claim_block())
        port = _ports.pop()
        if _is_free(port):
            return port


def answers(port):
    """True when something accepts TCP connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
