# SPDX-License-Identifier: AGPL-3.0-only
"""Proxies that end TLS before the service, with the very files that the how-tos show."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.services.databases import ROOT
from tests.services.ports import HOST

EXAMPLES: Final = ROOT / "docs" / "how-tos" / "proxies"


class Certificate(NamedTuple):
    """A certificate for localhost and its key, as files."""

    certificate: Path
    key: Path


def make_certificate(directory: Path) -> Certificate:
    """Make a certificate that signs itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = Certificate(directory / "cert.pem", directory / "key.pem")
    paths.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths.key.write_bytes(key.private_bytes(*encoding))
    return paths


class Place(NamedTuple):
    """
    The place of a proxy in a test.

    :param host: name in the how-to's file for which `localhost` stands
    :param port: where the proxy listens
    :param upstreams: ports by those in the how-to's file
    """

    host: str
    port: int
    upstreams: Mapping[int, int]
    certificate: Certificate

    def with_upstreams(self, example: str) -> str:
        """Return the file with this test's upstreams."""
        for shown, port in self.upstreams.items():
            assert f"127.0.0.1:{shown}" in example
            example = example.replace(f"127.0.0.1:{shown}", f"{HOST}:{port}")
        return example


#: Makes the command of a proxy: a directory for its files, the name of the how-to's file, the place.
Proxy = Callable[[Path, str, Place], list[str]]


def nginx(directory: Path, name: str, place: Place) -> list[str]:
    """The how-to's file, with this test's ports and certificate, in the least of a main configuration."""
    example = (EXAMPLES / f"{name}nginx.conf").read_text()
    server = place.with_upstreams(
        example.replace("listen 443 ssl", f"listen {HOST}:{place.port} ssl")
        .replace(f"{place.host};", "localhost;", 1)
        .replace(f"/etc/ssl/certs/{place.host}.pem", str(place.certificate.certificate))
        .replace(f"/etc/ssl/private/{place.host}.key", str(place.certificate.key))
    )
    return nginx_with(directory, server)


def nginx_with(directory: Path, http: str) -> list[str]:
    """
    Make the command of an nginx that needs no rights.

    :param directory: for its files
    :param http: what stands within `http` of its configuration
    """
    temporary = "\n".join(
        f"{kind}_temp_path {directory / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = directory / "nginx.conf"
    main.write_text(
        f"daemon off; worker_processes 1; pid {directory}/pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary}\n{http} }}\n"
    )
    return ["nginx", "-p", str(directory), "-c", str(main)]


def caddy(directory: Path, name: str, place: Place) -> list[str]:
    """The how-to's file, with this test's ports and certificate."""
    example = (EXAMPLES / f"{name}Caddyfile").read_text()
    certificate, key = place.certificate
    site = place.with_upstreams(
        example.replace(f"{place.host} {{", f"https://localhost:{place.port} {{\n\ttls {certificate} {key}")
    )
    path = directory / "Caddyfile"
    path.write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}}\n{site}")
    return ["caddy", "run", "--config", str(path), "--adapter", "caddyfile"]


@contextmanager
def running(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is ended, by its pid, when the block is left."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)
