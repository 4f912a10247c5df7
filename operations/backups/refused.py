"""Why there is no backup, or nothing was restored, in a sentence."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import Error

from broken import sentence_of

STOPPED = 130  # the exit code after Ctrl-C
OF_FILES = {
    errno.ENOSPC: "The disk is full.",
    errno.EDQUOT: "The disk quota is used up.",
    errno.EROFS: "{} is on a disk that can only be read.",
    errno.EACCES: "This account is not allowed to use {}.",
    errno.EPERM: "This account is not allowed to use {}.",
    errno.EIO: "{} can't be read or written: look at the disk.",
}


class Refused(Exception):
    """It can't be done. The text says why, and what would help."""


@contextmanager
def in_sentences(ending: str) -> Iterator[None]:
    """Turn whatever ends a backup or a restore into a sentence, with this one behind it."""
    try:
        yield
    except Refused as refused:
        raise CommandError(f"{refused} {ending}") from None
    except KeyboardInterrupt:
        raise CommandError(f"Stopped. {ending}", returncode=STOPPED) from None
    except (OSError, Error, sqlite3.Error) as error:
        raise CommandError(f"{what_happened(error)} {ending}") from error


def what_happened(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in OF_FILES:
        return OF_FILES[error.errno].format(error.filename or "A file")
    return sentence_of(error) or f"{type(error).__name__}: {error}."
