"""One real call record, from the switch to the mail, through web server, worker, beat and SMTP as processes."""

from __future__ import annotations

import base64
import json
import urllib.request
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from invoices.approving import request_issue
from invoices.management.demo.mailbox import messages
from invoices.models import Delivery, Invoice
from tests.conftest import SAMPLES
from tests.e2e.servers import servers, wait_for
from usage.models import UsageMonth

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.xdist_group("processes")]


def test_one_freeswitch_record_becomes_an_invoice_in_the_mail(
    make_contract: Any, source: Any, key: str, tmp_path: Path
) -> None:
    sample = (SAMPLES / "05_fs_json_outbound_bot_call.json").read_bytes()  # 6.74 s on 12 November 2025
    contract = make_contract(starts_on=date(2025, 1, 1))
    with servers(tmp_path) as running:
        running.start_all()
        for _ in range(2):  # the switch repeats itself
            answer = _post(f"{running.url}/api/v1/cdr/freeswitch/{source.code}?uuid=x", sample, key)
        assert (answer["accepted"], answer["duplicates"]) == (0, 1)
        wait_for(
            lambda: UsageMonth.objects.filter(stale_since=None, counted_at__isnull=False).count() == 1,
            "counting by beat's tick",
        )
        running.ask_worker("invoices.tasks.draft_contract_month", contract.pk, "2025-11-01")
        wait_for(Invoice.objects.exists, "the draft")
        draft = Invoice.objects.get()
        assert (draft.net, draft.total) == (Decimal("0.15"), Decimal("0.16"))  # one started minute, 6 % tax
        request_issue(draft.pk, reason="Reviewed.", by="clerk", now=datetime.now(UTC))
        running.ask_worker("invoices.tasks.issue_invoice", draft.pk, "approver")
        wait_for(Delivery.objects.filter(state=Delivery.SENT).exists, "the delivery")
        (_, mail), *more = messages(running.mailbox)
        assert not more
        assert (mail["From"], mail["To"]) == ('"Huadan Ltd." <billing@huadan.example>', "finance@north.example")
        assert "0.16" in str(mail["Subject"])
        pdf = next(each for each in mail.iter_attachments() if each.get_filename() == "HD-2026-000001.pdf")
        assert "0.16" in PdfReader(BytesIO(pdf.get_content())).pages[0].extract_text()
        link = next(word for word in _text(mail).split() if word.startswith(running.url))
        with urllib.request.urlopen(link) as page:
            assert "HD-2026-000001" in page.read().decode()
        assert "91111100" not in running.log("web") + running.log("worker")  # no number in any log


def _post(url: str, body: bytes, key: str) -> Any:
    credentials = base64.b64encode(f"switch:{key}".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {credentials}"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
        return json.loads(answer.read())


def _text(mail: Any) -> str:
    part = mail.get_body(("plain",))
    return str(part.get_content())
