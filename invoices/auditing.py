"""Checking the books: asked for by a person or every night, answered by a worker, kept, and told by mail when broken."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import make_msgid

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from billing.mail import compose, send_once
from invoices.books import answers, count_of_questions
from invoices.models import BooksCheck, BooksMail
from tenants.models import Seller

TAKES_AT_MOST = timedelta(hours=2)


def request_check(*, by: str, now: datetime) -> BooksCheck:
    """Ask for a check of the books; one that waits or runs is given back."""
    found, _made = BooksCheck.objects.get_or_create(
        ended_at=None, defaults={"asked_by": by, "asked_at": now, "questions": count_of_questions()}
    )
    return found


def waiting_check(now: datetime) -> BooksCheck | None:
    """Return the check that waits for a worker, or whose worker must have died."""
    return BooksCheck.objects.filter(_waits(now), ended_at=None).first()


def run_check(check: BooksCheck, now: datetime) -> bool:
    """Ask every question and keep the answers, unless another worker does; owe the mails when something is broken.

    What it found so far is kept with each answer, so that its page shows how far it is.
    """
    mine = BooksCheck.objects.filter(_waits(now), pk=check.pk, ended_at=None)
    if not mine.update(began_at=now, answered=0, broken=[], questions=count_of_questions()):
        return False
    held = BooksCheck.objects.filter(pk=check.pk, began_at=now)
    broken = []
    for answered, each in enumerate(answers(now), start=1):
        if each.rows:
            rows = [[str(value) for value in row] for row in each.rows]
            broken.append(
                {"invariant": each.invariant, "sentence": each.sentence, "columns": each.columns, "rows": rows}
            )
        held.update(answered=answered, broken=broken)
    return _end(check.pk, began_at=now)


def _waits(now: datetime) -> Q:
    return Q(began_at=None) | Q(began_at__lt=now - TAKES_AT_MOST)


def _end(pk: int, began_at: datetime) -> bool:
    """End a check that is still this worker's, and owe its mails."""
    with transaction.atomic(durable=True):
        check = BooksCheck.objects.select_for_update().filter(pk=pk, began_at=began_at, ended_at=None).first()
        if check is None:
            return False
        BooksCheck.objects.filter(pk=pk).update(ended_at=Now())
        if check.broken:
            BooksMail.objects.bulk_create(
                BooksMail(check_told=check, recipient=recipient, due_at=began_at, message_id=make_msgid())
                for recipient in _recipients()
            )
    return True


def _recipients() -> list[str]:
    sellers = Seller.objects.order_by("pk").values_list("email", flat=True)
    return sorted(set(settings.ENVIRONMENT.operations_addresses or sellers))


def open_alarm() -> BooksCheck | None:
    """Return the latest check that ended, if it found something."""
    last = BooksCheck.objects.filter(ended_at__isnull=False).order_by("-ended_at", "-pk").first()
    return last if last is not None and last.broken else None


def tell(mail_id: int, now: datetime) -> str:
    """Send one owed mail about the books; return the state it ends in (billing.mail.send_once)."""
    return send_once(BooksMail, mail_id, now, _message)


def _message(mail_id: int) -> EmailMessage:
    mail = BooksMail.objects.select_related("check_told").get(pk=mail_id)
    check, seller = mail.check_told, Seller.objects.order_by("pk").first()
    with override(settings.LANGUAGE_CODE):
        count = len(check.broken)
        subject = (
            ngettext("The books: %d invariant does not hold", "The books: %d invariants do not hold", count) % count
        )
        told = [f"{each['invariant']}: {_(each['sentence'])}" for each in check.broken]
        link = settings.BASE_URL + reverse("admin:invoices_bookscheck_change", args=[check.pk])
        body = _("These should hold and do not:") + "\n\n" + "\n".join(told)
        body += (
            "\n\n" + _("Issue nothing of the contracts concerned until it is clear why. The rows:") + f"\n\n{link}\n"
        )
    return compose(mail, sender=seller.email if seller else None, subject=subject, text=body)
