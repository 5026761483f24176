"""Tax ids: which ones can be checked, and how."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

UNIFIED = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100-2015: no I, O, S, V, Z
PERSONAL = "10X98765432"  # GB 11643-1999
OTHER = re.compile(r"[A-Z0-9][A-Z0-9 ./&-]{3,39}\Z")


def validate_tax_id(text: str) -> None:
    """Refuse a tax id that cannot be right.

    18 characters are read as a Chinese unified social credit code (GB 32100) or a citizen's number (GB 11643), whose
    last character is a checksum. Any other is another country's, or an old Chinese one of 15 or 20 characters: letters,
    digits, spaces and . / & - from 4 to 40 characters. They carry no checksum that is the same everywhere.
    """
    if re.fullmatch(r"[0-9A-Z]{18}", text):
        if not (_is_unified(text) or _is_personal(text)):
            raise ValidationError(
                _("The last character of %(id)s does not fit the rest; compare it with the business licence."),
                code="tax_id_checksum",
                params={"id": text},
            )
    elif not OTHER.match(text):
        raise ValidationError(
            _("Write the tax id in capital letters and digits, as on the business licence: 91310000MA1K4XBX03."),
            code="tax_id_form",
        )


def _is_unified(text: str) -> bool:
    if not set(text) <= set(UNIFIED):
        return False
    weighed = sum(UNIFIED.index(each) * pow(3, place, 31) for place, each in enumerate(text[:17]))
    return UNIFIED[-weighed % 31] == text[17]


def _is_personal(text: str) -> bool:
    if not text[:17].isdigit():
        return False
    weighed = sum(int(each) * pow(2, 17 - place, 11) for place, each in enumerate(text[:17]))
    return PERSONAL[weighed % 11] == text[17]
