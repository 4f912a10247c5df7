"""Say in a sentence what is broken or missing around the shop, and what to do, instead of showing a traceback.

Imports nothing of Django, so that it can speak of wrong settings as well.
"""

import errno
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MEND_FILE = "Bring back a copy of it, or move it away: the shop then begins with an empty one."

# SQLite says it in words alone, and so do our own backends.
OF_SQLITE = (
    ("file is not a database", f"The database file is damaged: it is no database. {MEND_FILE}"),
    ("malformed", f"The database file is damaged. {MEND_FILE}"),
    ("disk i/o error", "The database file can't be read or written: look at the disk."),
    ("database or disk is full", "The disk is full. Make room on it."),
    ("readonly database", "The database file can't be written to. Let this account write to it and to its folder."),
    ("unable to open", "The database file can't be opened. Let this account use it and its folder."),
    ("the database did not answer", "PostgreSQL does not answer. Is it running, and is DATABASE_URL right?"),
    ("database is locked", "Another process holds the database. Wait until it is done, or end it."),
)
# So do PostgreSQL's library and its server. The words of an error can hold an address, and so are left out.
OF_POSTGRESQL = (
    (r'password authentication failed for user "(.*?)"', "PostgreSQL refuses the password of “{}”. See DATABASE_URL."),
    (r"no password supplied", "PostgreSQL asks for a password. Write one into DATABASE_URL."),
    (r'role "(.*?)" does not exist', "PostgreSQL has no account “{}”. Create it, or see DATABASE_URL."),
    (r'database "(.*?)" does not exist', "PostgreSQL has no database “{}”. Create it: createdb {}"),
    (r"permission denied", "PostgreSQL does not allow that to this account. Let it own the database."),
    (r"too many (?:clients|connections)", "PostgreSQL has no connection left. Raise its max_connections."),
    (r"lock timeout|statement timeout", "Something else holds what is needed in PostgreSQL. Try again in a moment."),
    (r"starting up|shutting down", "PostgreSQL is starting or stopping. Try again in a moment."),
    (r"failed to resolve|could not translate|name or service", "The name of PostgreSQL's machine is not known. "
     "See DATABASE_URL."),
    (r"refused|timeout|timed out|no route|unreachable|closed the connection|no such file|connection failed|"
     r"couldn't get a connection|requests waiting|did(?: not|n't) answer|no answer",
     "PostgreSQL does not answer. Is it running, and is DATABASE_URL right?"),
)  # fmt: skip
OF_REDIS = (
    (r"WRONGPASS|invalid (?:username|password)|called without any password",
     "The server that REDIS_URL names refuses the password."),
    (r"NOAUTH|Authentication required",
     "The server that REDIS_URL names asks for a password. Write one into REDIS_URL."),
    (r"maxmemory|OOM", "The memory of Redis or Valkey is full. Give it more."),
    (r"name or service|name resolution|nodename", "The name of the machine in REDIS_URL is not known."),
    (r"", "The server that REDIS_URL names does not answer. Is it running, and is REDIS_URL right?"),
)  # fmt: skip
OF_FILES = {
    errno.ENOSPC: "The disk is full: {} can't be written. Make room on it.",
    errno.EDQUOT: "The disk quota is used up: {} can't be written. Make room.",
    errno.EROFS: "{} is on a disk that can only be read. Choose another folder with --data.",
    errno.EACCES: "This account is not allowed to use {}. Change its owner or its mode, or choose another --data.",
    errno.EPERM: "This account is not allowed to use {}. Change its owner or its mode, or choose another --data.",
    errno.ENOTDIR: "{} is below a file, not in a folder. Choose a folder with --data.",
    errno.EISDIR: "{} is a folder where a file is needed. Move it away.",
    errno.EIO: "{} can't be read or written: look at the disk.",
    errno.EMFILE: "Too many files are open. Raise the limit: ulimit -n 10000",
}


def sentence_of(error: BaseException | None) -> str | None:
    """Return what to say of an error that comes from outside the shop; None if it is one of our own."""
    while error is not None:
        sentence = _sentence_of(error)
        if sentence is not None:
            return sentence
        error = error.__cause__
    return None


def _sentence_of(error: BaseException) -> str | None:
    module = type(error).__module__
    package = module.partition(".")[0]
    if package in ("sqlite3", "_sqlite3") or module == "django.db.utils":  # our own backends raise Django's
        return next((sentence for words, sentence in OF_SQLITE if words in str(error).lower()), None)
    if package in ("psycopg", "psycopg_pool"):
        return _first(OF_POSTGRESQL, str(error))
    if package == "redis":
        return _first(OF_REDIS, str(error))
    if isinstance(error, OSError) and error.errno in OF_FILES and error.filename is not None:
        return OF_FILES[error.errno].format(error.filename)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full. Make room on it."
    return None


def _first(table: tuple[tuple[str, str], ...], words: str) -> str | None:
    for pattern, sentence in table:
        found = re.search(pattern, words, re.IGNORECASE)
        if found:
            return sentence.replace("{}", found[1]) if found.groups() else sentence
    return None


@contextmanager
def in_a_sentence(wrap: Callable[[str], BaseException] = SystemExit) -> Iterator[None]:
    """Turn an error that comes from outside into one that is only a sentence."""
    try:
        yield
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        raise wrap(sentence) from None


def read_settings() -> None:
    """Read the settings now. End the process with a sentence if they are wrong, whichever program reads them."""
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    try:
        with in_a_sentence():
            settings.INSTALLED_APPS  # noqa: B018  reading is enough
    except (ImproperlyConfigured, ValueError) as error:
        sys.exit(f"A setting is wrong. {error}")
