"""The people of the chat's tests, and what they do most often."""

from django.contrib.auth.models import Permission, User
from django.utils import timezone

from accounts import people
from chat import messages
from chat.person import Person, person

ANSWER, MODERATE = "answer_customers", "moderate_rooms"


def member(user):
    """Return the account as it is now, with its present permissions."""
    return person(User.objects.get(pk=user.pk))


def visitor(word="v" * 32, name="Vera"):
    return Person(None, word, name)


def staff(name, *permissions):
    user = User.objects.create_user(name, password=None, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def befriend(a, b):
    people.ask(a, b)
    people.accept(b, a)


def say(room, who, body="Hello", client_id=None, now=None):
    return messages.post(room.pk, who, body, client_id, now or timezone.now())
