# SPDX-License-Identifier: Apache-2.0
"""tls.cert and tls.key: encrypted keys open with a password file, and nobody is asked on a terminal."""

import datetime
import fcntl
import os
import subprocess
import termios

import pytest
from cryptography.hazmat.primitives import serialization
from support import tools
from support.certificates import Authority, key_pem, new_key, pem
from support.gateway import environment
from support.waiting import wait_until

PHRASE = b"open sesame"
FORMATS = {"PKCS #8": serialization.PrivateFormat.PKCS8, "traditional": serialization.PrivateFormat.TraditionalOpenSSL}


@pytest.fixture
def gateway(new_gateway, step_ca, tmp_path):
    """With its certificate in files, and an authority in the place of the CA's root to verify it by."""
    authority, key = Authority("files"), new_key()
    certificate = authority.issue(key.public_key(), ["localhost"], datetime.timedelta(days=3))
    (tmp_path / "tls.crt").write_bytes(pem(certificate) + pem(authority.certificate))
    (tmp_path / "root.crt").write_bytes(pem(authority.certificate))
    gateway = new_gateway(step_ca)
    gateway.key = key
    gateway.root_path = tmp_path / "root.crt"
    gateway.configuration["tls"] = {"cert": str(tmp_path / "tls.crt"), "key": str(tmp_path / "tls.key")}
    return gateway


def encrypt_key(gateway, tmp_path, form, phrase=PHRASE):
    encrypted = gateway.key.private_bytes(
        serialization.Encoding.PEM, FORMATS[form], serialization.BestAvailableEncryption(phrase)
    )
    (tmp_path / "tls.key").write_bytes(encrypted)


def give_phrase(gateway, tmp_path, phrase):
    path = tmp_path / "phrase"
    path.write_bytes(phrase)
    path.chmod(0o600)
    gateway.configuration["tls"]["key_password_file"] = str(path)


def run_on_terminal(gateway, command):
    """The exit status and the words of a command that has a terminal to ask on. A question is never answered: the time is
    then over."""
    gateway.write_configuration()
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            [tools.acmegate(), command, "--config", gateway.config_path],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),
            timeout=30,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stdout


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "phrase, words",
    [(None, "is encrypted; name a file with its pass phrase in tls.key_password_file"), (b"wrong", "does not open it")],
    ids=["no file", "wrong"],
)
def test_O4_an_encrypted_key_is_refused_with_its_cause(gateway, tmp_path, form, phrase, words, command):
    encrypt_key(gateway, tmp_path, form)
    if phrase:
        give_phrase(gateway, tmp_path, phrase)
    status, output = run_on_terminal(gateway, command)
    assert status == 1 and f"tls.key {tmp_path / 'tls.key'}" in output and words in output, output


@pytest.mark.parametrize("command", ["serve", "check"])
def test_O4_an_encrypted_certificate_is_refused(gateway, tmp_path, command):
    """PEM of RFC 1421 encrypts whatever it holds: OpenSSL would ask for this pass phrase, too."""
    (tmp_path / "tls.key").write_bytes(key_pem(gateway.key))
    path = tmp_path / "tls.crt"
    head = b"-----BEGIN CERTIFICATE-----\n"
    encrypted = head + b"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
    path.write_bytes(path.read_bytes().replace(head, encrypted, 1))
    status, output = run_on_terminal(gateway, command)
    assert status == 1 and f"tls.cert {path} contains no certificate, or a damaged one" in output, output


@pytest.mark.parametrize("file", ["tls.crt", "tls.key"])
@pytest.mark.parametrize("size, fits", [(1024 * 1024, True), (1024 * 1024 + 1, False)], ids=["1 MiB", "more"])
def test_what_check_reads_serve_reads_as_well(gateway, tmp_path, file, size, fits):
    (tmp_path / "tls.key").write_bytes(key_pem(gateway.key))
    path = tmp_path / file
    text = path.read_bytes()
    path.write_bytes(b"#" * (size - len(text) - 1) + b"\n" + text)
    status, output = run_on_terminal(gateway, "check")
    assert (status == 0, f"{path} cannot be read: File too large" in output) == (fits, not fits), output
    if fits:
        gateway.start()
    else:
        status, output = run_on_terminal(gateway, "serve")
        assert status == 1 and f"{path} cannot be read: File too large" in output, output


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("end", [b"", b" \r\n\n"], ids=["bare", "white space after it"])
def test_O4_a_password_file_opens_an_encrypted_key(gateway, tmp_path, form, end):
    encrypt_key(gateway, tmp_path, form)
    give_phrase(gateway, tmp_path, PHRASE + end)
    status, output = run_on_terminal(gateway, "check")
    assert status == 0 and "and its key fit" in output, output
    gateway.start()


def test_O4_a_changed_pass_phrase_is_read_on_reload(gateway, tmp_path):
    encrypt_key(gateway, tmp_path, "PKCS #8")
    give_phrase(gateway, tmp_path, PHRASE)
    gateway.start()
    encrypt_key(gateway, tmp_path, "PKCS #8", b"another")
    gateway.process.hang_up()
    wait_until(lambda: "does not open it" in gateway.process.output(), "the refusal")
    give_phrase(gateway, tmp_path, b"another")
    gateway.process.hang_up()
    wait_until(lambda: "was taken in" in gateway.process.output(), "the reload")
