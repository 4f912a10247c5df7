"""Bob and Carla, who both work in the office."""

import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def carla(db):
    return User.objects.create_superuser("carla", "carla@example.org", "carla's dough 4")


@pytest.fixture
def staff(client, bob):
    client.force_login(bob)
    return client


@pytest.fixture
def colleague(carla):
    browser = Client()
    browser.force_login(carla)
    return browser
