"""The world behind a proxy on loopback, for clients that insist on their own addresses: api.anthropic.com is the
double, everything else is refused. Nothing leaves this machine, whatever the client asks."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fleet.double import Double

HOST = "api.anthropic.com"


@dataclass
class World:
    """`environ` leads a client here. `asked` are the hosts it wanted."""

    environ: dict[str, str]
    asked: list[str] = field(default_factory=list)


@contextmanager
def loopback_world(double: Double, root: Path) -> Iterator[World]:
    """Keeps its certificate in `root`."""
    certificate, both = _certificate(root)
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(both)
    world = World({"NODE_EXTRA_CA_CERTS": str(certificate)})

    class Proxy(StreamRequestHandler):
        rbufsize = 0  # what follows the head belongs to TLS

        def handle(self) -> None:
            target = self.rfile.readline().split()[1:2]
            while self.rfile.readline().strip():
                pass
            world.asked.append(target[0].decode() if target else "")
            if world.asked[-1] != f"{HOST}:443":
                self.wfile.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                return
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            with suppress(OSError), secured.wrap_socket(self.request, server_side=True) as client:
                _join(client, urlsplit(double.base_url).port or 0)

    with ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
        proxy = f"http://127.0.0.1:{server.server_address[1]}"
        world.environ |= {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "ALL_PROXY": proxy}
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield world
        finally:
            server.shutdown()
            serving.join()


def plant_login(config_dir: Path, token: str, *scopes: str) -> Path:
    """A login as the client keeps it on Linux, with an invented token. Returns its file."""
    config_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = {"accessToken": token, "refreshToken": "invented", "expiresAt": 4102444800000}
    path = config_dir / ".credentials.json"
    path.write_text(
        json.dumps({"claudeAiOauth": {**kept, "scopes": list(scopes), "subscriptionType": "max"}})
    )
    path.chmod(0o600)
    return path


def _join(client: ssl.SSLSocket, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as server:
        asking = threading.Thread(target=_pass_on, args=(client, server))
        asking.start()
        _pass_on(server, client)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        asking.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):  # either side may go away first
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _certificate(root: Path) -> tuple[Path, Path]:
    """For `HOST` alone, for a day: the certificate, and the same with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "the double")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    certificate, both = root / "certificate.pem", root / "with_key.pem"
    certificate.write_bytes(public)
    both.write_bytes(public + key.private_bytes(*encoding))
    return certificate, both
