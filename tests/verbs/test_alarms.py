"""A source that falls silent is noticed by its own habit, told once by mail, and forgotten when calls come again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from tests.verbs.conftest import Server
from usage.alarm_mails import SENDING_TAKES, alarms_to_mail, give_up_interrupted, mail_alarm
from usage.alarms import silent_sources, watch_sources
from usage.models import Batch, SilenceAlarm, Source
from usage.tasks import watch_silence

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=36)


@pytest.fixture
def deliver(source: Source) -> Callable[..., None]:
    def deliver(*times: datetime, accepted: int = 1) -> None:
        Batch.objects.bulk_create(
            Batch(tenant_id=source.tenant_id, id=uuid4(), source_id=source.pk, format="native", received_at=at, received=1,
                  accepted=accepted, duplicates=1 - accepted, conflicts=0, rejected=0)
            for at in times
        )  # fmt: skip

    return deliver


@pytest.fixture
def habits(deliver: Callable[..., None]) -> None:
    """Five days of deliveries every ten minutes from 8 to 20 o'clock; nothing since ten today."""
    times = [
        NOON.replace(hour=8) - timedelta(days=day) + timedelta(minutes=minute)
        for day in range(6) for minute in range(0, 12 * 60, 10)
    ]  # fmt: skip
    deliver(*(at for at in times if at <= NOON.replace(hour=10)))


def told(server: Server) -> Any:
    [content] = server.accepted
    return message_from_bytes(content, policy=policy.default)


def test_a_source_is_silent_after_so_many_of_its_longest_usual_pauses(habits: None, source: Source) -> None:
    assert silent_sources(NOON) == []  # it sleeps for twelve hours every night
    [silence] = silent_sources(LATER)
    assert (silence.source, silence.usual_pause) == (source, timedelta(hours=12, minutes=10))
    assert silence.last_delivery_at == NOON.replace(hour=10)
    source.silence_factor = 0
    source.save()
    assert silent_sources(LATER) == []


def test_a_source_too_new_to_have_habits_is_not_alarmed_about(source: Source, deliver: Callable[..., None]) -> None:
    deliver(NOON - timedelta(days=1), NOON - timedelta(hours=23))
    assert watch_sources(NOON) == []


def test_the_same_calls_over_and_over_are_silence_too(habits: None, deliver: Callable[..., None]) -> None:
    deliver(LATER - timedelta(minutes=1), accepted=0)
    assert len(watch_sources(LATER)) == 1


def test_a_silence_opens_one_alarm_and_calls_that_come_again_close_it(
    habits: None, deliver: Callable[..., None]
) -> None:
    [alarm] = watch_sources(LATER)
    assert watch_sources(LATER + timedelta(days=3)) == []
    deliver(LATER + timedelta(days=4))
    assert watch_sources(LATER + timedelta(days=4, minutes=1)) == []
    alarm.refresh_from_db()
    assert alarm.closed_at == LATER + timedelta(days=4, minutes=1)
    assert SilenceAlarm.objects.count() == 1


@pytest.mark.parametrize("off", ["source", "tenant"])
def test_a_source_that_is_no_longer_watched_has_no_open_alarm(habits: None, source: Source, off: str) -> None:
    watch_sources(LATER)
    if off == "source":
        Source.objects.update(silence_factor=0)
    else:
        source.tenant.status = "suspended"
        source.tenant.save()
    watch_sources(LATER + timedelta(minutes=1))
    assert not SilenceAlarm.objects.filter(closed_at=None).exists()


def test_many_watchers_at_once_open_one_alarm_and_send_one_mail(habits: None, smtp: Server) -> None:
    def watch(_: int) -> list[str]:
        try:
            watch_sources(LATER)
            return [mail_alarm(pk, LATER) for pk in alarms_to_mail(LATER, 10)]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        states = [state for found in pool.map(watch, range(8)) for state in found]
    assert SilenceAlarm.objects.count() == 1
    assert states.count("sent") == 1
    assert len(smtp.accepted) == 1


def test_operations_are_told_once_where_to_look(habits: None, smtp: Server, source: Source) -> None:
    [alarm] = watch_sources(LATER)
    assert mail_alarm(alarm.pk, LATER) == "sent"
    assert mail_alarm(alarm.pk, LATER) == "not_due"
    assert watch_sources(LATER + timedelta(hours=2)) == []
    assert alarms_to_mail(LATER + timedelta(days=9), 10) == []
    mail = told(smtp)
    assert (mail["to"], mail["from"]) == ("billing@huadan.example", "billing@huadan.example")
    assert mail["subject"] == "No calls from switch-1 of Northern Express"
    text = mail.get_content()
    assert "2026-11-23 18:00 Asia/Shanghai" in text  # ten o'clock UTC, as the tenant reads it
    assert "38.0 h ago" in text
    assert "/admin/usage/silencealarm/" in text


def test_the_addresses_of_the_installation_come_before_the_sellers(habits: None, smtp: Server, settings: Any) -> None:
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(
        update={"operations_email": "ops@a.example, night@a.example"}
    )
    settings.LANGUAGE_CODE = "zh-hans"
    mail_alarm(watch_sources(LATER)[0].pk, LATER)
    mail = told(smtp)
    assert mail["to"] == "ops@a.example, night@a.example"
    assert "没有收到" in mail["subject"]


def test_a_mail_server_that_says_later_is_asked_again_and_one_that_says_no_is_not(habits: None, smtp: Server) -> None:
    smtp.answers = ["451 later", "554 no"]
    [alarm] = watch_sources(LATER)
    assert mail_alarm(alarm.pk, LATER) == "queued"
    assert alarms_to_mail(LATER, 10) == []
    soon = LATER + timedelta(minutes=6)
    assert alarms_to_mail(soon, 10) == [alarm.pk]
    assert mail_alarm(alarm.pk, soon) == "failed"
    alarm.refresh_from_db()
    assert alarm.mail_answer.startswith("554")


def test_a_mail_nobody_knows_about_is_not_sent_again(habits: None, smtp: Server) -> None:
    smtp.answers = ["drop"]
    [alarm] = watch_sources(LATER)
    assert mail_alarm(alarm.pk, LATER) == "unknown"
    SilenceAlarm.objects.update(mail="sending", mail_due_at=LATER + SENDING_TAKES)
    assert give_up_interrupted(LATER) == 0
    assert give_up_interrupted(LATER + SENDING_TAKES + timedelta(seconds=1)) == 1
    assert SilenceAlarm.objects.get().mail == "unknown"


def test_calls_that_come_before_the_mail_make_it_needless(
    habits: None, smtp: Server, deliver: Callable[..., None]
) -> None:
    [alarm] = watch_sources(LATER)
    deliver(LATER + timedelta(minutes=1))
    watch_sources(LATER + timedelta(minutes=2))
    assert mail_alarm(alarm.pk, LATER + timedelta(minutes=2)) == "not_due"
    assert smtp.accepted == []


def test_the_task_does_it_all_and_the_admin_shows_it(habits: None, smtp: Server, time_machine: Any) -> None:
    time_machine.move_to(LATER, tick=False)
    watch_silence()
    watch_silence()
    assert len(smtp.accepted) == 1
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(User.objects.create_superuser("boss"))
    assert b"has been silent for 38.0 h" in client.get("/admin/usage/source/").content
    page = client.get("/admin/usage/silencealarm/?open=1").content
    assert b"Northern Express" in page
    assert b"12.2" in page
    alarm = SilenceAlarm.objects.get()
    shown = client.get(f"/admin/usage/silencealarm/{alarm.pk}/change/").content
    assert b"Accepted." in shown
