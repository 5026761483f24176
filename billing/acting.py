"""Who acts: told by the doors, and written into the audit trail by the database with each change.

The words travel in front of a writing statement as a comment, which the triggers read back from the statement they fire
for. So they cost no round trip, hold for autocommit as for transactions, end with the statement, and cannot cling to a
connection that serves somebody else next. A statement without them is raw SQL: the trail names the database's role.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from psycopg.sql import SQL, Composable

ADMIN, API, PAGE, TASK, COMMAND = "admin", "api", "page", "task", "command"
WRITING = ("INSERT", "UPDATE", "DELETE", "WITH", "MERGE")
LONGEST = {"door": 10, "who": 150, "why": 300, "request_id": 64}  # characters


@dataclass(frozen=True, slots=True)
class Actor:
    """A door and, asked for when something is written, who stands there and why."""

    door: str
    who: Callable[[], str]
    why: Callable[[], str]


_actor: ContextVar[Actor | None] = ContextVar("huadan_actor", default=None)


def act(door: str, who: Callable[[], str], why: Callable[[], str] = str) -> None:
    """Say who acts from now on, until another does or nobody."""
    _actor.set(Actor(door, who, why))


def act_for(request: Any) -> None:
    """Say that whoever sent a request acts: a person of the staff, an API key, or a reader of a page."""
    if request.path_info.startswith(f"/{settings.ADMIN_PATH}"):
        act(ADMIN, lambda: _name_of(request), lambda: str(request.POST.get("reason", "")))
    else:  # a machine's body is not read for a reason
        act(API if request.path_info.startswith(f"/{API}/") else PAGE, lambda: _name_of(request))


def stop_acting(**_signal: Any) -> None:
    """Say that nobody acts any more."""
    _actor.set(None)


def sign_statements(connection: Any, **_signal: Any) -> None:
    """Have a connection to the database say with each change who acts."""
    if _sign not in connection.execute_wrappers:
        connection.execute_wrappers.append(_sign)


def _sign(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    actor = _actor.get()
    if actor is not None:
        if isinstance(sql, Composable):
            sql = SQL(_words(actor)) + sql
        elif sql[:16].lstrip().upper().startswith(WRITING):
            sql = _words(actor) + sql
    return execute(sql, params, many, context)


def _words(actor: Actor) -> str:
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    told = {"door": actor.door, "who": actor.who(), "why": actor.why(), "request_id": str(request_id)}
    kept = {name: text.replace("\x00", "")[: LONGEST[name]] for name, text in told.items() if text}
    said = json.dumps(kept, ensure_ascii=False).encode("utf-8", "replace")
    return f"/*huadan:{base64.b64encode(said).decode()}*/"


def _name_of(request: Any) -> str:
    user = getattr(request, "user", None)
    if (key_id := getattr(user, "key_id", None)) is not None:
        return f"key {key_id}"
    return str(user.get_username()) if user is not None and hasattr(user, "get_username") else ""
