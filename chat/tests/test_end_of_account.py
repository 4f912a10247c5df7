"""The end of an account takes its locks in everybody's order: PostgreSQL would end a deadlock by an error in one."""

from functools import partial

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts import people
from chat import messages, rooms
from chat.models import Message
from chat.tests.cast import befriend, member, say
from kitchen.tests.test_races import all_at_once
from realtime.refused import Refused

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey"),
]
TURNS = 5


def newcomer(turn, friend):
    user = User.objects.create(username=f"guest{turn}")
    befriend(user, friend)
    return user, rooms.private_room(user, friend)


def test_beside_the_end_of_a_friendship(charlie):
    for turn in range(TURNS):
        user, _ = newcomer(turn, charlie)
        all_at_once(partial(people.unfriend, charlie, user), user.delete)
    assert User.objects.count() == 1


@pytest.mark.parametrize("public", [False, True])
def test_beside_edited_messages(charlie, public):
    for turn in range(TURNS):
        user, room = newcomer(turn, charlie)
        room = rooms.public_room("lobby") if public else room
        said = [say(room, member(user), f"{number}", f"{turn}-{number}") for number in range(10)]

        def edit(user=user, room=room, said=said):
            for message in said:
                try:
                    messages.edit(room.pk, member(user), message.seq, "Better", timezone.now())
                except (Refused, rooms.NoRoom, User.DoesNotExist):  # the account is gone
                    return

        all_at_once(edit, user.delete)
    assert not Message.objects.exclude(author=None).exists()
