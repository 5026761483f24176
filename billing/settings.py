"""Django's settings, computed from billing.environment; what each means to an operator stands there."""

from __future__ import annotations

import importlib.util
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from celery.schedules import crontab
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _
from psycopg.conninfo import conninfo_to_dict

from billing.environment import ROOT, networks_in, read
from billing.local import Embedded

ENVIRONMENT = read()
EMBEDDED = Embedded.beside(ROOT)

DATABASE_URL = ENVIRONMENT.database_url or EMBEDDED.database_url
REDIS_URL = ENVIRONMENT.redis_url or EMBEDDED.redis_url
BASE_URL = ENVIRONMENT.base_url
WEBHOOK_NETWORKS = networks_in(ENVIRONMENT.webhook_networks)

DEBUG = ENVIRONMENT.debug
SECRET_KEY = ENVIRONMENT.secret_key or EMBEDDED.secret("secret_key")
EVIDENCE_KEY = ENVIRONMENT.evidence_key or SECRET_KEY
# What was encrypted before a key was set is opened by the site's own.
TELEPHONE_KEYS = [*ENVIRONMENT.telephone_secrets, SECRET_KEY]
NUMBER_KEY = ENVIRONMENT.number_key or EMBEDDED.secret("number_key")
ALLOWED_HOSTS = ENVIRONMENT.hosts
CSRF_TRUSTED_ORIGINS = [BASE_URL]
ROOT_URLCONF = "billing.urls"
WSGI_APPLICATION = "billing.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django_prometheus",
    "unfold.apps.BasicAppConfig",  # its default one would put its own site in the place of ours
    "unfold.contrib.filters",
    "billing.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_structlog",
    # A tool of development, absent from the lock for use.
    *(["django_linear_migrations"] if importlib.util.find_spec("django_linear_migrations") else []),
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "axes",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "billing.apps.BillingConfig",
    "tenants.apps.TenantsConfig",
    "usage.apps.UsageConfig",
    "invoices.apps.InvoicesConfig",
]

MIDDLEWARE = [
    "billing.health.ProbesFirst",
    "billing.metrics.RequestMetrics",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "billing.staff_pages.StaffPages",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "billing.requestlog.RequestLog",
]

# What billing.wsgi leaves out for the machines' API: cookies, languages and page policies are a browser's affair, and the
# probes have addresses of their own.
BROWSER_MIDDLEWARE = {
    "billing.health.ProbesFirst",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "billing.staff_pages.StaffPages",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],  # before the theme's own
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# -- PostgreSQL -------------------------------------------------------------------------------------------------------

_connection: dict[str, Any] = dict(conninfo_to_dict(DATABASE_URL))
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _connection.pop("dbname", "huadan"),
        "USER": _connection.pop("user", ""),
        "PASSWORD": _connection.pop("password", ""),
        "HOST": _connection.pop("host", ""),
        "PORT": str(_connection.pop("port", "")),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **_connection,
            "application_name": "huadan",
            # A lock or a query that hangs must not take the web server with it; the month close sets its own limits.
            "options": f"-c statement_timeout={ENVIRONMENT.statement_timeout_seconds}s -c lock_timeout=10s "
            "-c idle_in_transaction_session_timeout=60s",
        },
    }
}

# -- Redis: a cache and the wake-up call of Celery; it may be wiped at any moment ------------------------------------

CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

# kombu names a socket and its database otherwise than the client does.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 540
CELERY_TASK_SOFT_TIME_LIMIT = 480
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# kombu 5.7 gives a killed worker's task back only after all three; the hard limit stays below the first.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 10,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(EMBEDDED.keep_in / "beat") if ENVIRONMENT.embedded else "/tmp/huadan-beat"  # noqa: S108 - beat's notes on ticks, worthless to anyone  # nosec B108
# Beat only says "tick"; what is due is found in rows.
CELERY_BEAT_SCHEDULE = {
    "count stale months": {"task": "usage.tasks.count_stale_months", "schedule": ENVIRONMENT.count_every_seconds},
    "create partitions ahead": {"task": "usage.tasks.create_partitions_ahead", "schedule": 3600.0},
    "forget kept answers": {"task": "usage.tasks.forget_kept_answers", "schedule": 3600.0},
    "watch silent sources": {"task": "usage.tasks.watch_silence", "schedule": 60.0},
    "let settled months go": {"task": "invoices.tasks.let_settled_months_go", "schedule": 3600.0},
    "apply retention": {"task": "usage.tasks.apply_retention", "schedule": 3600.0},
    "deliver due mails": {"task": "invoices.tasks.deliver_due", "schedule": 30.0},
    "state accounts": {"task": "invoices.tasks.state_accounts", "schedule": 3600.0},
    "remind": {"task": "invoices.tasks.remind", "schedule": 3600.0},
    "start due closes": {"task": "invoices.tasks.start_due_closes", "schedule": 600.0},
    "check books": {"task": "invoices.tasks.check_books_tonight", "schedule": crontab(hour="19", minute="30")},
    "seal the audit trail": {"task": "invoices.tasks.seal_the_trail", "schedule": 60.0},
    "tell of broken books": {"task": "invoices.tasks.tell_of_books", "schedule": 60.0},
    "tell of disputes": {"task": "invoices.tasks.tell_of_disputes", "schedule": 30.0},
    "watch budgets": {"task": "invoices.tasks.watch_budgets", "schedule": 60.0},
    "compare contracts": {"task": "invoices.tasks.compare_contracts", "schedule": 30.0},
    "keep fit reports": {"task": "invoices.tasks.keep_fit_reports", "schedule": 60.0},
    "continue closes": {"task": "invoices.tasks.keep_closes_going", "schedule": ENVIRONMENT.close_every_seconds},
    "deliver webhooks": {"task": "tenants.tasks.deliver_webhooks", "schedule": 5.0},
    "forget webhook messages": {"task": "tenants.tasks.forget_webhook_messages", "schedule": 3600.0},
    "send due price notices": {"task": "tenants.tasks.send_due_notices", "schedule": 300.0},
}

