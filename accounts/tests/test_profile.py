"""A person's own account: the profile page, the picture, tokens, deletion."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from accounts import tokens
from accounts.forms import MAX_TOKENS, ProfileForm
from accounts.models import Friendship, Profile, Token
from home.models import Order
from office.tests.browser import opened

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

PASSWORD = "alice's pizza 1"


@pytest.fixture
def hers(client, alice):
    client.force_login(alice)
    return client


def picture(colour="red", name="me.png"):
    content = BytesIO()
    Image.new("RGB", (600, 300), colour).save(content, "PNG")
    return SimpleUploadedFile(name, content.getvalue())


def files():
    return {path.name for path in Path(settings.MEDIA_ROOT, "people").glob("*")}


@pytest.mark.parametrize("name", ["", "e-mail/", "password/", "delete/", "tokens/", "tokens/1/revoke/"])
def test_every_page_requires_a_log_in(client, db, name):
    path = f"/profile/{name}"
    for response in (client.get(path), client.post(path)):
        assert response.status_code in (302, 405)
        if response.status_code == 302:
            assert response.headers["Location"] == f"/log-in/?next={path}"


def test_a_picture_becomes_a_small_square_under_a_random_name(hers, alice, django_capture_on_commit_callbacks):
    before = files()
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            assert hers.post("/profile/", {"picture": picture(), "shows_reads": "on"}).status_code == 302
        name = Path(Profile.of(alice).picture.name).name
        assert re.fullmatch(r"[0-9a-f]{32}\.webp", name)
        assert files() == before | {name}  # the old file is gone, and the same picture has another name
    response = hers.get(f"/media/people/{name}")
    assert response.headers["Content-Type"] == "image/webp"
    assert Image.open(BytesIO(response.content)).size == (256, 256)
    assert f"/media/people/{name}" in hers.get("/profile/").text

    with django_capture_on_commit_callbacks(execute=True):
        hers.post("/profile/", {"remove_picture": "on", "shows_reads": "on"})
    assert files() == before
    assert not Profile.of(alice).picture
    assert hers.get(f"/media/people/{name}").status_code == 404


@pytest.mark.parametrize("content", [b"<svg onload='alert(1)'/>", b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_an_invalid_picture_is_refused_and_the_old_one_stays(hers, alice, content):
    hers.post("/profile/", {"picture": picture()})
    mine, kept = Profile.of(alice), files()
    response = hers.post("/profile/", {"picture": SimpleUploadedFile("me.png", content), "shows_reads": "on"})
    assert response.status_code == 200
    assert "errorlist" in response.text
    assert Profile.of(alice).picture == mine.picture
    assert not Profile.of(alice).shows_reads
    assert files() == kept


def test_a_stale_page_does_not_bring_an_old_picture_back(hers, alice):
    open_page = ProfileForm({}, instance=Profile.of(alice))
    hers.post("/profile/", {"picture": picture()})
    assert open_page.is_valid()
    open_page.save()
    mine = Profile.of(alice)
    assert mine.picture
    assert not mine.shows_reads


def test_read_receipts_can_be_switched(hers, alice):
    assert Profile.of(alice).shows_reads
    hers.post("/profile/", {})
    assert not Profile.of(alice).shows_reads
    hers.post("/profile/", {"shows_reads": "on"})
    assert Profile.of(alice).shows_reads


def test_the_email_address_changes_only_with_the_password(hers, alice):
    for password, email in (("wrong", "alice@example.org"), (PASSWORD, "new@example.org")):
        hers.post("/profile/e-mail/", {"email": "new@example.org", "password": password})
        alice.refresh_from_db()
        assert alice.email == email


# Tokens


def make(client, name="till", days="30"):
    return client.post("/profile/tokens/", {"name": name, "days": days})


def test_a_token_is_shown_once_then_listed_by_its_first_letters(hers, alice):
    response = make(hers)
    key = re.search(r"fv_[\w-]{43}", response.text)[0]
    assert "no-store" in response.headers["Cache-Control"]
    assert tokens.user_and_token(key)[0] == alice
    html = hers.get("/profile/").text
    assert key not in html
    assert key[:8] in html
    assert "last used" in html
    assert key not in str(hers.session.items())
    token = Token.objects.get()
    assert (token.expires_at - token.created_at).days in (29, 30)

    hers.post(f"/profile/tokens/{token.pk}/revoke/")
    assert tokens.user_and_token(key) is None
    assert "is revoked" in hers.get("/profile/").text


def test_revoking_an_unknown_or_foreign_token_changes_nothing(hers, charlie):
    tokens.make(charlie, "till")
    for pk in (Token.objects.get().pk, 10**30):
        hers.post(f"/profile/tokens/{pk}/revoke/")
        assert "no such token" in hers.get("/profile/").text
    assert Token.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "days"), [("", "30"), ("x" * 61, "30"), ("till", "100000"), ("till", ""), ("old", "7")]
)
def test_a_bad_token_form_says_why(hers, alice, name, days):
    tokens.make(alice, "old")
    response = make(hers, name, days)
    assert "errorlist" in response.text
    assert Token.objects.count() == 1


def test_the_number_of_tokens_is_limited(hers, alice):
    for number in range(MAX_TOKENS):
        tokens.make(alice, str(number))
    assert "at most 20" in make(hers).text


# Deletion


def test_a_deleted_account_takes_everything_but_the_orders(
    hers, alice, charlie, place, django_capture_on_commit_callbacks
):
    before = files()
    order = place(user=alice, guest="g" * 32)
    hers.post("/profile/", {"picture": picture()})
    make(hers)
    Friendship.objects.create(low=alice, high=charlie, asked_by=alice)
    assert "not your password" in hers.post("/profile/delete/", {"password": "wrong"}).text
    with django_capture_on_commit_callbacks(execute=True):
        response = hers.post("/profile/delete/", {"password": PASSWORD}, follow=True)
    assert "Your account has been deleted" in response.text
    assert "alice" not in response.text
    assert list(User.objects.all()) == [charlie]
    assert not (Profile.objects.exists() or Token.objects.exists() or Friendship.objects.exists())
    assert files() == before
    kept = Order.objects.get(pk=order.pk)
    assert (kept.user, kept.guest) == (None, "")
    assert hers.get("/profile/").status_code == 302


def test_the_last_superuser_stays(client, bob, alice):
    client.force_login(bob)
    assert "only superuser" in client.post("/profile/delete/", {"password": "bob's oven 2"}).text
    assert User.objects.filter(pk=bob.pk).exists()
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    client.post("/profile/delete/", {"password": "bob's oven 2"})
    assert not User.objects.filter(pk=bob.pk).exists()


# The admin


def test_the_admin_can_show_and_revoke_a_token(client, alice, bob):
    key = tokens.make(alice, "till")
    token = Token.objects.get()
    Profile.of(alice)
    client.force_login(bob)
    for path in ("token/", f"token/{token.pk}/change/", "profile/", f"profile/{Profile.of(alice).pk}/change/"):
        html = client.get(f"/admin/accounts/{path}").text
        assert "alice" in html
        assert token.digest not in html
    assert client.get("/admin/accounts/token/add/").status_code == 403
    assert client.post(f"/admin/accounts/token/{token.pk}/change/", {"name": "x"}).status_code == 403
    page = f"/admin/accounts/token/{token.pk}/delete/"
    client.post(page, opened(client, page))
    assert tokens.user_and_token(key) is None


def test_names_are_shown_as_text(hers, alice):
    tokens.make(alice, "<script>till</script>")
    assert "<script>till" not in hers.get("/profile/").text
