"""``manage.py close_month``."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, date, datetime
from math import inf
from typing import Any

from django.core.management import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from billing.environment import ROOT
from billing.errors import Refused
from billing.periods import add_months
from invoices.checking import check
from invoices.closing import close_if_done, due, progress_of, start_close
from invoices.drafting import compute_draft
from invoices.findings import sentence_of
from invoices.models import CloseRun, RunStep
from invoices.reporting import why_parked
from invoices.tasks import WAKE_EXPIRES_SECONDS, continue_closes, work_on_some
from tenants.models import Seller, Tenant
from usage.aggregation import count_month_of


class Command(BaseCommand):
    """Close a month: count, rate, draft and check every contract; whoever else closes it at the same time helps."""

    help = __doc__

    def add_arguments(self, parser: Any) -> None:
        """Take which month, whose, and who works."""
        parser.add_argument("--period", type=_month, help="the month periods begin in, 2026-10 (default: the last one)")
        parser.add_argument("--seller", help="only this seller's code (default: all)")
        parser.add_argument("--tenant", help="only this tenant's code")
        parser.add_argument("--dry-run", action="store_true", help="compute and check, show, keep nothing")
        parser.add_argument("--workers", type=int, default=1, help="processes that work (default: 1); 0 wakes Celery's")
        parser.add_argument("--work", type=int, help="work on the run of this number and end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start or find the runs, work on them with a progress bar, and show what is parked."""
        if options["work"]:
            while work_on_some(options["work"]):
                pass
            return
        self.console = Console(highlight=False)
        now = datetime.now(UTC)
        month = options["period"] or add_months(now.date().replace(day=1), -1)
        sellers, tenant = self._whose(options["seller"], options["tenant"])
        if options["dry_run"]:
            self._rehearse(sellers, tenant, month, now)
            return
        runs = []
        for seller in sellers:
            try:
                runs.append(start_close(seller, month, by="command", now=now, tenant=tenant))
            except Refused as refusal:
                self.console.print(f"{seller.code}: {refusal.message}")
        if not runs:
            raise CommandError("No month to close.")
        for run in runs:
            self._close(run, options["workers"])
        self._report(runs)

    def _whose(self, seller: str | None, tenant: str | None) -> tuple[list[Seller], Tenant | None]:
        try:
            only = Tenant.objects.select_related("seller").get(code=tenant) if tenant else None
            if only:
                return [only.seller], only
            return list(Seller.objects.filter(code=seller) if seller else Seller.objects.order_by("code")), None
        except Tenant.DoesNotExist:
            raise CommandError(f"There is no tenant {tenant}.") from None

    def _close(self, run: CloseRun, workers: int) -> None:
        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.fields[left]}")]  # fmt: skip
        helpers = [self._helper(run) for _ in range(workers - 1)]
        with Progress(*columns, console=self.console) as bar:
            task = bar.add_task(str(run), total=None, left="")
            woken = -inf
            while True:
                if workers == 0 and time.monotonic() - woken > WAKE_EXPIRES_SECONDS:
                    continue_closes()  # again and again: what no worker came to in time is gone, and beat may be down
                    woken = time.monotonic()
                worked = workers > 0 and work_on_some(run.pk)
                run.refresh_from_db()
                progress = progress_of(run, datetime.now(UTC))
                left = f"{progress.left.total_seconds():.0f} s left" if progress.left else ""
                bar.update(task, total=progress.total, completed=progress.ended, left=left)
                if run.state != CloseRun.RUNNING or close_if_done(run.pk, datetime.now(UTC)):
                    break
                if not worked:
                    time.sleep(0.5)  # others work on what is left
        for helper in helpers:
            helper.wait()

    def _helper(self, run: CloseRun) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "manage.py", "close_month", "--work", str(run.pk)], cwd=ROOT)

    def _report(self, runs: list[CloseRun]) -> None:
        for run in runs:
            run.refresh_from_db()
            counts = progress_of(run, datetime.now(UTC)).counts
            self.console.print(
                f"{run}: {run.get_state_display()}, " + ", ".join(f"{n} {s}" for s, n in counts.items() if n)
            )
            parked = run.steps.filter(state=RunStep.PARKED).select_related("contract").prefetch_related("findings")
            for step in parked:
                self.console.print(f"  {step.contract.code}  parked: {why_parked(step)}", markup=False)

    def _rehearse(self, sellers: list[Seller], tenant: Tenant | None, month: date, now: datetime) -> None:
        table = Table("contract", "net", "total", "findings")
        for each in (each for seller in sellers for each in due(seller, month, now)):
            if tenant is None or each.contract.tenant_id == tenant.pk:
                try:
                    count_month_of(each.contract, each.period, now)
                    draft = compute_draft(each.contract, each.period)
                    found = check(each.contract, each.period, draft.document, now)
                    said = "\n".join(f"{f.severity}: {sentence_of(f.code, f.facts)}" for f in found)
                    table.add_row(each.contract.code, f"{draft.bill.net:,}", f"{draft.bill.total:,}", said)
                except Refused as refusal:
                    table.add_row(each.contract.code, "", "", refusal.message)
        self.console.print(table)


def _month(text: str) -> date:
    return datetime.strptime(f"{text}-01", "%Y-%m-%d").replace(tzinfo=UTC).date()
