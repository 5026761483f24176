"""A second demo on the same machine finds ports of its own."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from invoices.management.demo.processes import free_ports


def listening(stack: ExitStack, port: int) -> int:
    held = stack.enter_context(socket.socket())
    held.bind(("127.0.0.1", port))
    held.listen()
    return int(held.getsockname()[1])


def test_ports_that_another_demo_holds_are_passed_over_and_none_is_given_twice():
    with ExitStack() as stack:
        first = listening(stack, 0)
        chosen = free_ports(first, first, first + 1)
    assert len({first, *chosen}) == 4
