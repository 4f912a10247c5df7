"""Keep a person's picture as a small square under a random name, and delete files that are no longer needed."""

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
    """Crop the upload to its middle, after the same checks as a pizza's picture; ValidationError says what to do.

    The name is random, so that a copy of a picture does not lead to the person, and a replaced one can't be found.
    """
    image = safe.decode(safe.read_bytes(upload))
    small = ImageOps.fit(image, (SIDE_PIXELS, SIDE_PIXELS), Image.Resampling.LANCZOS)
    return ContentFile(safe.encode(small), name=f"{secrets.token_hex(NAME_BYTES)}.webp")


def delete_file(profile: Profile, name: str) -> None:
    """Delete the file after the commit, when it is certain that no row names it."""
    if name:
        storage = profile.picture.storage
        transaction.on_commit(lambda: storage.delete(name), robust=True)


@receiver(post_delete, sender=Profile)
def delete_file_with_profile(instance: Profile, **kwargs: Any) -> None:
    """Delete the picture's file however the account is deleted, including in the admin."""
    delete_file(instance, instance.picture.name or "")
