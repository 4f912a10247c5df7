"""The picture of a person: a small square under a random name, and no file that nobody needs any longer."""

import secrets
from typing import Any

from django.core.files.base import ContentFile, File
from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from PIL import Image, ImageOps

from accounts.models import Profile
from pictures import safe

SIDE_PIXELS = 256
NAME_BYTES = 16


def square(upload: "File[bytes]") -> "ContentFile[bytes]":
    """The middle of the upload, after the same checks as a pizza's picture: ValidationError says what to do.

    The name is random: nobody finds a person by a picture that they have, nor a picture that was replaced.
    """
    image = safe.decode(safe.read_bytes(upload))
    small = ImageOps.fit(image, (SIDE_PIXELS, SIDE_PIXELS), Image.Resampling.LANCZOS)
    return ContentFile(safe.encode(small), name=f"{secrets.token_hex(NAME_BYTES)}.webp")


def throw_away(profile: Profile, name: str) -> None:
    """The file, once it is certain that no row names it."""
    if name:
        storage = profile.picture.storage
        transaction.on_commit(lambda: storage.delete(name), robust=True)


@receiver(post_delete, sender=Profile)
def throw_away_with_profile(instance: Profile, **kwargs: Any) -> None:
    """However the account is deleted, also in the admin."""
    throw_away(instance, instance.picture.name or "")
