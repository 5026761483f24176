"""Two people issue. What was issued before has nobody who asked for it: the new constraints hold from now on."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

KEEP_EVENTS = """
CREATE FUNCTION refuse_change_of_invoice_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of an invoice is only added to' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER invoice_events_are_kept BEFORE UPDATE OR DELETE ON invoices_invoiceevent
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_invoice_event();
"""
DROP = """
DROP TRIGGER invoice_events_are_kept ON invoices_invoiceevent;
DROP FUNCTION refuse_change_of_invoice_event();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0011_let_some_decide_on_reopening"),
        ("tenants", "0006_name_the_time_a_mail_is_due"),
    ]

    operations = [
        migrations.CreateModel(
            name="InvoiceEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("requested", "approval asked"),
                            ("sent_back", "sent back"),
                            ("lapsed", "drafted anew, approval lapsed"),
                            ("refused", "could not be issued"),
                            ("issued", "issued"),
                        ],
                        max_length=12,
                        verbose_name="what",
                    ),
                ),
                ("by", models.CharField(max_length=150, verbose_name="by")),
                ("at", models.DateTimeField(verbose_name="at")),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
            ],
            options={
                "verbose_name": "event of an invoice",
                "verbose_name_plural": "events of invoices",
                "ordering": ["pk"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="invoice",
            name="only_issued_invoices_have_numbers",
        ),
        migrations.AddField(
            model_name="invoice",
            name="requested_at",
            field=models.DateTimeField(null=True, verbose_name="approval asked"),
        ),
        migrations.AddField(
            model_name="invoice",
            name="requested_by",
            field=models.CharField(blank=True, max_length=150, verbose_name="approval asked by"),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="state",
            field=models.CharField(
                choices=[("draft", "draft"), ("requested", "waits for approval"), ("issued", "issued")],
                default="draft",
                max_length=10,
                verbose_name="state",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("issued_at__isnull", True), ("number__isnull", True), ("state__in", ["draft", "requested"])
                    ),
                    models.Q(
                        ("due_on__isnull", False),
                        ("issued_at__isnull", False),
                        ("number__isnull", False),
                        ("state", "issued"),
                    ),
                    _connector="OR",
                ),
                name="only_issued_invoices_have_numbers",
            ),
        ),
        AddConstraintNotValid(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("requested_by", ""), ("state", "draft")),
                    models.Q(
                        models.Q(("state", "draft"), _negated=True), models.Q(("requested_by", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="issuing_is_asked_for",
            ),
        ),
        AddConstraintNotValid(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "issued"), _negated=True),
                    models.Q(
                        models.Q(("issued_by", ""), _negated=True),
                        models.Q(("issued_by", models.F("requested_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="issuing_takes_two",
            ),
        ),
        migrations.AddField(
            model_name="invoiceevent",
            name="invoice",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="events",
                to="invoices.invoice",
                verbose_name="invoice",
            ),
        ),
        migrations.AlterModelOptions(
            name="invoice",
            options={
                "base_manager_name": "documents",
                "ordering": ["-period_starts_on", "tenant"],
                "permissions": [("issue_invoice", "Can approve and issue invoices")],
                "verbose_name": "invoice",
                "verbose_name_plural": "invoices",
            },
        ),
        migrations.RunSQL(KEEP_EVENTS, DROP),
    ]
