"""A webhook's address is written by a customer: none of them may lead into the house."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

import pytest

from tenants.webhooks import guarding, posting
from tenants.webhooks.guarding import ForbiddenAddress, is_permitted, read_url
from tenants.webhooks.posting import post

pytestmark = pytest.mark.usefixtures("in_english")
PUBLIC = "93.184.215.14"


@pytest.fixture(autouse=True)
def _nothing_is_allowed(settings: Any) -> None:
    settings.WEBHOOK_NETWORKS = []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/hook", "not_https"),
        ("ftp://example.com/hook", "not_https"),
        ("//example.com/hook", "not_https"),
        ("https://user@example.com/", "credentials"),
        ("https://user:secret@example.com/", "credentials"),
        ("https://example.com@127.0.0.1/", "credentials"),
        ("https://127.0.0.1/", "private_address"),
        ("https://127.1/", "private_address"),
        ("https://2130706433/", "private_address"),
        ("https://0x7f000001/", "private_address"),
        ("https://0177.0.0.1/", "private_address"),
        ("https://0.0.0.0/", "private_address"),
        ("https://0/", "private_address"),
        ("https://[::1]/", "private_address"),
        ("https://[::]/", "private_address"),
        ("https://[::ffff:127.0.0.1]/", "private_address"),
        ("https://[::ffff:7f00:1]/", "private_address"),
        ("https://[::127.0.0.1]/", "private_address"),
        ("https://[64:ff9b::10.0.0.1]/", "private_address"),
        ("https://[2002:7f00:1::]/", "private_address"),
        ("https://[fe80::1]/", "private_address"),
        ("https://[fd00:ec2::254]/", "private_address"),
        ("https://10.0.0.1/", "private_address"),
        ("https://169.254.169.254/latest/meta-data/", "private_address"),
        ("https://100.100.100.200/", "private_address"),
        ("https://224.0.0.1/", "private_address"),
        ("https://255.255.255.255/", "private_address"),
        ("https://192.88.99.1/", "private_address"),
        ("https://example.com:22/", "wrong_port"),
        ("https://example.com:0/", "wrong_port"),
        ("https://example.com:99999/", "wrong_address"),
        ("https://example.com:x/", "wrong_address"),
        ("https://exa mple.com/", "wrong_address"),
        ("https://example.com\\@127.0.0.1/", "wrong_address"),
        ("https://example.com/\r\nX: y", "wrong_address"),
        ("https://exämple.com/", "wrong_address"),
        ("https://①27.0.0.1/", "wrong_address"),
        ("https://example.com/#@127.0.0.1", "wrong_address"),
        ("https:///hook", "wrong_address"),
        ("https://[::1", "wrong_address"),
        ("", "not_https"),
    ],
)
def test_an_address_that_could_lead_into_the_house_is_refused(url: str, code: str) -> None:
    with pytest.raises(ForbiddenAddress) as refusal:
        read_url(url)
    assert refusal.value.code == code


@pytest.mark.parametrize("url", ["https://example.com", f"https://{PUBLIC}:8443/a?b=c", "https://[2606:4700::1111]/"])
def test_a_public_address_is_taken_without_asking_a_name_server(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, known = [], socket.getaddrinfo

    def ask(host: str, *more: Any, **options: Any) -> Any:
        asked.append(options.get("flags", 0))
        return known(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    assert read_url(url).scheme == "https"
    assert asked[0] == socket.AI_NUMERICHOST


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "fe80::1%1", "169.254.169.254", "100.64.0.1"])
def test_a_name_that_leads_to_a_private_address_is_not_called(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when only one of its addresses is private."""
    monkeypatch.setattr(guarding, "resolve", lambda host, port, flags=0: _figures(flags) or [PUBLIC, address])
    monkeypatch.setattr(socket, "create_connection", lambda *told: pytest.fail("it was called"))
    answer = post("https://innocent.example/", {}, b"{}")
    assert answer.status is None
    assert "innocent.example leads to" in answer.text


def _figures(flags: int) -> None:
    if flags:
        raise OSError


