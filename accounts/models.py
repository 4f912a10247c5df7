"""Define Profile, Token, Friendship, Block, and the attempts that are counted."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

NAME_LENGTH = 60
PREFIX_LENGTH = 8


class Profile(models.Model):
    """The fields of an account beyond Django's own. Created when first needed (Profile.of)."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="profile")
    picture = models.ImageField(upload_to="people/", blank=True)
    shows_reads = models.BooleanField(
        "show read receipts",
        default=True,
        help_text="Others see how far you have read, and you see how far they have.",
    )

    def __str__(self) -> str:
        return str(self.user)

    @classmethod
    def of(cls, user: Any) -> "Profile":
        return cls.objects.get_or_create(user=user)[0]


class Token(models.Model):
    """A key for scripts. Only its digest is stored; the key itself is shown once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=NAME_LENGTH)
    prefix = models.CharField(max_length=PREFIX_LENGTH, editable=False)  # its first letters, to recognise it
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Friendship(models.Model):
    """One row per pair, whichever of the two asked. `low` is the account with the smaller key."""

    low = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    high = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    accepted_at = models.DateTimeField(null=True)  # null while the request is open
    declined_at = models.DateTimeField(null=True)  # the asker is not told; to them the request stays open

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_friendship_a_pair", fields=["low", "high"]),
            models.CheckConstraint(name="friendship_in_order", condition=Q(low__lt=F("high"))),
        ]


class Block(models.Model):
    """`by` has blocked `whom`, who is not told."""

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="blocks")
    whom = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_block_a_pair", fields=["by", "whom"])]


class Attempt(models.Model):
    """One attempt at something that is limited (accounts.limits), with a digest of who tried what."""

    key = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(name="attempts_of_key", fields=["key", "at"])]
