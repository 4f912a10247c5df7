"""Define all settings. Each variable of the environment has a default that works on a laptop.

A wrong value fails loudly at start. The README has a table of the variables.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from pizzaProj import addresses, embedded, limits, waits
from pizzaProj import days as whole_days
from pizzaProj import months as whole_months
from pizzaProj.logs import levels

env = environ.Env()
SWITCH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def switch(name: str) -> bool:
    """Return whether a setting is on; the default is off. Anything else, such as "perhaps", is an error."""
    value = env.str(name, default="off").lower()
    if value not in SWITCH:
        raise ImproperlyConfigured(f"{name} must be true or false, not “{value}”.")
    return SWITCH[value]


def address(name: str) -> addresses.Address:
    """Return the URL of a server, empty by default."""
    return addresses.checked(name, env.str(name, default=""))


def days(name: str, usual: int = whole_days.FOR_EVER, **bounds: int) -> int:
    """Return for how many days something is kept. By default for ever: an upgrade must not empty a shop's books."""
    return whole_days.checked(name, env.str(name, default="").strip() or str(usual), **bounds)


BASE_DIR = Path(__file__).resolve().parent.parent

# The embedded default keeps everything in one folder.
DATA_DIR = embedded.data_folder(env.str("DATA_DIR", default="") or "var", BASE_DIR)
VALKEY_SOCKET = embedded.socket_path(DATA_DIR)

DEBUG = switch("DEBUG")
SECRET_KEY = addresses.Secret(env.str("SECRET_KEY", default="") or embedded.secret_key(DATA_DIR))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "daphne",  # must come first: it replaces runserver
    "office.config.CarefulAdminConfig",  # django.contrib.admin, with a site of our own
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "pizzaProj.apps.Collected",  # django.contrib.staticfiles, choosing what is collected
    "channels",
    "csp",
    "ninja",  # for its docs page, which works offline
    "django_celery_beat",
    "telemetry",
    "realtime",  # for its template tag
    "accounts",
    "home",
    "kitchen",
    "kitchen.board",
    "kitchen.promises",
    "kitchen.planner",
    "chat",
    "operations",
    "archive",
    "keeping",
    "office",
    "pizzaProj",  # for its command, the stack
    "benchmarks",  # for its commands
]
MIDDLEWARE = [
    "operations.middleware.probes",  # first: a probe has no right Host, no https and no session
    "pizzaProj.pages.caching.private_by_default",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "pizzaProj.unstorable.Door",  # before whatever reads the request
    "pizzaProj.static_files.StaticFiles",
    "pizzaProj.pages.compressed.Compressed",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "pizzaProj.pages.csrf.OwnPages",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "pizzaProj.pages.whose.WhosePage",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "operations.incomplete.Incompleteness",
    "pizzaProj.turned_away.TurnedAway",
    "telemetry.requests.NamedRoute",
]
if DEBUG:
    INSTALLED_APPS.append("django_browser_reload")
    MIDDLEWARE.append("django_browser_reload.middleware.BrowserReloadMiddleware")

ROOT_URLCONF = "pizzaProj.urls"
ASGI_APPLICATION = "pizzaProj.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.rights.in_templates",
                "pizzaProj.version.in_templates",
            ],
            "builtins": ["pizzaProj.pages.tags"],
        },
    }
]


# Database