def test_the_name_is_asked_for_once_so_that_it_cannot_change_its_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding: public when it is checked, loopback when it is called."""
    answers, called = [[PUBLIC], ["127.0.0.1"]], []
    monkeypatch.setattr(guarding, "resolve", lambda host, port, flags=0: _figures(flags) or answers.pop(0))
    monkeypatch.setattr(socket, "create_connection", lambda to, timeout: called.append(to) or _figures(1))
    post("https://rebinding.example/", {}, b"{}")
    assert called == [(PUBLIC, 443)]
    assert answers == [["127.0.0.1"]]


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0"])
def test_link_local_addresses_are_refused_even_where_the_operator_allows_all(address: str, settings: Any) -> None:
    settings.WEBHOOK_NETWORKS = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    assert is_permitted("10.0.0.1", "http")
    assert not is_permitted(address, "https")


def test_plain_http_reaches_only_networks_the_operator_named(settings: Any) -> None:
    settings.WEBHOOK_NETWORKS = [ip_network("10.1.0.0/16")]
    assert read_url("http://10.1.2.3:8080/hook").port == 8080
    for url in (f"http://{PUBLIC}/", "http://10.2.0.1/", "http://127.0.0.1/"):
        with pytest.raises(ForbiddenAddress):
            read_url(url)


class Plain:
    """Says what it is told to, byte for byte, and keeps what it heard."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}/hook"
        self.heard: list[bytes] = []
        self.says: Any = b"HTTP/1.1 204 No Content\r\n\r\n"

    def listen(self) -> None:
        while True:
            try:
                connection, _address = self.server.accept()
            except OSError:
                return
            with connection:
                self.heard.append(connection.recv(65536))
                with suppress(OSError):
                    self.says(connection) if callable(self.says) else connection.sendall(self.says)


@pytest.fixture
def plain(settings: Any) -> Iterator[Plain]:
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    made = Plain()
    Thread(target=made.listen, daemon=True).start()
    yield made
    made.server.close()


def test_a_redirect_is_not_followed(plain: Plain) -> None:
    plain.says = f"HTTP/1.1 302 Found\r\nLocation: {plain.url}inside\r\nContent-Length: 0\r\n\r\n".encode()
    answer = post(plain.url, {}, b"{}")
    assert (answer.status, answer.accepted) == (302, False)
    assert len(plain.heard) == 1


def test_a_proxy_of_the_environment_is_ignored(plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert post(plain.url, {}, b"{}").accepted


def test_a_server_that_sends_a_byte_now_and_then_is_cut_off(plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "ANSWER_SECONDS", 0.6)

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-More: y\r\n")
            connection.settimeout(0.1)
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    plain.says = drip
    began = monotonic()
    answer = post(plain.url, {}, b"{}")
    assert answer.status is None
    assert answer.text.startswith("No answer within")
    assert monotonic() - began < 3


def test_an_endless_answer_is_read_only_a_little(plain: Plain) -> None:
    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + "溢\x00\x1b[31m".encode() * 500)
        while True:
            connection.sendall(b"x" * 65536)

    plain.says = flood
    answer = post(plain.url, {}, b"{}")
    assert (answer.status, len(answer.text)) == (200, 300)
    assert "\x00" not in answer.text
    assert "\x1b" not in answer.text


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 999999 x\r\n\r\n", b"\x00" * 70000])
def test_what_is_no_http_is_a_failure_with_words(said: bytes, plain: Plain) -> None:
    plain.says = said
    answer = post(plain.url, {}, b"{}")
    assert not answer.accepted
    assert answer.text


def test_tls_is_greeted_with_the_name_at_the_address_that_was_checked(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=erp.example",
         "-addext", "subjectAltName=DNS:erp.example", "-keyout", tmp_path / "key.pem", "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, tmp_path / "key.pem")
    names: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: names.append(name)
    listening = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _address = listening.accept()
                with server.wrap_socket(connection, server_side=True) as secured:
                    said = b""
                    while not said.endswith(b"{}"):
                        said += secured.recv(65536)
                    heard.append(said)
                    secured.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except ssl.SSLError:
                continue
            except OSError:
                return

    Thread(target=serve, daemon=True).start()
    port = listening.getsockname()[1]
    monkeypatch.setattr(guarding, "resolve", lambda host, port, flags=0: _figures(flags) or ["127.0.0.1"])
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(posting, "_tls", lambda: trusting)
    assert post(f"https://erp.example:{port}/", {}, b"{}").status == 204
    assert names == ["erp.example"]
    assert f"Host: erp.example:{port}".encode() in heard[0]
    assert "CERTIFICATE_VERIFY_FAILED" in post(f"https://other.example:{port}/", {}, b"{}").text
    listening.close()
