import os
from pathlib import Path

RUNTIME = Path("/app/runtime")
STORE = RUNTIME / "store.sqlite"

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "")
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")
INSTALLED_APPS = ["django.contrib.staticfiles", "answers"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "answers.urls"
DATABASES = {}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": os.environ.get("CACHE_FILE_PATH") or "/tmp/app_cache",
    }
}
STATIC_URL = "static/"
STATIC_ROOT = "/app/staticfiles"
TIME_ZONE = "UTC"
