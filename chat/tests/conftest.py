"""The cast without passwords: these tests type none, and hashing one takes a third of a second."""

import pytest
from django.contrib.auth.models import User


@pytest.fixture
def alice(db):
    return User.objects.create_user("alice", "alice@example.org")


@pytest.fixture
def bob(db):
    return User.objects.create_user("bob", "bob@example.org", is_staff=True, is_superuser=True)


@pytest.fixture
def charlie(db):
    return User.objects.create_user("charlie", "charlie@example.org")
