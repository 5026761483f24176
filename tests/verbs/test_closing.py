"""A month is closed by one run whoever starts it; what is wrong with one contract stops no other."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from celery import Task, current_app
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from billing.periods import period_containing
from invoices import closing, stepping
from invoices.models import CloseRun, Delivery, Finding, Invoice, Reopening, RunStep
from invoices.reopening import CannotReopen, decide, request_reopening
from invoices.tasks import continue_closes, deliver_due, keep_closes_going, work_on_some
from tenants.contracts import end, sign
from tenants.models import Contract, ContractVersion, Seller, Tenant
from tests.conftest import NOW, TALK, call_of, issue_by_two
from usage.declarations import declare
from usage.models import UsageMonth
from usage.tasks import count_stale_months

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = period_containing(date(2026, 10, 1))
FIRST = date(2026, 10, 1)


def close(seller: Any, now: datetime = NOW, month: date = FIRST) -> CloseRun:
    run = closing.start_close(seller, month, by="li", now=now)
    while held := stepping.claim(now, run.pk):
        stepping.work(held)
    run.refresh_from_db()
    return run


def other_contract(seller: Any, code: str = "south", **agreement: Any) -> Contract:
    tenant = Tenant.objects.create(seller=seller, code=code, name_zh="南", name_en="South", zone="Asia/Shanghai")
    contract = Contract.objects.create(tenant=tenant, code=f"C-{code}", name_zh="合同", name_en="Contract")
    fee = {"kind": "recurring", "code": "fee", "name": {"zh": "费", "en": "Fee"}, "price": "100"}
    document = {"version": 1, "currency": "CNY", "clauses": [fee]} | agreement
    version = ContractVersion.objects.create(
        contract=contract, number=1, starts_on=date(2026, 1, 1), agreement=document
    )
    sign(version, by="test", reason="agreed", now=NOW)
    return contract


def test_a_close_counts_drafts_checks_and_freezes(seller: Any, contract: Any, post: Any) -> None:
    post(call_of(1))
    run = close(seller)
    step = run.steps.get()
    assert (run.state, step.state, step.invoice.net) == ("done", "ready", Invoice.objects.get().net)
    assert UsageMonth.objects.get().state == UsageMonth.FROZEN
    assert [(each.code, each.severity) for each in step.findings.all()] == [("first_month", "note")]
    assert (step.figures["received"], step.figures["total"]) == (1, "0.32")
    assert set(step.figures["seconds"]) == {"counted", "rated", "drafted", "checked"}
    assert post(call_of(2))["accepted"] == 1
    assert issue_by_two(step.invoice_id).total == step.invoice.total, "what comes late changes no draft"


def test_a_close_that_was_done_is_found_again(seller: Any, contract: Any, post: Any) -> None:
    first = close(seller)
    again = close(seller, NOW + timedelta(days=1))
    assert (first.pk, again.state, RunStep.objects.count()) == (again.pk, "done", 1)


def test_a_contract_that_cannot_be_rated_is_parked_and_the_others_go_on(
    seller: Any, contract: Any, monkeypatch: Any
) -> None:
    other_contract(seller)
    real = stepping.compute_draft
    monkeypatch.setattr(
        stepping, "compute_draft", lambda c, p, known: 1 / 0 if c.pk == contract.pk else real(c, p, known)
    )
    run = closing.start_close(seller, FIRST, by="li", now=NOW)
    while work_on_some(run.pk):
        pass
    states = dict(run.steps.values_list("contract__code", "state"))
    assert states == {"C-1": "parked", "C-south": "ready"}
    assert "ZeroDivisionError" in run.steps.get(contract=contract).reason
    run.refresh_from_db()
    assert run.state == "done"
    monkeypatch.undo()
    closing.resume(run.steps.get(contract=contract).pk, NOW)
    assert work_on_some(run.pk)
    assert set(run.steps.values_list("state", flat=True)) == {"ready"}


def test_what_a_suspended_or_closed_tenant_used_is_invoiced(seller: Any, contract: Any) -> None:
    tenant = contract.tenant

    def due(status: str) -> list[Any]:
        tenant.status = status
        tenant.save()
        return [each.contract for each in closing.due(seller, FIRST, NOW)]

    assert due(Tenant.ACTIVE) == due(Tenant.SUSPENDED) == [contract]
    tenant.status = Tenant.CLOSED
    with pytest.raises(ValidationError, match="End its contracts first"):
        tenant.full_clean()
    end(contract, date(2026, 10, 21), by="li", reason="moved away", now=NOW)
    tenant.full_clean()
    assert due(Tenant.CLOSED) == [contract], "until its contract's end"


def test_contracts_that_have_ended_cost_no_question_each(seller: Any, django_assert_num_queries: Any) -> None:
    for number in range(5):
        Contract.objects.filter(pk=other_contract(seller, f"t{number}").pk).update(ends_on=date(2026, 9, 1))
    with django_assert_num_queries(2):
        assert list(closing.due(seller, FIRST, NOW)) == []


def test_eight_starts_at_once_make_one_run(seller: Any, contract: Any) -> None:
    other_contract(seller)
    Seller.objects.update(billing_starts_on=FIRST)
    barrier = threading.Barrier(8)
    found: list[int] = []

    def start(number: int) -> None:
        barrier.wait()
        try:
            if number % 2:
                closing.start_due_closes(NOW)
                found.append(CloseRun.objects.get().pk)
            else:
                found.append(closing.start_close(seller, FIRST, by="li", now=NOW).pk)
            while held := stepping.claim(NOW):
                stepping.work(held)
        finally:
            connection.close()

    threads = [threading.Thread(target=start, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = CloseRun.objects.get()
    assert found == [run.pk] * 8
    assert (run.state, run.steps.count(), Invoice.objects.count()) == ("done", 2, 2)
    assert set(run.steps.values_list("state", "fence")) == {("ready", 1)}, "each step was worked on once"


def test_a_worker_takes_several_contracts_when_many_wait_and_leaves_some_to_others(seller: Any) -> None:
    for number in range(17):
        other_contract(seller, f"t{number}")
    closing.start_close(seller, FIRST, by="li", now=NOW)
    taken = [stepping.claim_some(NOW) for _ in range(4)]
    assert [len(each) for each in taken] == [3, 2, 2, 2]
    assert len({held.step.pk for claims in taken for held in claims}) == 9


def test_a_close_stopped_under_a_worker_ends_the_contract_it_is_at_and_gives_the_others_back(seller: Any) -> None:
    for number in range(8):
        other_contract(seller, f"t{number}")
    run = closing.start_close(seller, FIRST, by="li", now=NOW)
    claims = stepping.claim_some(NOW)
    for held, fault in stepping.work_through(claims):
        assert (held.step.state, fault) == ("ready", None)
        closing.stop(run.pk)
    states = run.steps.filter(pk__in=[held.step.pk for held in claims]).order_by("pk")
    assert list(states.values_list("state", "claimed_until")) == [("ready", None), ("planned", None)]
    closing.go_on(run.pk)
    for _ in stepping.work_through(stepping.claim_some(NOW), seconds=0):
        pass
    assert run.steps.filter(state="ready").count() == 2, "the time was over after the first"
    assert not run.steps.filter(claimed_until__isnull=False).exists()


def test_beat_ends_a_run_whose_last_worker_died_before_it_said_so(seller: Any, contract: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(stepping, "close_if_done", lambda run_id, now: False)
    run = close(seller)
    assert (run.state, run.steps.get().state) == ("running", "ready")
    continue_closes()
    run.refresh_from_db()
    assert run.state == "done"


def test_a_close_ends_though_every_message_waits_a_minute_for_a_worker(
    seller: Any, contract: Any, post: Any, tenant: Any, monkeypatch: Any
) -> None:
    """A backlog, as of mails that a slow server takes: wake-up calls expire before a worker comes to them."""
    other_contract(seller)
    run = closing.start_close(seller, FIRST, by="li", now=NOW)
    tick = settings.CELERY_BEAT_SCHEDULE["continue closes"]
    waiting = [(current_app.tasks[tick["task"]], (), tick.get("options", {}).get("expires"))]
    monkeypatch.setattr(Task, "apply_async", lambda task, args=(), expires=None: waiting.append((task, args, expires)))
    while waiting:
        task, arguments, expires = waiting.pop(0)
        if expires is None or expires > 60:
            task(*arguments)
    run.refresh_from_db()
    assert run.state == "done"


def test_a_tick_ends_before_the_next_though_steps_are_left(seller: Any, contract: Any, monkeypatch: Any) -> None:
    """Else ticks pile up during a long close, and live totals and mails wait behind them."""
    for number in range(30):
        other_contract(seller, f"t{number}")
    run = closing.start_close(seller, FIRST, by="li", now=NOW)
    monkeypatch.setattr(Task, "apply_async", lambda *_, **__: None)
    often = settings.ENVIRONMENT.model_copy(update={"close_every_seconds": 0.02})
    monkeypatch.setattr(settings, "ENVIRONMENT", often)
    keep_closes_going()
    assert 1 <= run.steps.filter(state="ready").count() < 31
    assert not run.steps.filter(claimed_until__isnull=False).exists()


def test_what_a_tick_asks_for_expires_before_the_next_asks_again(
    contract: Any, post: Any, bill: Any, monkeypatch: Any
) -> None:
    """Else the messages of every tick pile up in front of all others while workers are behind."""
    post(call_of(1))
    Delivery.objects.create(invoice=bill("10"), recipient="finance@north.example", due_at=NOW)
    asked: list[tuple[str, float | None]] = []
    monkeypatch.setattr(Task, "apply_async", lambda task, args=(), expires=None: asked.append((task.name, expires)))
    for name, tick in (("count stale months", count_stale_months), ("deliver due mails", deliver_due)):
        tick()
        assert asked, name
        seconds = settings.CELERY_BEAT_SCHEDULE[name]["schedule"]
        assert all(expires is not None and expires <= seconds for _task, expires in asked), asked
        asked.clear()


def test_a_worker_that_was_taken_for_dead_changes_nothing(seller: Any, contract: Any, post: Any) -> None:
    post(call_of(1))
    run = closing.start_close(seller, FIRST, by="li", now=NOW)
    slow = stepping.claim(NOW)
    assert slow is not None
    assert stepping.claim(NOW) is None, "claimed"
    RunStep.objects.update(claimed_until=NOW - timedelta(days=999))
    quick = stepping.claim(NOW)
    assert quick is not None
    stepping.work(quick)
    before = Invoice.objects.values().get()
    stepping.work(slow)
    assert Invoice.objects.values().get() == before
    assert run.steps.get().fence == 2


def test_a_stopped_close_begins_no_step_until_it_goes_on(seller: Any, contract: Any) -> None:
    run = closing.start_close(seller, FIRST, by="li", now=NOW)
    closing.stop(run.pk)
    assert stepping.claim(NOW) is None
    with pytest.raises(closing.CannotClose):
        closing.stop(run.pk)
    closing.go_on(run.pk)
    assert stepping.claim(NOW) is not None


def test_a_cancelled_close_is_followed_by_a_new_revision(seller: Any, contract: Any) -> None:
    Seller.objects.update(billing_starts_on=FIRST)
    seller.refresh_from_db()
    run = closing.start_close(seller, FIRST, by="li", now=NOW)
    closing.cancel(run.pk, NOW)
    assert stepping.claim(NOW) is None
    assert closing.start_due_closes(NOW) == [], "what a person cancelled, beat does not begin again"
    assert close(seller).revision == 2


def test_what_a_person_parked_stays_parked_until_a_person_resumes_it(seller: Any, contract: Any) -> None:
    other_contract(seller)
    run = closing.start_close(seller, FIRST, by="li", now=NOW)
    step = run.steps.get(contract=contract)
    with pytest.raises(closing.CannotClose, match="why"):
        closing.park(step.pk, reason=" ", by="li", now=NOW)
    closing.park(step.pk, reason="The tenant asked to wait.", by="li", now=NOW)
    run = close(seller)
    step.refresh_from_db()
    assert (run.state, step.state, step.parked_by) == ("done", "parked", "li")


def test_beat_closes_what_is_due_and_nothing_twice(seller: Any, contract: Any, post: Any) -> None:
    seller.closes_by_itself = False
    seller.save()
    assert closing.start_due_closes(NOW) == []
    seller.closes_by_itself, seller.billing_starts_on = True, date(2026, 9, 1)
    seller.save()
    started = closing.start_due_closes(NOW)
    assert [f"{run.month:%m}" for run in started] == ["09", "10"], "three months without beat are caught up"
    assert closing.start_due_closes(NOW) == []
    assert closing.start_due_closes(datetime(2026, 12, 1, tzinfo=UTC)) == [], "November has its grace days"
    assert [f"{run.month:%m}" for run in closing.start_due_closes(datetime(2026, 12, 3, tzinfo=UTC))] == ["11"]


def test_a_rehearsal_finds_errors_and_keeps_nothing_else(seller: Any, make_contract: Any, post: Any) -> None:
    make_contract(TALK | {"select": {"direction": "inbound"}})
    post(call_of(1, started_at="2026-11-08T09:00:00+08:00", answered_at="2026-11-08T09:00:05+08:00",
                 ended_at="2026-11-08T09:01:06+08:00"))  # fmt: skip
    (run,) = closing.start_rehearsals(date(2026, 11, 23), NOW)
    while held := stepping.claim(NOW):
        stepping.work(held)
    step = run.steps.get()
    assert [each.code for each in step.findings.all()] == ["uncovered"]
    assert not Invoice.objects.exists()
    assert not UsageMonth.objects.filter(state=UsageMonth.FROZEN).exists()
    assert closing.start_rehearsals(date(2026, 11, 23), NOW) == []
    assert len(closing.start_rehearsals(date(2026, 11, 24), NOW)) == 1


def test_calls_that_come_between_draft_and_freeze_are_drafted(
    seller: Any, contract: Any, post: Any, monkeypatch: Any
) -> None:
    post(call_of(1))
    real = stepping.check

    def check_slowly(contract: Any, period: Any, document: Any, *others: Any) -> Any:
        if document["summary"]["calls"] == 1:
            thread = threading.Thread(target=lambda: (post(call_of(2)), connection.close()))
            thread.start()
            thread.join()
        return real(contract, period, document, *others)

    monkeypatch.setattr(stepping, "check", check_slowly)
    run = close(seller)
    assert run.state == "done"
    assert run.steps.get().invoice.document["summary"]["calls"] == 2


@pytest.mark.parametrize(("long", "left"), [(0.0, "drafted"), (999.0, "planned")])
def test_a_stage_that_took_long_is_not_done_again_after_a_kill(
    seller: Any, contract: Any, post: Any, monkeypatch: Any, long: float, left: str
) -> None:
    post(call_of(1))
    run = closing.start_close(seller, FIRST, by="li", now=NOW)
    monkeypatch.setattr(stepping, "LONG_SECONDS", long)
    with monkeypatch.context() as killed:
        killed.setattr(stepping, "check", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            work_on_some(run.pk)
    step = run.steps.get()
    assert (step.state, Invoice.objects.count()) == (left, int(left == "drafted"))
    RunStep.objects.update(claimed_until=None)
    counted: list[Any] = []
    real = stepping.count_month_of
    monkeypatch.setattr(stepping, "count_month_of", lambda *each: (counted.append(each), real(*each)))
    work_on_some(run.pk)
    step.refresh_from_db()
    assert (step.state, len(counted)) == ("ready", int(left == "planned"))
    assert (step.invoice, set(step.figures["seconds"])) == (
        Invoice.objects.get(), {"counted", "rated", "drafted", "checked"},
    )  # fmt: skip


def test_a_contract_in_a_close_asks_the_database_thirty_times_at_most(
    seller: Any, contract: Any, post: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(7):
        other_contract(seller, f"t{number}")
    post(call_of(1))
    run = closing.start_close(seller, FIRST, by="li", now=NOW)
    claims = stepping.claim_some(NOW)
    working = stepping.work_through(claims)
    with django_assert_max_num_queries(30):
        next(working)
    assert [fault for _held, fault in working] == [None] * (len(claims) - 1)
    assert run.steps.filter(state="ready").count() == len(claims)


# -- findings -----------------------------------------------------------------------------------------------------------


def test_what_a_sender_declared_and_is_not_here_parks_the_contract(
    seller: Any, tenant: Any, contract: Any, post: Any
) -> None:
    post(call_of(1))
    declare(tenant.pk, 0, (FIRST, date(2026, 11, 1)), (2, 122), NOW)
    run = close(seller)
    step = run.steps.get()
    assert (step.state, step.reason) == ("parked", "declared_differs")
    assert UsageMonth.objects.get().state == UsageMonth.OPEN, "what is missing may still come"
    post(call_of(2))
    closing.resume(step.pk, NOW)
    run = close(seller)
    step.refresh_from_db()
    assert (step.state, step.findings.filter(severity="error").count()) == ("ready", 0)
    assert step.invoice.document["summary"]["calls"] == 2


def test_an_accepted_finding_lets_the_contract_go_on_and_is_remembered(
    seller: Any, make_contract: Any, post: Any
) -> None:
    make_contract(TALK | {"select": {"direction": "inbound"}})
    post(call_of(1))
    step = close(seller).steps.get()
    finding = step.findings.get(severity=Finding.ERROR)
    assert (step.state, finding.code, finding.facts["calls"]) == ("parked", "uncovered", 1)
    with pytest.raises(stepping.Refused):
        stepping.accept(finding.pk, reason=" ", by="li", now=NOW)
    stepping.accept(finding.pk, reason="A test call.", by="li", now=NOW)
    step = close(seller).steps.get()
    assert (step.state, step.invoice.blocked) == ("ready", False)
    assert step.findings.get(code="uncovered").accepted_reason == "A test call."
    assert issue_by_two(step.invoice_id).net == 0


def test_an_acceptance_does_not_hold_for_other_facts(seller: Any, make_contract: Any, post: Any) -> None:
    make_contract(TALK | {"select": {"direction": "inbound"}})
    post(call_of(1))
    finding = close(seller).steps.get().findings.get(severity=Finding.ERROR)
    stepping.accept(finding.pk, reason="One test call.", by="li", now=NOW)
    post(call_of(2))
    assert close(seller).steps.get().state == "parked"


def test_a_month_thirty_per_cent_off_the_mean_waits_for_a_person(seller: Any, make_contract: Any, post: Any) -> None:
    contract = make_contract(TALK | {"price": "1"})
    for number in range(10):
        post(call_of(number, started_at="2026-09-08T09:00:00+08:00", answered_at="2026-09-08T09:00:05+08:00",
                     ended_at="2026-09-08T09:00:50+08:00"))  # fmt: skip
    for number in range(10, 24):
        post(call_of(number))  # two minutes each
    close(seller, month=date(2026, 9, 1))
    run = close(seller)
    step = run.steps.get(contract=contract)
    assert (step.state, step.reason) == ("parked", "swing")
    assert step.findings.get(code="swing").facts["percent"] == "+180"


def test_a_month_without_calls_after_one_with_calls_waits_for_a_person(seller: Any, contract: Any, post: Any) -> None:
    post(call_of(1, started_at="2026-09-08T09:00:00+08:00", answered_at="2026-09-08T09:00:05+08:00",
                 ended_at="2026-09-08T09:00:50+08:00"))  # fmt: skip
    close(seller, month=date(2026, 9, 1))
    assert close(seller).steps.get().reason == "no_usage"


def test_an_unsigned_amendment_waits_for_a_signature(seller: Any, contract: Any) -> None:
    ContractVersion.objects.create(contract=contract, number=2, starts_on=date(2026, 10, 15), agreement={})
    assert close(seller).steps.get().reason == "unsigned_amendment"


def test_totals_that_were_changed_by_hand_are_found(seller: Any, contract: Any, post: Any) -> None:
    from usage.aggregation import count_now
    from usage.models import UsageTotal
    from usage.recounting import differing_totals

    post(call_of(1))
    count_now(contract.tenant, OCTOBER, NOW)
    assert differing_totals(contract, OCTOBER) == 0
    UsageTotal.objects.update(calls=7)
    assert differing_totals(contract, OCTOBER) == 2
    assert UsageTotal.objects.count() == 1, "the second count is not kept"


# -- reopening ----------------------------------------------------------------------------------------------------------


def test_a_month_is_opened_by_two_people_and_takes_in_what_was_late(
    seller: Any, tenant: Any, contract: Any, post: Any
) -> None:
    post(call_of(1))
    close(seller)
    post(call_of(2))
    asked = request_reopening(tenant, FIRST, reason="The switch was down.", by="li", now=NOW)
    assert request_reopening(tenant, FIRST, reason="Again.", by="wang", now=NOW).pk == asked.pk
    with pytest.raises(CannotReopen, match="Another person"):
        decide(asked.pk, approve=True, by="li", now=NOW)
    assert decide(asked.pk, approve=True, by="wang", now=NOW).taken_in == 1
    assert UsageMonth.objects.get().state == UsageMonth.OPEN
    step = close(seller).steps.get()
    assert step.invoice.document["summary"]["calls"] == 2
    assert UsageMonth.objects.get().state == UsageMonth.FROZEN


def test_a_declined_request_opens_nothing(seller: Any, tenant: Any, contract: Any) -> None:
    close(seller)
    asked = request_reopening(tenant, FIRST, reason="Perhaps.", by="li", now=NOW)
    decide(asked.pk, approve=False, by="wang", now=NOW)
    assert UsageMonth.objects.get().state == UsageMonth.FROZEN
    with pytest.raises(CannotReopen):
        decide(asked.pk, approve=True, by="wang", now=NOW)


def test_a_month_with_an_issued_invoice_stays_frozen(seller: Any, tenant: Any, contract: Any) -> None:
    step = close(seller).steps.get()
    issue_by_two(step.invoice_id)
    with pytest.raises(CannotReopen, match="HD-2026-000001"):
        request_reopening(tenant, FIRST, reason="The switch was down.", by="li", now=NOW)


@pytest.mark.parametrize("decider", ["'li'", "''"])
def test_the_database_wants_another_person_for_a_reopening(
    seller: Any, tenant: Any, contract: Any, decider: str
) -> None:
    close(seller)
    request_reopening(tenant, FIRST, reason="The switch was down.", by="li", now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE invoices_reopening SET approved = true, decided_at = now(), decided_by = {decider}")
    assert Reopening.objects.get().approved is None


# -- the command --------------------------------------------------------------------------------------------------------


def test_the_command_closes_and_says_what_is_parked(seller: Any, make_contract: Any, post: Any, capsys: Any) -> None:
    make_contract(TALK | {"select": {"direction": "inbound"}})
    other_contract(seller)
    post(call_of(1))
    call_command("close_month", "--period", "2026-10")
    printed = " ".join(capsys.readouterr().out.split())
    assert "1 ready, 1 parked" in printed
    assert "1 calls of 61 s are taken by no clause" in printed


def test_a_dry_run_shows_and_keeps_nothing(seller: Any, contract: Any, post: Any, capsys: Any) -> None:
    post(call_of(1))
    call_command("close_month", "--period", "2026-10", "--tenant", "north", "--dry-run")
    assert "0.32" in capsys.readouterr().out
    assert not CloseRun.objects.exists()
    assert not Invoice.objects.exists()
