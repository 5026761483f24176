"""One keep-alive connection to the server, and how its answers are read."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Post:
    """Hold one request: path with query below the base address, body, and how many records are in it."""

    path: str
    body: bytes
    content_type: str
    records: int = 1
    authorization: str = ""


class Connection:
    """Keep one connection to the server, opened on first use and again after every break."""

    def __init__(self, url: str, timeout: float) -> None:
        """Note the base address; raises ValueError when it is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http address: {url!r}")
        self.prefix = parts.path.rstrip("/")
        self.connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self.connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)
        else:
            self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)

    def exchange(self, post: Post) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send the request and read the whole answer; on any trouble the connection is dropped."""
        headers = {"Content-Type": post.content_type, "Accept": "application/json"}
        if post.authorization:
            headers["Authorization"] = post.authorization
        try:
            self.connection.request("POST", self.prefix + post.path, post.body, headers)
            response = self.connection.getresponse()
            return response.status, response.headers, response.read()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up; the next exchange connects again."""
        self.connection.close()


def retry_after(value: str | None) -> float | None:
    """Return seconds from now; both spellings of RFC 9110 are known, nonsense is no wish at all."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