# -- mail -------------------------------------------------------------------------------------------------------------

_mail = urlsplit(ENVIRONMENT.email_url)
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = _mail.hostname or "localhost"
EMAIL_PORT = _mail.port or 25
EMAIL_HOST_USER = unquote(_mail.username or "")
EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
EMAIL_USE_TLS = parse_qs(_mail.query).get("tls") == ["starttls"]
EMAIL_USE_SSL = parse_qs(_mail.query).get("tls") == ["implicit"]
EMAIL_TIMEOUT = 30

# -- security ---------------------------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SECURE_SSL_REDIRECT = ENVIRONMENT.secure
SECURE_HSTS_SECONDS = 31536000 if ENVIRONMENT.secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = ENVIRONMENT.secure
SECURE_HSTS_PRELOAD = ENVIRONMENT.secure
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.secure
SESSION_COOKIE_AGE = int(ENVIRONMENT.session_hours * 3600)
SESSION_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if ENVIRONMENT.trust_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # The admin's theme runs Alpine, which evaluates expressions found in attributes.
        "script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF, "data:"],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "base-uri": [SELF],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024

# -- how staff come in ------------------------------------------------------------------------------------------------

ADMIN_PATH = ENVIRONMENT.admin_path
ADMIN_HOST = ENVIRONMENT.admin_host
STAFF_TOTP = ENVIRONMENT.staff_totp
TRUST_PROXY = ENVIRONMENT.trust_proxy
REAUTHENTICATE_SECONDS = ENVIRONMENT.reauthenticate_minutes * 60
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
LOGIN_REDIRECT_URL = "admin:index"
OTP_TOTP_ISSUER = "Huadan"
AXES_FAILURE_LIMIT = ENVIRONMENT.login_failures
AXES_COOLOFF_TIME = timedelta(minutes=ENVIRONMENT.lockout_minutes)
# Both together: an office behind one address is not locked out by one colleague, nor a colleague by a stranger.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "billing.login_pages.locked_out"
AXES_CLIENT_IP_CALLABLE = "billing.login_pages.client_address"
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False  # a page of our own, in the site's theme
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False

# -- language, time, static files -------------------------------------------------------------------------------------

LANGUAGE_CODE = ENVIRONMENT.language
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
USE_TZ = True
FORMAT_MODULE_PATH = "billing.formats"
TIME_ZONE = ENVIRONMENT.zone
STATIC_URL = "static/"
STATIC_ROOT = ROOT / "static"
STATIC_ROOT.mkdir(exist_ok=True)
# Where collectstatic has run (the container image) its hashed and compressed files are served, else the sources.
_collected = "collectstatic" in sys.argv or (STATIC_ROOT / "staticfiles.json").exists()
WHITENOISE_USE_FINDERS = not _collected
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if _collected
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
DISK_PATH = Path(ENVIRONMENT.disk_path) if ENVIRONMENT.disk_path else ROOT

# -- API --------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    # Deny by default: a view opens itself by deriving from tenants.api.TenantView.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "billing.api.problem_details",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Huadan API",
    "DESCRIPTION": "Report calls, look up what was counted, fetch invoices. Faults are RFC 9457 problem details.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "TaxInvoiceState": ["not_asked", "asked", "received", "red_cancelled"],
        "ComparisonState": ["waiting", "done", "failed"],
    },
}

# -- the admin's theme ------------------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Huadan 话单",
    "SITE_HEADER": "Huadan 话单",
    "SITE_SUBHEADER": _("Billing for calling robots"),
    "SITE_SYMBOL": "receipt_long",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("huadan/icon.svg")}],
    "STYLES": [lambda request: static("huadan/admin.css")],
    "SIDEBAR": {"navigation": "billing.navigation.navigation", "show_search": True},
    "DASHBOARD_CALLBACK": "invoices.admin.home.dashboard",
    "ACCOUNT": {"navigation": "billing.navigation.own_pages"},
    "SHOW_VIEW_ON_SITE": False,
    "COLORS": {
        "primary": {
            "50": "240 249 255", "100": "224 242 254", "200": "186 230 253", "300": "125 211 252", "400": "56 189 248",
            "500": "14 116 180", "600": "12 98 158", "700": "3 80 130", "800": "7 62 100", "900": "12 50 80",
            "950": "8 34 56",
        }
    },
}  # fmt: skip

# -- logs and metrics -------------------------------------------------------------------------------------------------

_before_rendering: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
_renderer: Any = (
    structlog.processors.JSONRenderer(ensure_ascii=False)
    if ENVIRONMENT.log_format == "json"
    else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
)
structlog.configure(
    processors=[*_before_rendering, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer],
            "foreign_pre_chain": _before_rendering,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": ENVIRONMENT.log_level},
    "loggers": {
        # 4xx answers are the caller's affair and are told to the caller.
        "django.request": {"level": "ERROR"},
        "django_structlog": {"level": "WARNING"},
    },
}
DJANGO_STRUCTLOG_CELERY_ENABLED = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
PROMETHEUS_EXPORT_MIGRATIONS = False
