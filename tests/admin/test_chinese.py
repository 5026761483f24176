"""The admin in Chinese has no English of ours left in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.utils.translation import override

ROOT = Path(__file__).resolve().parents[2]
OURS = ("tenants", "usage", "invoices")
NEVER_SHOWN = {
    "terms",
    "totals",
    "document",
    "message_id",
    "sending_until",
    "fence",
    "claimed_until",
    "figures",
    "facts",
}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_every_model_and_field_that_the_admin_shows_has_a_chinese_name() -> None:
    with override("zh-hans"):
        english = []
        for model in admin.site._registry:
            if model._meta.app_label not in OURS:
                continue
            english += [str(model._meta.verbose_name), str(model._meta.verbose_name_plural)]
            english += [
                str(f.verbose_name) for f in model._meta.fields if f.name not in {"id", *NEVER_SHOWN} and f.editable
            ]
            english += [str(f.help_text) for f in model._meta.fields if f.help_text]
        assert [text for text in english if not CHINESE.search(text)] == []
        assert all(CHINESE.search(str(apps.get_app_config(app).verbose_name)) for app in OURS)


@pytest.mark.parametrize("app", ["billing", *OURS])
def test_every_sentence_is_translated_and_compiled(app: str) -> None:
    catalogue = ROOT / app / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
    text = catalogue.read_text(encoding="utf-8")
    translated = set(re.findall(r'^msgid "(.+)"$', text, re.MULTILINE))
    assert 'msgstr ""\n\n' not in text.partition("\n\n")[2], "a sentence without its Chinese"
    said: set[str] = set()
    for source in [*(ROOT / app).rglob("*.py")]:
        if "simulation" not in source.parts:
            said |= set(re.findall(r'\b(?:_|gettext)\(\s*"((?:[^"\\]|\\.)+)"\s*\)', source.read_text(encoding="utf-8")))
    assert said - translated == set()
    assert catalogue.with_suffix(".mo").stat().st_size > 0


def test_the_admin_answers_in_the_readers_language(client: Any, admin_user: Any) -> None:
    client.force_login(admin_user)
    page = client.get("/admin/", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).content.decode()
    assert "租户与合同" in page
    assert "账单" in page
