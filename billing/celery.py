"""The Celery application: a wake-up call, never the truth."""

import os

from celery import Celery
from celery.signals import setup_logging
from django_structlog.celery.steps import DjangoStructLogInitStep

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
