"""A person's own page: in which language and theme they read the admin."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from billing.models import Preference


class PreferenceForm(forms.ModelForm):  # type: ignore[type-arg]
    """Language and theme, each one of three."""

    class Meta:
        model = Preference
        fields = ("language", "theme")
        widgets: ClassVar = {"language": forms.RadioSelect, "theme": forms.RadioSelect}


def preference_of(request: HttpRequest) -> Preference | None:
    """Return what the person chose; None for visitors, and until they choose. Read once a request."""
    user: Any = request.user
    if not user.is_authenticated:
        return None
    if not hasattr(request, "preference"):
        request.preference = Preference.objects.filter(user=user).first()  # type: ignore[attr-defined]
    found: Preference | None = request.preference  # type: ignore[attr-defined]
    return found


def preferences_page(request: HttpRequest) -> HttpResponse:
    """Show what is chosen, and keep what is chosen anew."""
    user: Any = request.user
    form = PreferenceForm(request.POST or None, instance=preference_of(request) or Preference(user=user))
    if request.method == "POST" and form.is_valid():
        kept = form.save()
        with override(kept.language or None):
            messages.success(request, str(_("Kept. It holds wherever you log in.")))
        return HttpResponseRedirect(request.path)
    context = admin.site.each_context(request) | {"title": _("Language and theme"), "form": form}
    return TemplateResponse(request, "staff/preferences.html", context)
