"""A wrong setting ends the program with one sentence that names it."""

from __future__ import annotations

from typing import Any

import pytest

from billing.environment import Environment, read

SECRETS = {"REDIS_URL": "redis://r", "HUADAN_SECRET_KEY": "s" * 50, "HUADAN_NUMBER_KEY": "n" * 50}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Any:
    for field in Environment.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)

    def of(**variables: str) -> Environment:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return read()

    return of


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "DATABASE_URL",
            "mysql://x",
            "Wrong setting: DATABASE_URL must start with postgresql:// (see docs/operations.md).",
        ),
        ("REDIS_URL", "http://x", "REDIS_URL must start with redis://, rediss:// or unix://"),
        ("HUADAN_SECRET_KEY", "short", "HUADAN_SECRET_KEY string should have at least 32 characters"),
        ("HUADAN_LANGUAGE", "fr", "HUADAN_LANGUAGE input should be 'zh-hans' or 'en'"),
        (
            "HUADAN_BASE_URL",
            "billing.example.com",
            "HUADAN_BASE_URL must be an address like https://billing.example.com",
        ),
        (
            "HUADAN_EMAIL_URL",
            "mail.example.com",
            "HUADAN_EMAIL_URL must look like smtp://user:password@host:587?tls=starttls",
        ),
        ("HUADAN_ZONE", "Peking", "HUADAN_ZONE must be an IANA time zone such as Asia/Shanghai"),
        ("HUADAN_DEBUG", "maybe", "HUADAN_DEBUG input should be a valid boolean"),
        (
            "HUADAN_MINIMUM_FREE_DISK_PERCENT",
            "200",
            "HUADAN_MINIMUM_FREE_DISK_PERCENT input should be less than or equal to 90",
        ),
    ],
)
def test_a_wrong_value_is_one_sentence(environment: Any, name: str, value: str, sentence: str) -> None:
    with pytest.raises(SystemExit) as end:
        environment(**{name: value})
    assert sentence in str(end.value)
    assert str(end.value).count("\n") == 0


def test_production_needs_its_secrets(environment: Any) -> None:
    with pytest.raises(SystemExit) as end:
        environment(DATABASE_URL="postgresql://db/huadan")
    assert str(end.value) == "Wrong setting: REDIS_URL is required when DATABASE_URL is set."
    with pytest.raises(SystemExit) as end:
        environment(REDIS_URL="redis://r")
    assert str(end.value) == "Wrong setting: HUADAN_SECRET_KEY is required when DATABASE_URL is set."


def test_embedded_is_plain_http_and_production_is_not(environment: Any) -> None:
    assert not environment().secure
    assert environment(DATABASE_URL="postgresql://db/huadan", **SECRETS).secure


def test_hosts_default_to_the_base_address(environment: Any) -> None:
    production = environment(
        DATABASE_URL="postgresql://db/x", HUADAN_BASE_URL="https://billing.example.com/", **SECRETS
    )
    assert production.hosts == ["billing.example.com"]
    assert production.base_url == "https://billing.example.com"
    assert environment(HUADAN_ALLOWED_HOSTS="a.example, b.example").hosts == ["a.example", "b.example"]
