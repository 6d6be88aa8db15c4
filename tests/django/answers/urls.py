import os
import sqlite3

from django.conf import settings
from django.core.cache import cache
from django.http import JsonResponse
from django.urls import path


def health(request):
    """Healthy means: asked by a name that is ours, the store can be read, the cache can be written."""
    host = request.get_host()
    with sqlite3.connect(f"file:{settings.STORE}?mode=ro", uri=True) as store:
        (documents,) = store.execute("SELECT count(*) FROM documents").fetchone()
    cache.set("health", documents, 10)
    healthy = cache.get("health") == documents > 0
    body = {"healthy": healthy, "host": host, "documents": documents, "uid": os.getuid()}
    return JsonResponse(body, status=200 if healthy else 503)


urlpatterns = [path("health/", health)]
