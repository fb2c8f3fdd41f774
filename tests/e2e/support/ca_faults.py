# SPDX-License-Identifier: Apache-2.0
"""What a CA can do wrong, each as a function for CaProxy.replace or CaProxy.rewrite: it is called with the Exchange."""

import datetime
import email.utils
import json
import threading
import time

from cryptography import x509

from .certificates import Authority, new_key, pem


def answer(status, headers=None, **members):
    """Always this status, and an object with it and `members`."""

    def fill(exchange):
        exchange.status, exchange.answer = status, json.dumps({"status": status, **members}).encode()
        exchange.answer_headers = headers or {}

    return fill


def text(status, body):
    """Always this, whatever it is."""

    def fill(exchange):
        exchange.status, exchange.answer = status, body.encode()

    return fill


def cut_at(octets):
    """For `rewrite`: the connection is reset after so many octets of the answer."""

    def cut(exchange):
        exchange.cut_at = octets

    return cut


class Hang:
    """No answer before it is let go."""

    def __init__(self):
        self._go_on = threading.Event()

    def __call__(self, exchange):
        self._go_on.wait(120)
        answer(500, message="too late")(exchange)

    def let_go(self):
        self._go_on.set()


def clock_off(seconds):
    """For `rewrite`: the Date header of a clock that is so far ahead."""

    def change(exchange):
        exchange.answer_headers["Date"] = email.utils.formatdate(time.time() + seconds, usegmt=True)

    return change


# ---- certificates ----


def names_in(exchange):
    """The DNS names of the CSR that was sent, and the CSR."""
    csr = x509.load_pem_x509_csr(exchange.json()["csr"].encode())
    return csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName), csr


def answer_with(exchange, leaf, *above):
    """As if the CA had signed this."""
    exchange.status = 201
    chain = [pem(one).decode() for one in (leaf, *above)]
    exchange.answer = json.dumps({"crt": chain[0], "ca": chain[-1], "certChain": chain}).encode()


def forged(ca, made, authority=None, stranger=False, names=None, more_names=(), gap=False, **changes):
    """What the CA's own key (or the authority's) would make of a CSR, with changes; the certificate goes into `made`."""

    def fill(exchange):
        wanted, csr = names_in(exchange)
        signer = authority or ca.issuing
        key = new_key().public_key() if stranger else csr.public_key()
        made.append(signer.issue(key, (names or wanted) + list(more_names), **changes))
        answer_with(exchange, made[-1], *([] if authority or gap else [ca.issuing.certificate]))

    return fill


WRONG = {
    "another key": {"stranger": True},
    "other names": {"names": ["evil.e2e.internal"]},
    "a name too many": {"more_names": ["evil.e2e.internal"]},
    "a longer life": {"valid_for": datetime.timedelta(days=10)},
    "a life in the future": {"valid_from": datetime.timedelta(hours=1)},
    "a chain with a gap": {"gap": True},
    "another root's chain": {"authority": Authority("another root")},
}
