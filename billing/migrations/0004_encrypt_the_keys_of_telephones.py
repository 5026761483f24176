from typing import Any

from django.db import migrations

from billing.telephones import decrypt, encrypt


def encrypt_keys(apps: Any, schema_editor: Any) -> None:
    """Encrypt the keys of the telephones there are: their people notice nothing."""
    for device in apps.get_model("otp_totp", "TOTPDevice").objects.all():
        device.key = encrypt(bytes.fromhex(device.key), device.user_id)
        device.save(update_fields=["key"])


def show_keys(apps: Any, schema_editor: Any) -> None:
    """Put them back as django-otp keeps them."""
    for device in apps.get_model("otp_totp", "TOTPDevice").objects.all():
        device.key = decrypt(device.key, device.user_id).hex()
        device.save(update_fields=["key"])


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0003_keep_who_unlocked_whom"),
        ("otp_totp", "0003_add_timestamps"),
    ]

    operations = [
        migrations.CreateModel(
            name="Telephone",
            fields=[],
            options={"proxy": True, "default_permissions": (), "indexes": [], "constraints": []},
            bases=("otp_totp.totpdevice",),
        ),
        migrations.RunPython(encrypt_keys, show_keys),
    ]
