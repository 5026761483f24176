"""Questions about invoices. What was asked and answered stands; the database sees to it."""

import django.db.models.deletion
from django.db import migrations, models


KEEP = """
CREATE TRIGGER disputes_are_kept BEFORE DELETE ON invoices_dispute
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_change();
CREATE TRIGGER disputes_stand BEFORE UPDATE ON invoices_dispute FOR EACH ROW WHEN (
    (to_jsonb(OLD) - '{answer,answered_by,answered_at,closed_by,closed_at}'::text[])
        IS DISTINCT FROM (to_jsonb(NEW) - '{answer,answered_by,answered_at,closed_by,closed_at}'::text[])
    OR OLD.closed_at IS NOT NULL
    OR OLD.answered_at IS NOT NULL
        AND (OLD.answer, OLD.answered_by, OLD.answered_at) IS DISTINCT FROM (NEW.answer, NEW.answered_by, NEW.answered_at))
    EXECUTE FUNCTION tenants_refuse_change();
"""
DROP = "DROP TRIGGER disputes_stand ON invoices_dispute; DROP TRIGGER disputes_are_kept ON invoices_dispute;"


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0016_guard_exports_numbers_and_credits"),
        ("tenants", "0008_remind_before_and_after"),
    ]

    operations = [
        migrations.AlterField(
            model_name="invoiceevent",
            name="what",
            field=models.CharField(
                choices=[
                    ("requested", "approval asked"),
                    ("sent_back", "sent back"),
                    ("lapsed", "drafted anew, approval lapsed"),
                    ("refused", "could not be issued"),
                    ("issued", "issued"),
                    ("reminded", "reminded, level"),
                    ("sent_again", "sent again"),
                    ("asked", "the tenant asked"),
                    ("answered", "answered the tenant"),
                ],
                max_length=12,
                verbose_name="what",
            ),
        ),
        migrations.CreateModel(
            name="Dispute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line", models.CharField(blank=True, max_length=200, verbose_name="line")),
                ("question", models.CharField(max_length=2000, verbose_name="question")),
                ("asked_by", models.CharField(blank=True, max_length=100, verbose_name="asked by")),
                ("via", models.CharField(max_length=40, verbose_name="asked on")),
                ("asked_at", models.DateTimeField(verbose_name="asked")),
                ("answer", models.CharField(blank=True, max_length=2000, verbose_name="answer")),
                ("answered_by", models.CharField(blank=True, max_length=150, verbose_name="answered by")),
                ("answered_at", models.DateTimeField(null=True, verbose_name="answered")),
                ("closed_by", models.CharField(blank=True, max_length=150, verbose_name="closed by")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="closed")),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disputes",
                        to="invoices.invoice",
                        verbose_name="invoice",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disputes",
                        to="tenants.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "dispute",
                "verbose_name_plural": "disputes",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="DisputeMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("recipient", models.EmailField(max_length=254, verbose_name="recipient")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("sending", "sending"),
                            ("sent", "sent"),
                            ("failed", "failed"),
                            ("unknown", "unknown"),
                            ("dropped", "no longer needed"),
                        ],
                        default="queued",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("message_id", models.CharField(max_length=200, unique=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                ("due_at", models.DateTimeField(verbose_name="to be sent")),
                ("sending_until", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True, verbose_name="sent")),
                ("answer", models.CharField(blank=True, max_length=500, verbose_name="mail server's answer")),
                (
                    "kind",
                    models.CharField(
                        choices=[("question", "question"), ("answer", "answer")], max_length=8, verbose_name="kind"
                    ),
                ),
                (
                    "dispute",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mails",
                        to="invoices.dispute",
                        verbose_name="dispute",
                    ),
                ),
            ],
            options={
                "verbose_name": "mail about a dispute",
                "verbose_name_plural": "mails about disputes",
            },
        ),
        migrations.AddIndex(
            model_name="dispute",
            index=models.Index(
                condition=models.Q(("closed_at__isnull", True)), fields=["invoice"], name="open_disputes"
            ),
        ),
        migrations.AddIndex(
            model_name="dispute",
            index=models.Index(fields=["tenant", "-id"], name="disputes_of_a_tenant"),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(("question", ""), _negated=True), name="a_dispute_asks_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("answer", ""), ("answered_at__isnull", True), ("answered_by", "")),
                    models.Q(
                        ("answered_at__isnull", False),
                        models.Q(("answered_by", ""), _negated=True),
                        models.Q(("answer", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="answered_by_someone",
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at__isnull", True), ("closed_by", "")),
                    models.Q(
                        ("answered_at__isnull", False),
                        ("closed_at__isnull", False),
                        models.Q(("closed_by", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="closed_by_someone_when_answered",
            ),
        ),
        migrations.AddIndex(
            model_name="disputemail",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "sending"])), fields=["due_at"], name="due_dispute_mails"
            ),
        ),
        migrations.AddConstraint(
            model_name="disputemail",
            constraint=models.UniqueConstraint(fields=("dispute", "kind", "recipient"), name="told_once_of_a_dispute"),
        ),
        migrations.RunSQL(KEEP, DROP),
    ]