def database() -> dict[str, Any]:
    """Return the database's settings: SQLite in the data folder, or DATABASE_URL. Both are tuned for short writes."""
    embedded_default = {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA_DIR / "db.sqlite3"}
    config: dict[str, Any] = env.db_url("DATABASE_URL") if address("DATABASE_URL") else embedded_default
    config["PASSWORD"] = addresses.Secret(config.get("PASSWORD") or "")
    # Under ASGI a connection that outlives its request would be left behind in a dead thread (asgi.py sets this).
    per_request = switch("DATABASE_PER_REQUEST")
    engine = config.get("ENGINE")
    if engine == "django.db.backends.sqlite3":
        config["ENGINE"] = "pizzaProj.sqlite"  # writers take turns
        # IMMEDIATE: a writer waits at BEGIN instead of failing in the middle of its transaction.
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": waits.SQLITE_SECONDS,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
        config["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}  # a file, so that threads share it as in production
    elif engine == "django.db.backends.postgresql":
        config["ENGINE"] = "pizzaProj.postgresql"  # every wait ends
        config["OPTIONS"] = postgresql_options(config.get("OPTIONS", {}), per_request)
    else:
        raise ImproperlyConfigured("DATABASE_URL must begin with sqlite:/// or postgres://")
    config["CONN_MAX_AGE"] = 0 if per_request else None
    config["CONN_HEALTH_CHECKS"] = True
    return config


def postgresql_options(asked: dict[str, Any], per_request: bool) -> dict[str, Any]:
    """Return the options of a connection: what DATABASE_URL asks for, and a limit for each of its waits."""
    options = {
        # From its third run a query is no longer planned, which saves a fifth of a busy kitchen's time.
        "server_side_binding": True,
        "prepare_threshold": 2,
        "connect_timeout": waits.CONNECT_SECONDS,
        "keepalives_idle": waits.KEEPALIVE_SECONDS,
        "keepalives_interval": waits.KEEPALIVE_SECONDS,
        "keepalives_count": 3,
        "tcp_user_timeout": int(waits.USER_TIMEOUT_SECONDS * 1000),
        # A command such as migrate has all the time it needs. celery_app.py sets it for workers and beat.
        "statement_seconds": waits.STATEMENT_SECONDS if per_request else None,
        **asked,
    }
    if per_request:
        # A pool suits the many threads of the web; a prefork worker is 10 times slower with one.
        options["pool"] = {
            "min_size": 1,
            "max_size": 10,
            "timeout": waits.POOL_SECONDS,
            "max_waiting": waits.POOL_WAITING,
            "reconnect_timeout": waits.POOL_RECONNECT_SECONDS,
        }
    return options


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# Broker and channel layer: Valkey on a socket in the data folder, or the server at REDIS_URL


def redis_urls(name: str, url: addresses.Address) -> tuple[addresses.Address, addresses.Address]:
    """Return the address of a server in the notations of Celery and redis-py."""
    scheme, _, rest = url.partition("://")
    if scheme in ("redis", "rediss"):
        return url, url
    if scheme == "unix":
        path = rest.partition("?")[0]
        return addresses.Address(f"redis+socket://{path}?virtual_host=0"), addresses.Address(f"unix://{path}?db=0")
    raise ImproperlyConfigured(f"{name} must begin with redis://, rediss:// or unix://")


CELERY_BROKER_URL, REDIS_URL = redis_urls(
    "REDIS_URL", address("REDIS_URL") or addresses.Address(f"unix://{quote(str(VALKEY_SOCKET))}")
)
# Servers for live updates alone, each of which carries a part of the groups; all processes need the same ones
LIVE_REDIS_URLS = [
    redis_urls("LIVE_REDIS_URLS", addresses.checked("LIVE_REDIS_URLS", url.strip()))[1]
    for url in env.list("LIVE_REDIS_URLS", default=[])
] or [REDIS_URL]
CHANNEL_LAYERS = {
    "default": {
        # One PUBLISH per message. Messages can be lost, as in every Redis layer, so a frame is always the whole state.
        "BACKEND": "pizzaProj.messaging.layer.Layer",
        "CONFIG": {
            "hosts": [
                {
                    "address": url,
                    "socket_connect_timeout": waits.BROKER_CONNECT_SECONDS,
                    "socket_timeout": waits.BROKER_ANSWER_SECONDS,  # to a command; messages are waited for by polling
                    # One immediate retry on a connection that was closed, none on a silent one: redis-py waits for
                    # seconds by default, and a newer frame is better than a late one.
                    "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
                }
                for url in LIVE_REDIS_URLS
            ]
        },
    }
}

# Live pages at one address, behind which can be a school, or a proxy that does not tell its clients' addresses
SOCKETS_PER_ADDRESS = env.int("SOCKETS_PER_ADDRESS", default=limits.SOCKETS_OF_ADDRESS)

# Networks whose computers can read /metrics without an account, if they ask this process itself and no proxy
METRICS_FROM = [addresses.network("METRICS_FROM", one) for one in env.list("METRICS_FROM", default=[])]

# Celery: the broker only wakes the workers; the truth is in the database (see kitchen.flow)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_RESULT_EXPIRES = None  # there are no results, so no daily job to clear them
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "pizzaProj.messaging.beat:Scheduler"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # no limit: by default a worker gives up after 100
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A longer countdown would be delivered twice (to no effect, see epoch). 20 times 20 pizzas take 13 hours.
    "visibility_timeout": 24 * 3600,
    "socket_connect_timeout": waits.BROKER_CONNECT_SECONDS,
    # Workers wait for messages by polling, so this does not end an idle connection.
    "socket_timeout": waits.BROKER_ANSWER_SECONDS,
    # A worker asks its own connections as well, and drops one that has been silent for about three times as long.
    "health_check_interval": waits.BROKER_CHECK_SECONDS,
    # A broken connection is made once. Who needs it for ever, a worker and beat, tries again (see celery_app).
    "max_retries": 0,
}
# With the broker down, an order must still be accepted quickly; the recovery sweep wakes it later (see messaging).
CELERY_TASK_PUBLISH_RETRY = False
# By default Celery closes the database connection around every task: 4 times slower on PostgreSQL.
CELERY_DB_REUSE_MAX = 1_000_000
# A pool process that is stuck in a task is killed and replaced.
CELERY_TASK_TIME_LIMIT = waits.TASK_SECONDS
# A worker gathers the links of the kitchen that are due together (kitchen.worker); without this it runs each by
# itself, as any Celery worker runs a chain.
GATHER_LINKS = env.bool("GATHER_LINKS", default=True)


