"""The least a Django site can do to keep a record: one view, no middleware, one INSERT and its COMMIT."""

from __future__ import annotations

from django.conf import settings

from billing.settings import DATABASES

settings.configure(
    DATABASES=DATABASES, ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["*"], SECRET_KEY="bare", USE_TZ=True,
    INSTALLED_APPS=[],
)  # fmt: skip

import django  # noqa: E402

django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402


@csrf_exempt
def keep(request: HttpRequest) -> HttpResponse:
    """Insert the body as it came."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_bare (body) VALUES (%s)", [request.body.decode()])
    return HttpResponse(b"{}", content_type="application/json", headers={"Content-Length": "2"})


urlpatterns = [path("bare", keep)]
application = get_wsgi_application()
