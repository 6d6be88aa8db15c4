from django.core.exceptions import ImproperlyConfigured

from .settings_base import *  # noqa: F403
from .settings_base import os

DEBUG = False

# /init sets it when the root phase is over: without it, nothing filters what the app sends out.
if os.environ.get("EGRESS_FW_LOADED") != "1":
    raise ImproperlyConfigured("EGRESS_FW_LOADED is not 1: started without the egress firewall")
