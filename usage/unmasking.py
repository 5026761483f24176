"""Showing a number in clear: to whom may, for a reason, and noted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin

from billing.errors import Refused
from usage.models import Call

PERMISSION = "usage.unmask_call"
log = structlog.get_logger(__name__)


class CannotUnmask(Refused):
    """The person may not see the number, gave no reason, or there is no number to see."""

    status = 403


@dataclass(frozen=True, slots=True)
class Numbers:
    """Both numbers of a call, in clear."""

    caller: str
    callee: str


def unmask_call(
    user: AbstractBaseUser | AnonymousUser,
    tenant_id: int,
    source_id: int,
    call_id: str,
    *,
    leg: str = "a",
    reason: str,
    now: datetime,
) -> Numbers:
    """Return the clear numbers of one call, and note who saw them, when and why.

    Raises CannotUnmask without the permission ``usage.unmask_call``, without a reason, for an unknown call, and where
    the tenant keeps no clear numbers or their time is over.
    """
    if not isinstance(user, PermissionsMixin) or not user.has_perm(PERMISSION):
        raise CannotUnmask("may_not_unmask", "Seeing numbers needs the permission to unmask calls.")
    if not reason.strip():
        raise CannotUnmask("reason_needed", "Say why the number must be seen.", pointer="/reason")
    call = Call.objects.filter(tenant_id=tenant_id, source_id=source_id, call_id=call_id, leg=leg).first()
    if call is None or (call.caller_number is None and call.callee_number is None):
        raise CannotUnmask("no_number", "No clear number is kept of this call.")
    log.warning(
        "number unmasked", tenant_id=tenant_id, source_id=source_id, call_id=call_id, leg=leg, user_id=user.pk,
        reason=reason.strip()[:300], at=now.isoformat(),
    )  # fmt: skip
    return Numbers(call.caller_number or "", call.callee_number or "")
