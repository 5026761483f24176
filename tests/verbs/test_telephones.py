"""The keys of staff's telephones are encrypted in the database, and a replaced secret locks nobody out."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from billing.models import Telephone
from billing.second_factor import begin_enrolment, confirm, device_of_code
from billing.telephones import KeyLost

pytestmark = pytest.mark.django_db
NEW, OLD = "n" * 32, "o" * 32


@pytest.fixture
def li() -> User:
    return User.objects.create_user("li", password="x", is_staff=True)


def code_from(key: bytes, later: int = 0) -> str:
    made = TOTP(key)
    made.time = time.time() + 30 * later
    return f"{made.token():06d}"


def enrolled(user: User) -> bytes:
    key = begin_enrolment(user).bin_key
    assert confirm(user, code_from(key))
    return key


def test_no_row_holds_the_key_that_makes_codes(li: User) -> None:
    key = enrolled(li)
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM otp_totp_totpdevice AS t")
        (row,) = cursor.fetchone()
    assert key.hex() not in row
    assert Telephone.objects.get().config_url.partition("secret=")[2].partition("&")[0] not in row


def test_a_replaced_secret_locks_nobody_out_and_is_left_behind_with_the_next_code(li: User, settings: Any) -> None:
    settings.TELEPHONE_KEYS = [OLD]
    key = enrolled(li)
    settings.TELEPHONE_KEYS = [NEW, OLD]
    assert device_of_code(li, code_from(key, 1))
    settings.TELEPHONE_KEYS = [NEW]
    assert Telephone.objects.get().bin_key == key


def test_where_the_secret_is_gone_no_code_counts_and_an_enrolment_begins_anew(li: User, settings: Any) -> None:
    settings.TELEPHONE_KEYS = [OLD]
    key = enrolled(li)
    begun = begin_enrolment(li).bin_key
    settings.TELEPHONE_KEYS = [NEW]
    assert device_of_code(li, code_from(key, 1)) is None
    assert begin_enrolment(li).bin_key != begun


def test_the_key_of_one_person_opens_in_nobody_elses_row(li: User) -> None:
    enrolled(li)
    other = User.objects.create_user("wang")
    Telephone.objects.update(user=other)
    with pytest.raises(KeyLost):
        _ = Telephone.objects.get().bin_key


def test_the_migration_encrypts_the_keys_there_are_and_their_codes_go_on_counting(li: User) -> None:
    migration = import_module("billing.migrations.0004_encrypt_the_keys_of_telephones")
    plain = TOTPDevice.objects.create(user=li, name="telephone", confirmed=True)
    migration.encrypt_keys(apps, None)
    assert TOTPDevice.objects.get().key != plain.key
    assert device_of_code(li, code_from(bytes.fromhex(plain.key)))
    migration.show_keys(apps, None)
    assert TOTPDevice.objects.get().key == plain.key
