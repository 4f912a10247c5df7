"""Keys for scripts, tested without HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import tokens
from accounts.models import Token

pytestmark = pytest.mark.django_db


def test_a_key_leads_to_its_user_and_only_its_digest_is_kept(alice):
    key = tokens.make(alice, "till")
    user, token = tokens.user_and_token(key)
    assert (user, token.name, token.prefix) == (alice, "till", key[:8])
    assert len(key) == 46
    assert key.startswith("fv_")
    assert all(key not in str(value) for value in Token.objects.values().get().values())
    assert tokens.make(alice, "till 2") != key


def test_an_invalid_key_leads_to_nobody(alice):
    key = tokens.make(alice, "till", timezone.now() + timedelta(days=1))
    assert tokens.user_and_token(key)
    for bad in ("", "fv_", key[:-1], key + "x", key.upper(), "fv_" + "ü" * 43, "fv_\udcff", "fv_" + "x" * 10**6):
        assert tokens.user_and_token(bad) is None

    Token.objects.update(expires_at=timezone.now())
    assert tokens.user_and_token(key) is None
    Token.objects.update(expires_at=None)
    assert tokens.user_and_token(key)
    alice.is_active = False
    alice.save()
    assert tokens.user_and_token(key) is None


def test_a_use_is_noted_once_a_minute(alice, django_assert_num_queries):
    key = tokens.make(alice, "till")
    with django_assert_num_queries(2):
        tokens.user_and_token(key)
    first = Token.objects.get().last_used_at
    assert timezone.now() - first < timedelta(seconds=10)
    with django_assert_num_queries(1):
        tokens.user_and_token(key)
    Token.objects.update(last_used_at=first - timedelta(minutes=1))
    tokens.user_and_token(key)
    assert Token.objects.get().last_used_at >= first


def test_still_valid_takes_one_query_for_all(alice, charlie, django_assert_num_queries):
    for user in (alice, alice, charlie, charlie):
        tokens.make(user, "till")
    good, expired, revoked, inactives = Token.objects.order_by("pk")
    Token.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    assert tokens.revoke(charlie, revoked.pk)
    charlie.is_active = False
    charlie.save()
    with django_assert_num_queries(1):
        assert tokens.still_valid([good.pk, expired.pk, revoked.pk, inactives.pk]) == {good.pk}


def test_nobody_revokes_somebody_elses_token(alice, charlie):
    key = tokens.make(alice, "till")
    pk = Token.objects.get().pk
    assert not tokens.revoke(charlie, pk)
    assert tokens.user_and_token(key)
    assert tokens.revoke(alice, pk)
    assert not tokens.revoke(alice, pk)
    assert tokens.user_and_token(key) is None
