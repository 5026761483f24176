"""Showing a number in clear: to whom may, for a reason, and noted before it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db import transaction

from billing.errors import Refused
from usage.models import Call, Unmasking

PERMISSION = "usage.unmask_call"
LONGEST_REASON = 300


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
    """Note who sees the numbers of one call, when and why; then return them in clear.

    The note is committed first, so that nothing is seen that was not noted. Raises CannotUnmask without the permission
    ``usage.unmask_call``, without a reason of up to 300 characters, for an unknown call, and where the tenant keeps no
    clear numbers or their time is over.
    """
    if not isinstance(user, PermissionsMixin) or not user.has_perm(PERMISSION):
        raise CannotUnmask("may_not_unmask", "Seeing numbers needs the permission to unmask calls.")
    reason = reason.replace("\x00", "").strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise CannotUnmask(
            "reason_needed", f"Say in 1 to {LONGEST_REASON} characters why the number must be seen.", pointer="/reason"
        )
    call = Call.objects.filter(tenant_id=tenant_id, source_id=source_id, call_id=call_id, leg=leg).first()
    if call is None or (call.caller_number is None and call.callee_number is None):
        raise CannotUnmask("no_number", "No clear number is kept of this call.")
    with transaction.atomic(durable=True):
        Unmasking.objects.create(
            tenant_id=tenant_id, source_id=source_id, call_id=call_id, leg=leg, user_id=user.pk,
            seen_by=user.get_username(), seen_at=now, reason=reason,
        )  # fmt: skip
    return Numbers(call.caller_number or "", call.callee_number or "")
