"""Forget the name of an account that is deleted where no other app does: in the logs of what staff did.

The other apps clean up their own rows likewise (pre_delete of User); keeping.table says what becomes of each table.
"""

import re
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model, Q
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.utils import timezone

from accounts.models import Profile, Token
from archive import owners
from chat import leaving
from chat.models import Membership, Message, Report
from chat.person import DELETED
from kitchen import flow
from kitchen.locks import lock_kitchen
from kitchen.models import Station
from office.models import Run


@receiver(pre_delete, sender=User)
def forget_name(instance: User, **kwargs: Any) -> None:
    forget_in_the_log(instance)
    forget_at_stations(instance.get_username())
    forget_in_runs(instance.get_username())


def forget_in_the_log(user: User) -> None:
    """Take the name out of what the admin's own log says of the account, its profile and its tokens."""
    for model, rows in (
        (User, [user.pk]),
        (Profile, Profile.objects.filter(user=user).values_list("pk", flat=True)),
        (Token, Token.objects.filter(user=user).values_list("pk", flat=True)),
    ):
        entries_about(model, [str(pk) for pk in rows]).update(object_repr=DELETED, change_message="")


def entries_about(model: type[Model], keys: list[str]) -> Any:
    about = ContentType.objects.get_for_model(model)
    return LogEntry.objects.filter(Q(content_type=about), object_id__in=keys)


def forget_at_stations(name: str) -> None:
    """Take the name out of why a station's times are used as set (kitchen.as_measured)."""
    with lock_kitchen():  # first of all locks, as everywhere; home.signals has it already
        for station in Station.objects.exclude(measured_off_reason=""):
            reason = station.measured_off_reason.replace(f" by {name} on ", f" by {DELETED} on ")
            if reason != station.measured_off_reason:
                Station.objects.filter(pk=station.pk).update(measured_off_reason=reason)


def forget_in_runs(name: str) -> None:
    """Take the name out of what actions on many rows could not do. A few hundred rows are kept."""
    for run in Run.objects.exclude(refused={}):
        refused = without(name, run.refused)
        if refused != run.refused:
            Run.objects.filter(pk=run.pk).update(refused=refused)


def without(name: str, told: Any) -> Any:
    """Replace a user name in the texts of a JSON value, where it stands for itself and is no part of another one."""
    if isinstance(told, str):
        return re.sub(rf"(?<![\w.@+-]){re.escape(name)}(?![\w@+-])", DELETED, told)
    if isinstance(told, list):
        return [without(name, one) for one in told]
    if isinstance(told, dict):
        return {without(name, key): without(name, one) for key, one in told.items()}
    return told


# Visitors


@transaction.atomic
def forget_visitor(guest: str, takes_words: bool = False) -> None:
    """Forget a visitor without an account: their orders become nobody's, their messages stay without a name."""
    flow.disown_visitor(guest)
    owners.disown_visitor(guest)
    leaving.forget(Message.objects.filter(author=None, guest=guest), timezone.now(), takes_words)
    Message.objects.filter(author=None, guest=guest).update(guest="")
    Membership.objects.filter(user=None, guest=guest).delete()
    Report.objects.filter(by=None, guest=guest).update(guest="")
