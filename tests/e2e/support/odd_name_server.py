# SPDX-License-Identifier: Apache-2.0
"""A name server that gives whatever answer a test wants, well-formed or not."""

import socket
import struct
import threading

from .ports import free_port

A, CNAME, TXT, AAAA, CAA = 1, 5, 16, 28, 257
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, NOTAUTH = 0, 1, 2, 3, 4, 5, 9
_AUTHORITATIVE, _TRUNCATED, _RECURSES = 0x0400, 0x0200, 0x0080
HEADER_BYTES = 12


def name(text):
    """A name in octets, without compression."""
    labels = [label.encode() for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(owner, kind, data):
    return name(owner) + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def alias(owner, target):
    return record(owner, CNAME, name(target))


def text(owner, *strings):
    return record(owner, TXT, b"".join(bytes([len(one)]) + one.encode() for one in strings))


def caa(owner, tag, value):
    return record(owner, CAA, b"\0" + bytes([len(tag)]) + tag.encode() + value.encode())


def address(owner, value):
    return record(owner, A, socket.inet_aton(value))


class Answer:
    """What is said to one question. `records` stand in the answer section, `referral` in the authority section."""

    def __init__(self, *records, rcode=NOERROR, recurses=True, authoritative=False, referral=(), cut=0, counts=None):
        self.records = records
        self.referral = referral
        self.flags = 0x8000 | rcode | (_RECURSES if recurses else 0) | (_AUTHORITATIVE if authoritative else 0)
        self.cut = cut  # octets that are missing at the end
        self.counts = counts  # how many answers the header claims

    def octets(self, question):
        count = len(self.records) if self.counts is None else self.counts
        head = question[:2] + struct.pack("!HHHHH", self.flags, 1, count, len(self.referral), 0)
        whole = head + question[HEADER_BYTES:] + b"".join(self.records) + b"".join(self.referral)
        return whole[: len(whole) - self.cut]


class Truncated(Answer):
    """By UDP only that there is more; by TCP the answer."""

    def udp_octets(self, question):
        return question[:2] + struct.pack("!HHHHH", 0x8000 | _TRUNCATED | _RECURSES, 1, 0, 0, 0) + question[HEADER_BYTES:]


class Silence(Answer):
    """Nothing."""

    def octets(self, question):
        return None


class Octets(Answer):
    """These octets behind the question's id."""

    def __init__(self, octets):
        super().__init__()
        self._octets = octets

    def octets(self, question):
        return question[:2] + self._octets


def question_of(octets):
    """(name in lower case, type) of a question."""
    labels, at = [], HEADER_BYTES
    while octets[at]:
        labels.append(octets[at + 1 : at + 1 + octets[at]].decode().lower())
        at += 1 + octets[at]
    return ".".join(labels), struct.unpack("!H", octets[at + 1 : at + 3])[0]


class OddNameServer:
    """Answers what `says` has for (name, type), and NXDOMAIN to everything else; usable in a `with` statement."""

    def __init__(self, tcp=True):
        self.port = free_port()
        self.says = {}
        self.asked = []  # (name, type, "udp" or "tcp"), in order
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._tcp = socket.socket() if tcp else None
        if tcp:
            self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._tcp.bind(("127.0.0.1", self.port))
            self._tcp.listen()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _answer(self, question, way):
        what = question_of(question)
        self.asked.append((*what, way))
        answer = self.says.get(what, Answer(rcode=NXDOMAIN))
        if way == "udp" and isinstance(answer, Truncated):
            return answer.udp_octets(question)
        return answer.octets(question)

    def _serve_udp(self):
        while True:
            question, sender = self._udp.recvfrom(4096)
            if not question:
                return
            answer = self._answer(question, "udp")
            if answer is not None:
                self._udp.sendto(answer, sender)

    def _serve_tcp(self):
        while True:
            connection = self._tcp.accept()[0]
            with connection, connection.makefile("rwb") as stream:
                head = stream.read(2)
                if len(head) < 2:
                    return
                answer = self._answer(stream.read(struct.unpack("!H", head)[0]), "tcp")
                if answer is not None:
                    stream.write(struct.pack("!H", len(answer)) + answer)

    def __enter__(self):
        self._threads = [threading.Thread(target=self._serve_udp, daemon=True)]
        if self._tcp:
            self._threads.append(threading.Thread(target=self._serve_tcp, daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        if self._tcp:
            socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join()
        self._udp.close()
        if self._tcp:
            self._tcp.close()
