"""Views and actions of the admin name the permission they need; the name is what is checked, and what tests read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied

from billing.login_pages import proved_again
from billing.roles import MONEY

View = TypeVar("View", bound=Callable[..., Any])


def permitted(*names: str, post: str | Mapping[str, str] = "") -> Callable[[View], View]:
    """Open a view or an action of a ModelAdmin only to those who hold one of the permissions, such as invoices.add_refund.

    ``"view"`` without an app is the page's own. ``post`` is needed as well where something is sent; as a mapping, by what
    the form's ``do`` says, with ``""`` for anything else. Others get 403 before anything is read. Where the permission
    moves money, who sends something proves again who they are if they did so longer ago.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(page: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            if not any(_may(page, request, name) for name in names):
                raise PermissionDenied
            to_send = _to_send(request, post) if request.method == "POST" and post else ""
            if to_send and not request.user.has_perm(to_send):
                raise PermissionDenied
            if request.method == "POST" and not MONEY.isdisjoint({to_send} if to_send else names):
                asked = proved_again(request)
                if asked is not None:
                    return asked
            return view(page, request, *args, **kwargs)

        guarded.permissions = names  # type: ignore[attr-defined]
        guarded.post_permissions = (  # type: ignore[attr-defined]
            tuple(post.values()) if isinstance(post, Mapping) else (post,) * bool(post)
        )
        return guarded  # type: ignore[return-value]

    return decorate


def _may(page: Any, request: Any, name: str) -> bool:
    return bool(page.has_view_permission(request) if name == "view" else request.user.has_perm(name))


def _to_send(request: Any, post: str | Mapping[str, str]) -> str:
    """Name the permission that what was sent needs; an unknown command needs one that nobody can hold."""
    return post if isinstance(post, str) else post.get(request.POST.get("do", ""), post.get("", "-"))
