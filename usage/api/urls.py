"""The addresses of the usage API."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from usage.api.changes import QuotaView, VoidView
from usage.api.doors import AsteriskView, CallsView, EventsView, FreeswitchView, MappedView
from usage.api.quarantine import BatchView, QuarantinedView, QuarantineView, ReplayAllView, ReplayView
from usage.api.records import CallView, DeclarationsView

SOURCE = r"(?P<source>[a-z0-9-]{1,40})/?$"

urlpatterns: list[URLPattern] = [
    # First what is asked most: addresses are tried in order.
    re_path(rf"^api/v1/cdr/freeswitch/{SOURCE}", FreeswitchView.as_view(), name="freeswitch"),
    re_path(rf"^api/v1/cdr/asterisk/{SOURCE}", AsteriskView.as_view(), name="asterisk"),
    re_path(rf"^api/v1/cdr/mapped/{SOURCE}", MappedView.as_view(), name="mapped"),
    path("api/v1/calls", CallsView.as_view(), name="calls"),
    path("api/v1/calls/<path:call_id>/void", VoidView.as_view(), name="void"),
    path("api/v1/calls/<path:call_id>", CallView.as_view(), name="call"),
    path("api/v1/events", EventsView.as_view(), name="events"),
    path("api/v1/batches/<uuid:batch_id>", BatchView.as_view(), name="batch"),
    path("api/v1/quarantine", QuarantineView.as_view(), name="quarantine"),
    path("api/v1/quarantine/replay", ReplayAllView.as_view(), name="replay-all"),
    path("api/v1/quarantine/<uuid:record_id>", QuarantinedView.as_view(), name="quarantined"),
    path("api/v1/quarantine/<uuid:record_id>/replay", ReplayView.as_view(), name="replay"),
    path("api/v1/quota", QuotaView.as_view(), name="quota"),
    path("api/v1/declarations", DeclarationsView.as_view(), name="declarations"),
]
