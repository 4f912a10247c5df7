"""Accounts are found by beginnings among all, and by any part among the newest and the staff."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from accounts import finding, people
from accounts.models import Profile

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def crowd(monkeypatch):
    """Make accounts of which the last two are the newest."""
    monkeypatch.setattr(finding, "NEWEST_READ", 2)
    names = ["Annabel", "joanna", "Özgür", "_anna", "hannah", "Susanna"]
    return [User.objects.create(username=name, email=f"{name.lower()}@Mail.example") for name in names]


def named(keys):
    return set(User.objects.filter(pk__in=keys).values_list("username", flat=True))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ANNA", {"Annabel", "hannah", "Susanna"}),
        ("joanna", {"joanna"}),
        ("özg", {"Özgür"}),
        ("_an", {"_anna"}),
        ("%an", set()),
        ("bel", set()),
    ],
)
def test_a_name_is_found_from_its_beginning_and_in_the_newest_anywhere(crowd, text, found):
    assert named(finding.named(text)) == found


def test_the_name_itself_is_found_among_many_that_begin_with_it(crowd, alice, monkeypatch):
    monkeypatch.setattr(finding, "MOST_FOUND", 1)
    for name in ("susannah", "susannas", "Susannaz"):
        User.objects.create(username=name)
    assert people.search(alice, "susanna")[0].username == "Susanna"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("JOANNA@mail", ["joanna"]),
        ("mail.example", ["Annabel", "hannah", "Susanna"]),
        ("smith", ["Annabel"]),
        ("annab SMI", ["Annabel"]),
        ("joanna smith", []),
        ('"anna smith"', []),
    ],
)
def test_the_admin_finds_addresses_and_all_of_the_staff(crowd, admin_client, monkeypatch, words, found):
    monkeypatch.setattr(finding, "NEWEST_READ", 3)  # with the admin
    User.objects.filter(username="Annabel").update(is_staff=True, last_name="Smithers")
    page = admin_client.get(reverse("admin:auth_user_changelist"), {"q": words})
    listed = [user.username for user in page.context["cl"].result_list]
    assert sorted(listed, key=str.lower) == sorted(found, key=str.lower)


def test_many_words_cost_no_more_than_those_that_still_find_something(crowd, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        assert finding.with_all("joanna nobody " + " ".join(map(str, range(1_000))), finding.with_word) == set()
    assert finding.with_all(" ", finding.with_word) is None


def test_the_admin_finds_profiles_by_whose_they_are(crowd, admin_client):
    for user in crowd:
        Profile.of(user)
    page = admin_client.get(reverse("admin:accounts_profile_changelist"), {"q": "joan"})
    assert [str(profile) for profile in page.context["cl"].result_list] == ["joanna"]
