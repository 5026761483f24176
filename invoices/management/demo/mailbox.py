"""The demo's mailbox: a real SMTP server that writes what it gets to files, and a page that shows them.

``python -m invoices.management.demo.mailbox FOLDER SMTP_PORT WEB_PORT``
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import hashlib
import html
import signal
import sys
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

STYLE = (
    "body{font:16px/1.6 system-ui,'Noto Sans CJK SC','Noto Sans SC',sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;"
    "color:#0c3250}a{color:#0c629e}li{margin:.5rem 0}iframe{width:100%;height:80vh;border:1px solid #cbd5e1;border-radius:6px}"
    "time{color:#475569;font-variant-numeric:tabular-nums}"
)


class Mailbox:
    """Keeps each message in a file named by its Message-ID, so that a repetition shows as one more ``count``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        """Write one message to its file; answered 250 only when it is written."""
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        message = email.message_from_bytes(content)
        name = hashlib.sha256(str(message["Message-ID"]).encode()).hexdigest()[:16]
        (self.folder / f"{name}.eml").write_bytes(content)
        return "250 OK"


def messages(folder: Path) -> list[tuple[str, EmailMessage]]:
    """List the messages of a mailbox by file name, the newest first."""
    files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime, reverse=True)
    return [(file.stem, parsed(file)) for file in files]


def parsed(file: Path) -> EmailMessage:
    """Read one message."""
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - what the default policy makes  # nosec B101
    return message


class Page(BaseHTTPRequestHandler):
    """Shows the mailbox: the list, a message as its reader sees it, an attachment."""

    folder: Path

    def do_GET(self) -> None:
        """Answer one of the three pages."""
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/") if part]
        if not parts:
            return self._answer(self._list())
        file = self.folder / f"{parts[0]}.eml"
        if not parts[0].isalnum() or not file.exists():
            return self.send_error(404)
        message = parsed(file)
        if len(parts) == 1:
            return self._answer(self._message(parts[0], message))
        if parts[1] == "html":
            return self._answer(_with_pictures(message))
        found = next((each for each in message.iter_attachments() if each.get_filename() == parts[1]), None)
        if found is None:
            return self.send_error(404)
        return self._answer(found.get_content(), found.get_content_type())

    def _list(self) -> str:
        rows = "".join(
            f'<li><a href="/{name}">{html.escape(str(message["Subject"]))}</a><br>'
            f"{html.escape(str(message['To']))} · <time>{html.escape(str(message['Date']))}</time></li>"
            for name, message in messages(self.folder)
        )
        return _page("Mailbox 邮箱", f"<h1>Mailbox 邮箱</h1><ul>{rows or '<li>Empty. 暂无邮件</li>'}</ul>")

    def _message(self, name: str, message: EmailMessage) -> str:
        files = [each.get_filename() or "" for each in message.iter_attachments() if each.get_filename()]
        links = " · ".join(f'<a href="/{name}/{html.escape(file)}">{html.escape(file)}</a>' for file in files)
        head = "".join(f"<div><b>{key}</b> {html.escape(str(message[key]))}</div>" for key in ("From", "To", "Date"))
        body = f'<iframe sandbox src="/{name}/html" title="message"></iframe>'
        title = html.escape(str(message["Subject"]))
        return _page(title, f'<p><a href="/">← Mailbox 邮箱</a></p><h1>{title}</h1>{head}<p>{links}</p>{body}')

    def _answer(self, content: Any, kind: str = "text/html; charset=utf-8") -> None:
        body = content.encode() if isinstance(content, str) else bytes(content)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header(
            "Content-Security-Policy", "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-src 'self'"
        )
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style><body>{body}</body></html>"
    )


def _with_pictures(message: EmailMessage) -> str:
    """Return the HTML part with its inline pictures put in place."""
    part = message.get_body(("html", "plain"))
    content = str(part.get_content()) if part else ""
    if part is not None and part.get_content_type() == "text/plain":
        return _page("", f"<pre>{html.escape(content)}</pre>")
    for each in message.walk():
        if identity := str(each["Content-ID"] or "").strip("<>"):
            picture = str(each.get_payload()).replace("\n", "")
            content = content.replace(f"cid:{identity}", f"data:{each.get_content_type()};base64,{picture}")
    return content


def main() -> None:
    """Serve mail and page until told to end."""
    folder, smtp_port, web_port = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    controller = Controller(Mailbox(folder), hostname="127.0.0.1", port=smtp_port, data_size_limit=50 * 2**20)
    controller.start()
    Page.folder = folder
    web = ThreadingHTTPServer(("127.0.0.1", web_port), Page)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        web.serve_forever()
    finally:
        controller.stop()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(None)
    main()
