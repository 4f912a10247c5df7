"""The minimal settings of the tutorial's shop. Database, Valkey and worker are the same as ours.

In its favour it has two settings that a beginner would lack: SQLite's WAL and IMMEDIATE, and no stored results.
"""

import environ

env = environ.Env()

SECRET_KEY = "only for measuring, on this machine"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "daphne",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "channels",
    "benchmarks.tutorial",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "benchmarks.tutorial.urls"
ASGI_APPLICATION = "benchmarks.tutorial.asgi.application"

DATABASES = {"default": env.db_url("DATABASE_URL", default="sqlite://:memory:")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

VALKEY_SOCKET = env.str("VALKEY_SOCKET", default="")
CELERY_BROKER_URL = f"redis+socket://{VALKEY_SOCKET}?virtual_host=1"
CELERY_TASK_IGNORE_RESULT = True
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [f"unix://{VALKEY_SOCKET}?db=1"]},
    }
}
