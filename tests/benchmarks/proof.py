"""Measure the way back from a line to its calls: any page of the list, and the evidence bundle of the whole invoice.

``python -m tests.benchmarks proof [--json] [--full]``. An invoice of 200,000 calls is issued; ratio = 200 ms / the slowest
of its pages, first, last and between, as a visitor gets them (view, template and all). Then the bundle is written and
verified by a process of its own; ``--full`` does so with 1,000,000 calls. Memory is what each grew to.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks import _comparing as comparing
from tests.benchmarks import _months as months

CALLS, FULL_CALLS, AIM = 200_000, 1_000_000, 0.2
PAGES = 40


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark."""
    options = comparing.options_of(arguments, __doc__)
    comparing.open_database()
    from django.test import Client, override_settings

    invoice = _issued(CALLS)
    with override_settings(ALLOWED_HOSTS=["testserver"], SECURE_SSL_REDIRECT=False):
        taken = _pages(invoice, Client())
    print(
        f"  pages: median {comparing.median(taken) * 1000:.0f} ms, slowest {max(taken) * 1000:.0f} ms of {len(taken)}"
    )
    bundle = _bundle(_issued(FULL_CALLS) if options.full else invoice)
    print("  " + ", ".join(f"{name} {figure:.1f}" for name, figure in bundle.items()))
    value = max(taken) * 1000
    comparing.report("proof", "ms", value, AIM * 1000, AIM * 1000 / value, as_json=options.json, pages=taken, **bundle)
    return 0


def _issued(calls: int) -> Any:
    from datetime import UTC, datetime

    from billing.periods import period_containing
    from invoices.approving import request_issue
    from invoices.drafting import draft_month
    from invoices.issuing import issue
    from tenants.models import Contract
    from usage.models import Source

    _, tenant_id, _ = months.agree(f"proof{calls}", 1)
    Source.objects.create(pk=tenant_id, tenant_id=tenant_id, code="switch")
    months.fill_calls(tenant_id, tenant_id, calls)
    now = datetime.now(UTC)
    draft = draft_month(Contract.objects.get(tenant_id=tenant_id), period_containing(months.MONTH), now)
    request_issue(draft.pk, reason="bench", by="clerk", now=now)
    return issue(draft.pk, by="approver", now=now)


def _pages(invoice: Any, client: Any) -> list[float]:
    """Get the first page, and pages that begin after calls spread over the month, the last ones among them."""
    from urllib.parse import urlencode

    from billing.rating import Bill, Terms, Totals
    from invoices.links import page_link
    from invoices.pages.calls import SEPARATOR
    from usage.tracing import calls_of_line

    bill = Bill.from_json(invoice.document["bill"])
    line = next(line for line in bill.lines if line.evidence and line.evidence.calls)
    calls = calls_of_line(invoice.tenant_id, Terms.from_json(invoice.terms), Totals.from_json(invoice.totals), line)
    places = [call.place for call in calls]
    address = f"{urlsplit(page_link(invoice)).path}/calls"
    after = [None, *places[:: len(places) // PAGES], places[-50], places[-2]]
    taken = []
    for place in after:
        more = {} if place is None else {"after": SEPARATOR.join(map(str, _parts(place)))}
        begun = time.perf_counter()
        answer = client.get(f"{address}?{urlencode({'key': line.key} | more)}")
        taken.append(time.perf_counter() - begun)
        if answer.status_code != 200 or b"call-" not in answer.content:
            raise AssertionError(answer.content[:500])
    return taken[1:]  # the first warms up what every later one finds


def _parts(place: Any) -> tuple[str, ...]:
    return place.started_at.isoformat(), str(place.source_id), place.leg, place.call_id


def _bundle(invoice: Any) -> dict[str, float]:
    """Write the bundle to a file and verify it; return seconds and the growth of memory in MiB."""
    from datetime import UTC, datetime

    from invoices.evidence import bundle_of

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.zip"
        before, begun = _peak(resource.RUSAGE_SELF), time.perf_counter()
        with path.open("wb") as file:
            for piece in bundle_of(invoice, datetime.now(UTC)):
                file.write(piece)
        written, grown = time.perf_counter() - begun, _peak(resource.RUSAGE_SELF) - before
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "billing.rating.verify", str(path)], check=False, capture_output=True
        )
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)
        return {
            "calls": float(
                sum(line["evidence"]["calls"] for line in invoice.document["bill"]["lines"] if line.get("evidence"))
            ),
            "bundle MB": path.stat().st_size / 1e6,
            "written in s": written,
            "memory grew by MiB": grown,
            "verified in s": time.perf_counter() - begun,
            "verifier's MiB": _peak(resource.RUSAGE_CHILDREN),
        }


def _peak(whose: int) -> float:
    return resource.getrusage(whose).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
