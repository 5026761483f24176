"""The expected noes of the business, as one small family of exceptions."""

from __future__ import annotations


class Refused(Exception):
    """A request the rules do not allow; every door knows how to say it.

    The API answers problem+json with ``status``, the admin shows ``message``, a task records it.
    ``code`` is stable, for programs; ``message`` is one sentence that says what to do, for people;
    ``pointer`` is the JSON pointer of the fault in the request, or empty.
    """

    status = 400

    def __init__(self, code: str, message: str, *, pointer: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.pointer = pointer

    def __str__(self) -> str:
        return self.message
