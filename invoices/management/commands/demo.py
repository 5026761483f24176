"""``manage.py demo``."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from itertools import chain
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from billing.money import decimals_of
from billing.periods import Period
from invoices.approving import request_issue
from invoices.closing import start_close
from invoices.links import page_link
from invoices.management.demo.mailbox import messages
from invoices.management.demo.processes import ChildEnded, Children, free_ports, wait_until
from invoices.management.demo.vendor import Customer, batches_of, full_months, make_vendor
from invoices.models import Delivery, Finding, Invoice, RunStep
from invoices.stepping import accept
from invoices.tasks import continue_closes, deliver_due, issue_invoice
from tenants.models import PriceNotice, Seller
from tenants.tasks import send_due_notices
from usage.models import UsageMonth
from usage.sending import SendingFailed, send_batches, send_freeswitch
from usage.simulation import Disturbances, SimulatedCall, disturb, to_freeswitch, to_native
from usage.tasks import count_stale_months

BATCH = 500
# As switches behave: some records twice, some out of order.
DISTURBANCES = Disturbances(duplicates=2, disorder=3)


class Command(BaseCommand):
    """Bill a vendor of calling robots: eight customers, three months of calls, real servers, invoices in the mail."""

    help = __doc__

    def add_arguments(self, parser: Any) -> None:
        """Take --exit."""
        parser.add_argument("--exit", action="store_true", help="do not stay up: print the invoices, stop everything")
        parser.add_argument("--today", type=date.fromisoformat, help="bill the months before this day (default: today)")
        parser.add_argument("--months", type=int, default=3, help="how many months of calls (default: 3)")
        parser.add_argument("--customers", type=int, default=8, help="how many of the eight customers (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start everything, load, close the last full month, and show where to look."""
        if not settings.ENVIRONMENT.embedded:
            raise CommandError("The demo makes up data, so it runs on the embedded database only; unset DATABASE_URL.")
        began = time.monotonic()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.console = Console(highlight=False, soft_wrap=True)
        call_command("migrate", verbosity=0)
        months = full_months(options["today"] or datetime.now(UTC).date(), options["months"])
        children = self._children()
        try:
            children.watch()
            self._bill(children, months, options["customers"])
            self._report(stay=not options["exit"])
            if options["exit"]:
                self.console.print(f"done in {time.monotonic() - began:.0f} s")
            else:
                self._stay()
        except (ChildEnded, SendingFailed) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            self.console.print("\nstopping …")
        finally:
            children.stop()

    # -- parts ----------------------------------------------------------------------------------------------------

    def _children(self) -> Children:
        local = settings.EMBEDDED.keep_in
        self.port, smtp_port, self.mailbox_port = free_ports(8000, 8025, 8026)
        self.mailbox = local / "mailbox"
        self.url = settings.BASE_URL = f"http://localhost:{self.port}"
        environment = {
            "HUADAN_BASE_URL": self.url,
            "HUADAN_EMAIL_URL": f"smtp://127.0.0.1:{smtp_port}",
            "HUADAN_COUNT_EVERY_SECONDS": "2",
        }
        pair = settings.EMBEDDED
        servers = {"postgres": lambda: pair.postgres_pid() is not None, "valkey": lambda: pair.valkey_pid() is not None}
        children = Children(local / "logs", environment, servers)
        bind = ["--bind", f"127.0.0.1:{self.port}", "--workers", "2", "--threads", "4", "--worker-class", "gthread"]
        children.start("web", "gunicorn", "billing.wsgi", *bind, "--graceful-timeout", "5", "--no-control-socket")
        children.start("worker", "celery", "-A", "billing.celery", "worker", "--concurrency", "2", "--loglevel", "INFO")
        children.start("beat", "celery", "-A", "billing.celery", "beat", "--schedule", str(local / "beat"))
        children.start(
            "mail", "invoices.management.demo.mailbox", str(self.mailbox), str(smtp_port), str(self.mailbox_port)
        )
        return children

    def _bill(self, children: Children, months: list[Period], how_many: int) -> None:
        password = settings.EMBEDDED.secret("demo_password")[:16]
        customers = make_vendor(datetime.now(UTC), months, password)[:how_many]
        with Progress(
            TextColumn("{task.description:<34}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        ) as progress:
            self._load(progress, children, customers)
            self._close(progress, children, customers, months[-1])
        # Only now: beat must not close a month whose calls are still being loaded.
        Seller.objects.filter(pk=customers[0].tenant.seller_id).update(closes_by_itself=True)

    def _load(self, progress: Progress, children: Children, customers: list[Customer]) -> None:
        """Post every call that is not stored yet, as the customers' switches would; sending again is harmless."""
        for customer in customers:
            task = progress.add_task(f"calls of {customer.tenant.code}", total=None)
            missing = [
                month
                for month in customer.months
                if sum(1 for _ in customer.calls(month)) != customer.stored_calls(month)
            ]
            if not missing:
                stored = sum(customer.stored_calls(month) for month in customer.months)
                progress.update(task, total=stored, completed=stored)
                continue
            wait_until(self._web_answers, "the web server's start", children)
            everything = chain.from_iterable(customer.calls(month) for month in missing)
            records = [delivery.call for delivery in disturb(everything, DISTURBANCES, seed=customer.tenant.pk)]
            progress.update(task, total=len(records))

            def advance(sent: Any, task: Any = task) -> None:
                progress.update(task, completed=sent.received)

            self._send(customer, records, advance)

    def _send(self, customer: Customer, records: list[SimulatedCall], advance: Any) -> None:
        if customer.format == "freeswitch":
            documents: Iterator[Any] = (to_freeswitch(call, customer.zone) for call in records)
            send_freeswitch(self.url, customer.key, customer.source.code, documents, workers=4, on_progress=advance)
        else:
            batches = batches_of((to_native(call, customer.zone) for call in records), BATCH)
            send_batches(self.url, customer.key, customer.source.code, batches, workers=2, on_progress=advance)

    def _web_answers(self) -> bool:
        from http.client import HTTPConnection

        try:
            line = HTTPConnection("127.0.0.1", self.port, timeout=2)
            line.request("GET", "/healthz")
            return line.getresponse().status == 200
        except OSError:
            return False

    def _close(self, progress: Progress, children: Children, customers: list[Customer], month: Period) -> None:
        """Have the worker count, close, issue and mail the month; what is done already stays as it is."""
        ids = [customer.tenant.pk for customer in customers]
        contracts = [customer.contract.pk for customer in customers]
        invoices = Invoice.objects.filter(contract__in=contracts, period_starts_on=month.starts_on)

        counting = progress.add_task("months counted", total=len(ids))
        if invoices.count() < len(ids):
            count_stale_months.delay()

        def counted() -> bool:
            stale = UsageMonth.objects.filter(tenant_id__in=ids).exclude(stale_since=None, counted_at__isnull=False)
            waiting = {tenant_id for (tenant_id,) in stale.values_list("tenant_id")}
            progress.update(counting, completed=len(ids) - len(waiting))
            return not waiting

        wait_until(counted, "counting", children)
        closing = progress.add_task("contracts closed", total=len(ids))
        # --today may name a day to come: the month has ended all the same.
        ended = max(datetime.now(UTC), datetime.combine(month.ends_on + timedelta(days=1), clock.min, UTC))
        for each in customers:
            run = start_close(each.tenant.seller, month.starts_on, by="demo", now=ended, tenant=each.tenant)
        continue_closes()

        def all_closed() -> bool:
            steps = run.steps.filter(contract__in=contracts)
            for finding in Finding.objects.filter(step__in=steps, severity=Finding.ERROR, accepted_at=None):
                accept(finding.pk, reason="The demo reviewed it.", by="demo clerk", now=datetime.now(UTC))
            ready = steps.filter(state=RunStep.READY).count()
            progress.update(closing, completed=ready)
            return ready == len(ids)

        wait_until(all_closed, "closing", children)
        self._issue(progress, children, invoices)

    def _issue(self, progress: Progress, children: Children, invoices: Any) -> None:
        issuing = progress.add_task("invoices issued", total=invoices.count())
        for invoice in invoices.order_by("contract__code"):
            if invoice.state == Invoice.DRAFT:
                request_issue(invoice.pk, reason="The demo reviewed it.", by="demo clerk", now=datetime.now(UTC))
            if invoice.state != Invoice.ISSUED:
                issue_invoice.delay(invoice.pk, "demo approver")
                # One after the other, so that numbers follow the contracts' order in every run.
                wait_until(invoices.filter(pk=invoice.pk, state=Invoice.ISSUED).exists, f"issuing {invoice}", children)
            progress.advance(issuing)
        deliveries = Delivery.objects.filter(invoice__in=invoices)
        sending = progress.add_task("mails delivered", total=deliveries.count())
        notices = PriceNotice.objects.filter(state__in=[PriceNotice.QUEUED, PriceNotice.SENDING])
        if deliveries.filter(state=Delivery.QUEUED).exists():
            deliver_due.delay()
        if notices.exists():
            send_due_notices.delay()

        def sent() -> bool:
            progress.update(
                sending, completed=deliveries.exclude(state__in=[Delivery.QUEUED, Delivery.SENDING]).count()
            )
            waiting = deliveries.filter(state__in=[Delivery.QUEUED, Delivery.SENDING]).exists()
            return not waiting and not notices.exists()

        wait_until(sent, "mailing", children)

    def _report(self, *, stay: bool) -> None:
        invoices = list(Invoice.objects.filter(state=Invoice.ISSUED).select_related("tenant").order_by("number"))
        for invoice in invoices:
            total = f"{invoice.total:,.{decimals_of(invoice.currency)}f} {invoice.currency}"
            self.console.print(f"{invoice.number}  {invoice.tenant.name_en:<42}  {total:>16}")
        if not stay or not invoices:
            return
        password = settings.EMBEDDED.secret("demo_password")[:16]
        places = {
            "admin": f"{self.url}/admin/    user admin, password {password}",
            "invoice": page_link(invoices[0]),
            "as PDF": page_link(invoices[0]) + "/pdf",
            "mailbox": f"http://localhost:{self.mailbox_port}/    {len(messages(self.mailbox))} mails, files in {self.mailbox}",
            "API docs": f"{self.url}/api/docs",
            "logs": str(settings.EMBEDDED.keep_in / "logs"),
        }
        self.console.print()
        for name, place in places.items():
            self.console.print(f"  {name:<10}{place}", markup=False)
        self.console.print("\nEverything is running. Stop with Ctrl-C; a second run is quick and changes nothing.")

    def _stay(self) -> None:
        while True:
            time.sleep(3600)  # until a signal comes: Ctrl-C, or a child's end
