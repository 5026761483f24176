"""Alive, ready, and measured; metrics are nobody else's business."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import billing.health

pytestmark = pytest.mark.django_db


def test_alive_asks_nobody_and_any_host_name_will_do(client: Any) -> None:
    assert client.get("/healthz", headers={"Host": "10.0.0.7"}).json() == {"status": "ok"}


def test_ready_names_every_part(client: Any) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["parts"] == {"database": "ok", "broker": "ok", "migrations": "ok", "disk": "ok"}


def test_a_full_disk_is_not_ready(client: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(billing.health, "free_disk_percent", lambda: 3.0)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["parts"]["disk"]) == (503, "failed")


def test_a_dead_broker_is_not_ready_and_says_no_secret(client: Any, settings: Any) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://:secret@127.0.0.1:1"}
    }
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["parts"]["broker"]) == (503, "failed")
    assert b"secret" not in answer.content


def test_metrics_are_for_this_machine_or_for_the_token(client: Any, settings: Any) -> None:
    assert b"django_http_responses_total_by_status_view_method" in client.get("/metrics").content
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 403
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"metrics_token": "t" * 20})
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer " + "t" * 20}).status_code == 200


FIRST_ANSWERS = """
import sys, threading
import django; django.setup()
from billing.metrics import count_answer
sys.setswitchinterval(1e-6)
begin, faults = threading.Barrier(8), []
def answer(number):
    begin.wait()
    try:
        count_answer(f"view-{number}", "POST", 202, 0.001)
    except Exception as fault:
        faults.append(repr(fault))
threads = [threading.Thread(target=answer, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit("; ".join(faults) or None)
"""


def test_the_first_answers_of_a_process_may_come_at_once() -> None:
    ran = subprocess.run([sys.executable, "-c", FIRST_ANSWERS], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
