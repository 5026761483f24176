"""The environment variables Huadan reads: one table, checked once, one sentence for a wrong value."""

from __future__ import annotations

import re
import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Environment(BaseSettings):
    """Every setting, by its environment variable; docs/operations.md prints this table and a test compares them.

    Without ``DATABASE_URL`` the installation is *embedded*: a private PostgreSQL and Valkey beside the checkout
    serve it, plain HTTP on localhost is allowed, and the secrets are made once and kept under ``.local/``.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: str | None = Field(
        None,
        alias="DATABASE_URL",
        description="PostgreSQL 15 or newer, `postgresql://user:password@host:5432/name`. Unset: the embedded one.",
    )
    redis_url: str | None = Field(
        None,
        alias="REDIS_URL",
        description="Redis or Valkey, `redis://host:6379/0`. Unset: the embedded one.",
    )
    secret_key: str | None = Field(
        None,
        alias="HUADAN_SECRET_KEY",
        min_length=32,
        description="Signs sessions and links; 50 random characters. Required with `DATABASE_URL`.",
    )
    number_key: str | None = Field(
        None,
        alias="HUADAN_NUMBER_KEY",
        min_length=32,
        description="Keys the hashes of telephone numbers; never change it. Required with `DATABASE_URL`.",
    )
    evidence_key: str | None = Field(
        None,
        alias="HUADAN_EVIDENCE_KEY",
        min_length=32,
        description="Signs evidence bundles; a new one signs from now on. Unset: made from `HUADAN_SECRET_KEY`.",
    )
    telephone_keys: str = Field(
        "",
        alias="HUADAN_TELEPHONE_KEYS",
        description="Encrypt the keys of staff's telephones, separated by commas, 32 characters or more each: the first "
        "encrypts, each decrypts. Unset: made from `HUADAN_SECRET_KEY`.",
    )
    debug: bool = Field(False, alias="HUADAN_DEBUG", description="Developer's error pages. Never in production.")
    base_url: str = Field(
        "http://localhost:8000",
        alias="HUADAN_BASE_URL",
        description="Where people reach the site; links in mails start with it. Use https in production.",
    )
    allowed_hosts: str = Field(
        "",
        alias="HUADAN_ALLOWED_HOSTS",
        description="Host names served, separated by commas. Unset: the host of `HUADAN_BASE_URL`.",
    )
    https: bool | None = Field(
        None,
        alias="HUADAN_HTTPS",
        description="Redirect to https, secure cookies, HSTS. Unset: on, except embedded.",
    )
    trust_proxy: bool = Field(
        False,
        alias="HUADAN_TRUST_PROXY",
        description="Believe `X-Forwarded-Proto` and `X-Forwarded-For`; only behind a proxy that sets them itself.",
    )
    totp: bool | None = Field(
        None,
        alias="HUADAN_TOTP",
        description="Staff need a one-time code besides the password. Unset: on, except embedded or with `HUADAN_DEBUG`.",
    )
    session_hours: float = Field(
        12.0, alias="HUADAN_SESSION_HOURS", gt=0, le=720, description="How long staff stay logged in, at most."
    )
    reauthenticate_minutes: int = Field(
        15,
        alias="HUADAN_REAUTHENTICATE_MINUTES",
        ge=1,
        le=720,
        description="Before money moves, password or code are asked again if the last time is longer ago.",
    )
    login_failures: int = Field(
        5,
        alias="HUADAN_LOGIN_FAILURES",
        ge=2,
        le=100,
        description="After so many wrong passwords a user name is locked for the address they came from.",
    )
    lockout_minutes: int = Field(
        15, alias="HUADAN_LOCKOUT_MINUTES", ge=1, le=1440, description="How long the lock after wrong passwords lasts."
    )
    admin_path: str = Field(
        "admin/",
        alias="HUADAN_ADMIN_PATH",
        description="Where the admin lies on the site, such as `back-office/`; another one is not told to visitors.",
    )
    admin_host: str = Field(
        "",
        alias="HUADAN_ADMIN_HOST",
        description="The only host name that serves the admin, such as one of the office's network. Unset: all.",
    )
    language: Literal["zh-hans", "en"] = Field(
        "en", alias="HUADAN_LANGUAGE", description="The admin's language until a person chooses one."
    )
    zone: str = Field(
        "Asia/Shanghai",
        alias="HUADAN_ZONE",
        description="The time zone the admin shows instants in; billing goes by each tenant's own.",
    )
    email_url: str = Field(
        "smtp://localhost:25",
        alias="HUADAN_EMAIL_URL",
        description="`smtp://user:password@host:587?tls=starttls`; tls is `starttls`, `implicit` or absent.",
    )
    operations_email: str = Field(
        "",
        alias="HUADAN_OPERATIONS_EMAIL",
        description="Who is told by mail that a source fell silent; addresses separated by commas. Unset: the seller.",
    )
    gateways: str = Field(
        "",
        alias="HUADAN_GATEWAYS",
        description="Payment gateways, `name=module.Class`, separated by commas. Unset: nobody pays online.",
    )
    webhook_networks: str = Field(
        "",
        alias="HUADAN_WEBHOOK_NETWORKS",
        description="Private networks webhooks may reach, http too, such as `127.0.0.0/8`, by commas. Unset: none.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", alias="HUADAN_LOG_LEVEL", description="Least severe log line that is written."
    )
    log_format: Literal["json", "console"] = Field(
        "json", alias="HUADAN_LOG_FORMAT", description="`json` for machines, `console` for people."
    )
    statement_timeout_seconds: int = Field(
        30,
        alias="HUADAN_STATEMENT_TIMEOUT_SECONDS",
        ge=1,
        le=3600,
        description="Longest database statement of a web request; counting a month sets its own.",
    )
    minimum_free_disk_percent: int = Field(
        10,
        alias="HUADAN_MINIMUM_FREE_DISK_PERCENT",
        ge=0,
        le=90,
        description="Below this `/readyz` fails and ingestion answers 503, long before PostgreSQL must stop.",
    )
    disk_path: str = Field(
        "",
        alias="HUADAN_DISK_PATH",
        description="A folder on the disk that fills with calls, watched for free space. Unset: the working copy.",
    )
    metrics_token: str | None = Field(
        None,
        alias="HUADAN_METRICS_TOKEN",
        min_length=16,
        description="Bearer token for `/metrics`. Unset: only requests from this machine are answered.",
    )
    count_every_seconds: float = Field(
        5.0,
        alias="HUADAN_COUNT_EVERY_SECONDS",
        ge=0.5,
        le=600,
        description="How often beat asks for stale months to be counted anew.",
    )
    close_every_seconds: float = Field(
        10.0,
        alias="HUADAN_CLOSE_EVERY_SECONDS",
        ge=0.5,
        le=600,
        description="How often beat wakes workers for a month close that runs.",
    )
    close_lease_seconds: float = Field(
        60.0,
        alias="HUADAN_CLOSE_LEASE_SECONDS",
        ge=1,
        le=600,
        description="A close's step whose worker gave no sign for so long is taken over by another.",
    )

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in {"postgresql", "postgres"}:
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address like https://billing.example.com")
        return value.rstrip("/")

    @field_validator("admin_path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        path = value.strip("/") + "/"
        if not re.fullmatch(r"([a-z0-9][a-z0-9-]*/)+", path) or path.split("/")[0] in {"api", "i", "i18n", "static"}:
            raise ValueError("must be a path of small letters, digits and hyphens, such as back-office/")
        return path

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("must be an IANA time zone such as Asia/Shanghai")
        return value

    @field_validator("email_url")
    @classmethod
    def _is_smtp(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "smtp" or not parts.hostname:
            raise ValueError("must look like smtp://user:password@host:587?tls=starttls")
        return value

    @field_validator("gateways")
    @classmethod
    def _are_gateways(cls, value: str) -> str:
        if value and not all(re.fullmatch(r"[a-z0-9-]{1,20}=\w+(\.\w+)+", each.strip()) for each in value.split(",")):
            raise ValueError("must be names with classes like wechat=our_gateways.WeChat, separated by commas")
        return value

    @field_validator("telephone_keys")
    @classmethod
    def _are_long(cls, value: str) -> str:
        if any(len(each) < 32 for each in listed(value)):
            raise ValueError("must be keys of 32 characters or more, separated by commas")
        return value

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        try:
            networks_in(value)
        except ValueError:
            raise ValueError("must be networks like 10.1.0.0/16, separated by commas") from None
        return value

    @model_validator(mode="after")
    def _production_has_secrets(self) -> Environment:
        if not self.embedded:
            secrets = {"HUADAN_SECRET_KEY": self.secret_key, "HUADAN_NUMBER_KEY": self.number_key}
            for name, value in ({"REDIS_URL": self.redis_url} | secrets).items():
                if value is None:
                    raise ValueError(f"{name} is required when DATABASE_URL is set")
        return self

    @property
    def embedded(self) -> bool:
        """Tell whether the private PostgreSQL beside the checkout serves this installation."""
        return self.database_url is None

    @property
    def hosts(self) -> list[str]:
        """Return the host names served, never empty."""
        named = [host.strip() for host in self.allowed_hosts.split(",") if host.strip()]
        own = urlsplit(self.base_url).hostname or "localhost"
        served = named or ([own, "localhost", "127.0.0.1", "[::1]"] if self.embedded else [own])
        return [*served, self.admin_host] if self.admin_host else served

    @property
    def operations_addresses(self) -> list[str]:
        """Return the mail addresses of those who keep the installation running."""
        return listed(self.operations_email)

    @property
    def gateway_classes(self) -> dict[str, str]:
        """Return where the class of each payment gateway is, by the gateway's name."""
        pairs = (each.strip().partition("=") for each in self.gateways.split(",") if each.strip())
        return {name: path for name, _equals, path in pairs}

    @property
    def telephone_secrets(self) -> list[str]:
        """Return what encrypts the keys of telephones, the one in use first."""
        return listed(self.telephone_keys)

    @property
    def staff_totp(self) -> bool:
        """Tell whether staff need a one-time code."""
        return self.totp if self.totp is not None else not (self.embedded or self.debug)

    @property
    def secure(self) -> bool:
        """Tell whether everything travels over https."""
        return self.https if self.https is not None else not self.embedded


def listed(text: str) -> list[str]:
    """Read words separated by commas."""
    return [each.strip() for each in text.split(",") if each.strip()]


def networks_in(text: str) -> list[IPv4Network | IPv6Network]:
    """Read networks separated by commas. Raises ValueError for what is none."""
    return [ip_network(each.strip()) for each in text.split(",") if each.strip()]


def read() -> Environment:
    """Read the environment; a wrong value ends the program with one sentence that names it."""
    try:
        # The aliases are the variables; mypy sees only the field names.
        return Environment()  # type: ignore[call-arg]
    except ValidationError as error:
        sys.exit("\n".join(_sentence(fault) for fault in error.errors()))


def _sentence(fault: Any) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return f"Wrong setting: {message}."
    return f"Wrong setting: {fault['loc'][0]} {message[:1].lower()}{message[1:]} (see docs/operations.md)."
