"""Money is paid back by two. What was decided stands; the database sees to it."""

import django.db.models.deletion
from django.db import migrations, models


STAND = """
CREATE TRIGGER refunds_are_kept BEFORE DELETE ON invoices_refund FOR EACH ROW EXECUTE FUNCTION tenants_refuse_change();
CREATE TRIGGER decided_refunds_stand BEFORE UPDATE ON invoices_refund
    FOR EACH ROW WHEN (OLD.approved IS NOT NULL) EXECUTE FUNCTION tenants_refuse_change();
"""
DROP = "DROP TRIGGER decided_refunds_stand ON invoices_refund; DROP TRIGGER refunds_are_kept ON invoices_refund;"


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0020_mail_statements"),
        ("tenants", "0009_owe_webhooks"),
    ]

    operations = [
        migrations.CreateModel(
            name="Refund",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.CharField(max_length=300, verbose_name="reason")),
                ("requested_by", models.CharField(max_length=150, verbose_name="requested by")),
                ("requested_at", models.DateTimeField(verbose_name="requested")),
                ("decided_by", models.CharField(blank=True, max_length=150, verbose_name="decided by")),
                ("decided_at", models.DateTimeField(null=True, verbose_name="decided")),
                ("approved", models.BooleanField(null=True, verbose_name="approved")),
                (
                    "currency",
                    models.CharField(
                        choices=[
                            ("AED", "AED"),
                            ("AUD", "AUD"),
                            ("BHD", "BHD"),
                            ("BRL", "BRL"),
                            ("CAD", "CAD"),
                            ("CHF", "CHF"),
                            ("CLP", "CLP"),
                            ("CNY", "CNY"),
                            ("CZK", "CZK"),
                            ("DKK", "DKK"),
                            ("EGP", "EGP"),
                            ("EUR", "EUR"),
                            ("GBP", "GBP"),
                            ("HKD", "HKD"),
                            ("HUF", "HUF"),
                            ("IDR", "IDR"),
                            ("ILS", "ILS"),
                            ("INR", "INR"),
                            ("IQD", "IQD"),
                            ("ISK", "ISK"),
                            ("JOD", "JOD"),
                            ("JPY", "JPY"),
                            ("KES", "KES"),
                            ("KHR", "KHR"),
                            ("KRW", "KRW"),
                            ("KWD", "KWD"),
                            ("LAK", "LAK"),
                            ("LYD", "LYD"),
                            ("MAD", "MAD"),
                            ("MMK", "MMK"),
                            ("MOP", "MOP"),
                            ("MXN", "MXN"),
                            ("MYR", "MYR"),
                            ("NGN", "NGN"),
                            ("NOK", "NOK"),
                            ("NZD", "NZD"),
                            ("OMR", "OMR"),
                            ("PHP", "PHP"),
                            ("PKR", "PKR"),
                            ("PLN", "PLN"),
                            ("PYG", "PYG"),
                            ("QAR", "QAR"),
                            ("RUB", "RUB"),
                            ("SAR", "SAR"),
                            ("SEK", "SEK"),
                            ("SGD", "SGD"),
                            ("THB", "THB"),
                            ("TND", "TND"),
                            ("TRY", "TRY"),
                            ("TWD", "TWD"),
                            ("UAH", "UAH"),
                            ("UGX", "UGX"),
                            ("USD", "USD"),
                            ("UYU", "UYU"),
                            ("VND", "VND"),
                            ("XAF", "XAF"),
                            ("XOF", "XOF"),
                            ("ZAR", "ZAR"),
                        ],
                        max_length=3,
                        verbose_name="currency",
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=3, max_digits=18, verbose_name="amount")),
                ("reference", models.CharField(blank=True, max_length=100, verbose_name="reference of the transfer")),
            ],
            options={
                "verbose_name": "refund",
                "verbose_name_plural": "refunds",
                "ordering": ["-pk"],
                "permissions": [("decide_refund", "Can decide on refunds")],
            },
        ),
        migrations.RemoveConstraint(
            model_name="ledgerentry",
            name="entry_has_a_cause",
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("issued", "invoice issued"),
                    ("credited", "credit note issued"),
                    ("received", "payment received"),
                    ("reversed", "payment reversed"),
                    ("allocated", "allocated"),
                    ("written_off", "written off"),
                    ("released", "allocation taken back"),
                    ("refunded", "paid back"),
                ],
                max_length=12,
                verbose_name="what",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refunds",
                to="tenants.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AddField(
            model_name="ledgerentry",
            name="refund",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="entries",
                to="invoices.refund",
                verbose_name="refund",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("document__isnull", False), ("kind__in", ["issued", "credited"])),
                    models.Q(("kind__in", ["received", "reversed"]), ("payment__isnull", False)),
                    models.Q(("kind", "written_off"), ("write_off__isnull", False)),
                    models.Q(("kind", "refunded"), ("refund__isnull", False)),
                    ("kind__in", ["allocated", "released"]),
                    _connector="OR",
                ),
                name="entry_has_a_cause",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "refunded")),
                fields=("refund", "payment", "document"),
                name="refund_posted_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="refund_pays_back_something"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_by", models.F("requested_by")), _negated=True),
                    models.Q(("reason", ""), _negated=True),
                    models.Q(("requested_by", ""), _negated=True),
                ),
                name="refund_takes_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("approved__isnull", True), ("decided_at__isnull", True), ("decided_by", ""), ("reference", "")
                    ),
                    models.Q(
                        ("approved", False),
                        ("decided_at__isnull", False),
                        ("reference", ""),
                        models.Q(("decided_by", ""), _negated=True),
                    ),
                    models.Q(
                        ("approved", True),
                        ("decided_at__isnull", False),
                        models.Q(("decided_by", ""), _negated=True),
                        models.Q(("reference", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="refund_is_decided_by_someone",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                condition=models.Q(("approved__isnull", True)), fields=("tenant", "currency"), name="one_open_refund"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                condition=models.Q(("approved", True)), fields=("tenant", "reference"), name="refund_paid_once"
            ),
        ),
        migrations.RunSQL(STAND, DROP),
    ]
