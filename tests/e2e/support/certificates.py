# SPDX-License-Identifier: Apache-2.0
"""Keys, requests and certificates, made and read."""

import datetime
import ipaddress
import math

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .jose import b64

_CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
KEY_KINDS = (*_CURVES, "Ed25519", "RSA")


def new_key(kind="P-256"):
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "RSA":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(_CURVES[kind]())


def slow_rsa_key():
    """A valid RSA key whose public exponent is about as long as its modulus: to verify costs what signing does."""
    made = rsa.generate_private_key(65537, 2048).private_numbers()
    p, q = made.p, made.q
    order = (p - 1) * (q - 1)
    e = next(one for one in range((1 << 2040) + 1, 1 << 2041, 2) if math.gcd(one, order) == 1)
    d = pow(e, -1, order)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(e, p * q))
    return numbers.private_key()


def key_pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def der(thing):
    return thing.public_bytes(serialization.Encoding.DER)


def read_chain(text):
    """Every certificate of a PEM text, in order."""
    data = text if isinstance(text, bytes) else text.encode()
    end = b"-----END CERTIFICATE-----"
    return [x509.load_pem_x509_certificate(part.strip() + b"\n" + end) for part in data.split(end) if part.strip()]


def load_key(path):
    return serialization.load_pem_private_key(path.read_bytes(), None)


def general_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def names_of(certificate):
    """The DNS names and addresses of a certificate, sorted."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(str(name.value) for name in names)


def renewal_identifier(certificate):
    """RFC 9773 §4.1."""
    key = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    serial = certificate.serial_number
    return f"{b64(key)}.{b64(serial.to_bytes(serial.bit_length() // 8 + 1, 'big'))}"


def lifetime(certificate):
    return certificate.not_valid_after - certificate.not_valid_before


def new_csr(key, names, common_name=None):
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def _begin(subject, issuer, public_key, valid_for, valid_from=datetime.timedelta(minutes=-1)):
    now = datetime.datetime.utcnow()
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + valid_from)
        .not_valid_after(now + valid_for)
    )


def _key_identifiers(builder, public_key, issuer_key):
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
    )


class Authority:
    """A certificate authority in memory: its certificate and key, and the authority above it (None for a root). `permitted`
    are the DNS names that its name constraints leave; none: it has no constraints."""

    def __init__(self, name, parent=None, path_length=None, valid_for=datetime.timedelta(days=30), permitted=None):
        self.key = new_key()
        self.parent = parent
        above = parent.certificate.subject if parent else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _begin(name, above, self.key.public_key(), valid_for)
        builder = builder.add_extension(x509.BasicConstraints(True, path_length), critical=True)
        builder = builder.add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
        )
        if permitted:
            names = [x509.DNSName(one) for one in permitted]
            builder = builder.add_extension(x509.NameConstraints(names, None), critical=True)
        signer = parent.key if parent else self.key
        self.certificate = _key_identifiers(builder, self.key.public_key(), signer).sign(signer, hashes.SHA256())

    def signed_by(self, other):
        """Another certificate for this authority, from another one above it."""
        mine = self.certificate
        builder = x509.CertificateBuilder().subject_name(mine.subject).issuer_name(other.certificate.subject)
        builder = builder.public_key(mine.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(mine.not_valid_before).not_valid_after(mine.not_valid_after)
        builder = builder.add_extension(x509.BasicConstraints(True, 0), critical=True)
        return _key_identifiers(builder, mine.public_key(), other.key).sign(other.key, hashes.SHA256())

    def issue(
        self,
        public_key,
        names,
        valid_for=datetime.timedelta(hours=12),
        usage=ExtendedKeyUsageOID.SERVER_AUTH,
        **members,
    ):
        """A certificate for these names, for servers if not for something else."""
        builder = _begin(names[0], self.certificate.subject, public_key, valid_for, **members)
        builder = builder.add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        return _key_identifiers(builder, public_key, self.key).sign(self.key, hashes.SHA256())


# ---- the same certificate in other octets ----


def _tlv(tag, content):
    length = len(content)
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([length]) if length < 128 else bytes([0x80 | len(octets)]) + octets) + content


def malleated(certificate):
    """DER with the twin (r, n - s) of its ECDSA P-256 signature (r, s), which verifies as well."""
    r, s = decode_dss_signature(certificate.signature)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    signature = _tlv(0x03, b"\0" + encode_dss_signature(r, order - s))
    old = _tlv(0x03, b"\0" + certificate.signature)
    whole = der(certificate)
    tbs = certificate.tbs_certificate_bytes
    algorithm = whole[whole.index(tbs) + len(tbs) : -len(old)]
    return _tlv(0x30, tbs + algorithm + signature)


def lengthened(octets):
    """BER: the outer length takes an octet more than it needs."""
    assert octets[:2] == b"\x30\x82"
    return b"\x30\x83\0" + octets[2:]
