"""The second factor of staff: a one-time code from a telephone, or one of ten recovery codes kept on paper."""

from __future__ import annotations

import hmac
import secrets

import segno
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.safestring import SafeString
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

from billing.models import Telephone
from billing.telephones import KeyLost, new_key

CODES = 10
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike on paper


def is_enrolled(user: User) -> bool:
    """Tell whether a person has a telephone that makes codes."""
    return bool(Telephone.objects.filter(user=user, confirmed=True).exists())


def begin_enrolment(user: User) -> Telephone:
    """Return the key to be taken into the telephone; the same one until it is confirmed, or its secret is gone."""
    key = new_key(user.pk)
    device: Telephone
    device, _made = Telephone.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "telephone", "key": key}
    )
    try:
        device.bin_key  # noqa: B018 - whether it can be opened
    except KeyLost:
        device.key = key
        device.save()
    return device


def picture_of(device: Telephone) -> SafeString:
    """Draw a key as a QR code, as SVG to stand in a page."""
    drawn = segno.make(device.config_url, error="m").svg_inline(scale=5, border=3, light="#fff", omitsize=False)
    return SafeString(drawn)  # drawn by ourselves; the address in it is URL-encoded  # nosec B308 B703


def confirm(user: User, code: str) -> list[str]:
    """Take the key into use if the code is its, and give ten recovery codes, which are stored hashed; [] if it is not."""
    with transaction.atomic():
        device = Telephone.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is None or not device.verify_token(_plain(code)):
            return []
        Telephone.objects.filter(user=user, confirmed=True).delete()
        device.confirmed = True
        device.save()
        StaticDevice.objects.filter(user=user).delete()
        paper = StaticDevice.objects.create(user=user, name="paper")
        codes = [f"{_letters()}-{_letters()}" for _each in range(CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=paper, token=_digest(each)) for each in codes)
    return codes


def device_of_code(user: User, code: str) -> Device | None:
    """Return the device whose code this is, a recovery code being used up; None for a wrong one, and while guesses wait."""
    plain = _plain(code)
    with transaction.atomic():
        if plain.isdecimal():
            for device in Telephone.objects.select_for_update().filter(user=user, confirmed=True):
                if device.verify_token(plain):
                    return device
            return None
        paper = StaticDevice.objects.select_for_update().filter(user=user).first()
        return paper if paper is not None and paper.verify_token(_digest(plain)) else None


def forget_devices(user: User) -> None:
    """Take a person's telephone and recovery codes away; they enrol anew when they log in next."""
    Telephone.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()


def _plain(code: str) -> str:
    return "".join(code.split()).lower()[:20]


def _letters() -> str:
    return "".join(secrets.choice(LETTERS) for _each in range(5))


def _digest(code: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), code.encode(), "sha256").hexdigest()[:16]