# People

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_HASHERS = [
    "accounts.limits.hashers.Argon2PasswordHasher",
    "accounts.limits.hashers.PBKDF2PasswordHasher",
]
# For how long one stays logged in, and a visitor is known: browsers forget a cookie after 400 days.
SESSION_COOKIE_AGE = days("KEEP_SESSIONS_DAYS", usual=14, least=1, most=400) * 24 * 3600
AUTHENTICATION_BACKENDS = ["accounts.backends.NameOrEmailBackend"]
PASSWORD_RESET_TIMEOUT = 24 * 3600  # seconds for which the link in a mail is valid
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "index"
LOGOUT_REDIRECT_URL = "index"


# Mail is printed by default. The embedded stack writes the output of its web process, with links for new passwords,
# to logs/web.log in the data folder, which only its owner can read.


def mail() -> dict[str, Any]:
    """Return Django's settings for EMAIL_URL, such as smtp+tls://user:password@mail.example.com:587."""
    config: dict[str, Any] = env.email_url_config(address("EMAIL_URL") or "consolemail://")
    return config | {"EMAIL_HOST_PASSWORD": addresses.Secret(config.get("EMAIL_HOST_PASSWORD") or "")}


vars().update(mail())
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="") or "pizza@localhost"

# Who is told if the shop is not well (operations.alarms).
ALARM_URL = addresses.webhook("ALARM_URL", env.str("ALARM_URL", default="").strip())
ALARM_EMAIL = addresses.mailboxes(
    "ALARM_EMAIL", [text.strip() for text in env.str("ALARM_EMAIL", default="").split(",") if text.strip()]
)


# For how many days the shop keeps what nobody needs any more (keeping.ages); 0: for ever

KEEP_DAYS = {
    "events": days("KEEP_EVENTS_DAYS"),  # of orders that have ended
    "simulated": days("KEEP_SIMULATED_DAYS"),  # simulated orders, with all that hangs on them
    "orders": days("KEEP_ORDERS_DAYS"),  # all orders, likewise
    "chats": days("KEEP_CHATS_DAYS"),  # messages
    "studies": days("KEEP_STUDIES_DAYS"),
}

# How many whole months of ended orders stay in the shop's tables; older ones move into the archive (keeping.archiving)
ARCHIVE_MONTHS = whole_months.checked("ARCHIVE_MONTHS", env.str("ARCHIVE_MONTHS", default="").strip() or "2")


# Security

# The proxy provides https. A laptop has no proxy, so these are off unless HTTPS is set.
HTTPS = switch("HTTPS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "pizzaProj.pages.csrf.refuse"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],  # Bootstrap's style sheet contains its small arrows as data: URLs
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}


# What clients do wrong is counted (pizzaProj.logs.refusals): anyone can send a wrong Host header, or ask for what is
# not there. Nor is there a line for each try of the pool to connect: pizzaProj.unavailable says once a second what is
# the matter. asgi.py and celery_app.py see to it that what is left is discreet, not repeated, and JSON.
LOG_LEVEL = levels.checked(env.str("LOG_LEVEL", default="") or "info")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"refused": {"()": "pizzaProj.logs.refusals.Refused"}},
    "handlers": {"security": {"class": "pizzaProj.logs.refusals.Security"}},
    "loggers": {
        "django.request": {"filters": ["refused"]},
        "django.security": {"handlers": ["security"], "propagate": False},
        "psycopg.pool": {"level": "ERROR"},
        **levels.loggers(LOG_LEVEL),
    },
}


# Forms and bodies; pizzaProj.bodies bounds what arrives at all
DATA_UPLOAD_MAX_MEMORY_SIZE = limits.BODY_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = limits.FORM_FIELDS


# Language and files

LANGUAGE_CODE = "en-us"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True
STATIC_URL = "static/"
STATICFILES_DIRS: list[Any] = [
    BASE_DIR / "static",
    ("axios", BASE_DIR / "node_modules/axios/dist"),
    ("uplot", BASE_DIR / "node_modules/uplot/dist"),
]
# Hashed names and compressed: the image is built with collectstatic, the embedded shop collects in its data folder
# (pizzaProj.collected). In development and for tests files are served in place.
STATIC_HASHED = switch("STATIC_HASHED")
STATIC_ROOT = (env.str("STATIC_ROOT", default="") or BASE_DIR / "staticfiles") if STATIC_HASHED else None
WHITENOISE_USE_FINDERS = not STATIC_HASHED
MEDIA_URL = "media/"
# Not where a command happens to be typed: the shop and its backup must mean the same folder.
MEDIA_ROOT = str(BASE_DIR / os.path.expanduser(env.str("MEDIA_ROOT", default="") or DATA_DIR / "media"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "pizzaProj.storage.HashedStaticFilesStorage"
        if STATIC_HASHED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
