"""Passwords that cost nothing: Argon2 takes a tenth of a second for each, and nearly no test here is about that."""

import pytest


@pytest.fixture(autouse=True)
def cheap_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]
