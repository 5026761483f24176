"""The Celery application: a wake-up call, never the truth."""

from __future__ import annotations

import os

from celery import Celery, Task
from celery.signals import setup_logging, task_postrun, task_prerun
from django_structlog.celery.steps import DjangoStructLogInitStep

from billing import acting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing.settings")

app = Celery("huadan")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def _configure_logs(**_: object) -> None:
    """Use the site's structured logs in workers too."""
    import logging.config

    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@task_prerun.connect
def _act_as_task(task: Task[..., object], **_: object) -> None:
    acting.act(acting.TASK, lambda: str(task.name))


task_postrun.connect(acting.stop_acting)
