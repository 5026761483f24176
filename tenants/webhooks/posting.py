"""One request to somebody else's server: to the address that was checked, briefly, reading little, following nothing."""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from threading import Timer
from time import monotonic

from billing.errors import Refused
from tenants.webhooks.guarding import Target, addresses_of, read_url

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 15.0
READ_BYTES = 1200  # 300 characters of UTF-8
SHOWN = 300
ADDRESSES_TRIED = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the HTTP status, or None and why there is none."""

    status: int | None
    text: str
    took_ms: int

    @property
    def accepted(self) -> bool:
        """Tell whether it was taken: any 2xx. A redirect is not followed, so it is a failure."""
        return self.status is not None and 200 <= self.status < 300


def post(url: str, headers: dict[str, str], body: bytes) -> Answer:
    """Post a body and return the answer; never raises for what the other side does.

    The host is resolved once, and the connection goes to that very address with the name in TLS and Host. It has 5
    seconds to accept the connection and 15 for everything; no proxy of the environment is used.
    """
    began = monotonic()
    status, text = None, ""
    try:
        status, text = _exchange(read_url(url), headers, body)
    except Refused as refusal:
        text = refusal.message
    except TimeoutError:
        text = f"No answer within {ANSWER_SECONDS:.0f} seconds."
    except (OSError, http.client.HTTPException, ValueError) as error:
        text = f"{type(error).__name__}: {error}"
    return Answer(status, _printable(text), int((monotonic() - began) * 1000))


def _exchange(target: Target, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    connection = _Pinned(target, addresses_of(target))
    cut = Timer(ANSWER_SECONDS, connection.cut)
    cut.start()
    try:
        connection.request("POST", target.path, body, headers | {"Host": target.authority})
        response = connection.getresponse()
        return response.status, response.read(READ_BYTES).decode(errors="replace")
    finally:
        cut.cancel()
        connection.close()
        if connection.was_cut:  # what was read so far may look like an answer
            raise TimeoutError


class _Pinned(http.client.HTTPConnection):
    """A connection to addresses that are known already; the name is only told, never resolved."""

    def __init__(self, target: Target, addresses: list[str]) -> None:
        super().__init__(target.host, target.port, timeout=CONNECT_SECONDS)
        self.target, self.addresses, self.was_cut = target, addresses, False

    def connect(self) -> None:
        """Connect to the first address that answers, and greet by TLS."""
        self.sock = self._plain()
        self.sock.settimeout(ANSWER_SECONDS)
        if self.target.scheme == "https":
            # Kept before the greeting, so that one that never ends is cut too.
            self.sock = wrapped = _tls().wrap_socket(
                self.sock, server_hostname=self.target.host, do_handshake_on_connect=False
            )
            wrapped.do_handshake()

    def cut(self) -> None:
        """End the exchange from outside: a server that sends a byte now and then would never time out by itself."""
        self.was_cut = True
        with suppress(OSError, AttributeError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # not the TLS one, which would say farewell first

    def _plain(self) -> socket.socket:
        *others, last = self.addresses[:ADDRESSES_TRIED]
        for address in others:
            with suppress(OSError):
                return socket.create_connection((address, self.target.port), CONNECT_SECONDS)
        return socket.create_connection((last, self.target.port), CONNECT_SECONDS)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)[:SHOWN]
