"""A real mail server for the tests of mails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.e2e.servers import free_port


class Server:
    """Answers each message with the next of ``answers`` (the last one for ever); keeps what it accepted."""

    def __init__(self) -> None:
        self.answers = ["250 OK"]
        self.accepted: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "drop":
            server.transport.abort()
            return "250 never heard"
        if answer.startswith("250"):
            self.accepted.append(envelope.content)
        return answer


@pytest.fixture
def smtp(settings: Any) -> Iterator[Server]:
    server = Server()
    controller = Controller(server, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = controller.server.sockets[0].getsockname()
    yield server
    controller.stop()
