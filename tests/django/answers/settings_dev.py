from .settings_base import *  # noqa: F403

DEBUG = True
SECRET_KEY = "for-development-only"
