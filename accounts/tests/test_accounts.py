"""Sign-up, log-in by name or e-mail address, and passwords."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core import mail as outgoing
from django.test import Client, RequestFactory

from accounts import backends, mail
from accounts.models import Attempt
from home.models import Order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

ALICES, WRONG = "alice's pizza 1", "a wrong guess"


def page(client, path="/"):
    return client.get(path).content.decode()


def sign_up(client, username="dora", password="a fine oven 7", email="dora@example.org", **more):
    fields = {"username": username, "email": email, "password1": password, "password2": password}
    return client.post("/sign-up/", fields | more)


def log_in(client, username, password, path="/log-in/"):
    return client.post(path, {"username": username, "password": password})


def main(response):
    """Return the main part of a page without its CSRF token."""
    return re.sub(r'name="csrf\S+ value="\w+"', "", re.search("<main.*</main>", response.text, re.DOTALL)[0])


def who(client):
    return client.session.get("_auth_user_id")


def mails():
    """Return all mails that were posted so far."""
    mail.pool.submit(lambda: None).result(10)
    return outgoing.outbox


# Signing up


def test_signing_up_logs_in_and_takes_the_orders_along(client, margherita):
    client.post("/api/order/", {"id": margherita.pk}, "application/json", headers={"Origin": "http://testserver"})
    assert sign_up(client).headers["Location"] == "/"
    order, dora = Order.objects.get(), User.objects.get(username="dora")
    assert order.user == dora
    assert dora.email == "dora@example.org"
    assert order.order_id in page(client)


def test_a_password_is_kept_by_argon2(client, db, settings):
    settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[1:]  # without the cheap one (conftest)
    sign_up(client)
    assert User.objects.get().password.startswith("argon2$")
    assert authenticate(None, username="dora", password="a fine oven 7")


def test_someone_elses_orders_stay_where_they_are(client, place, alice, charlie):
    order = place(user=alice, guest="g" * 32)
    session = client.session
    session["guest"] = "g" * 32
    session.save()
    log_in(client, "charlie", "charlie's eyes 3")
    order.refresh_from_db()
    assert order.user == alice


@pytest.mark.parametrize(
    ("username", "password", "email", "said"),
    [
        ("", "a fine oven 7", "dora@example.org", "This field is required."),
        ("alice", "a fine oven 7", "dora@example.org", "already exists"),
        ("ALICE", "a fine oven 7", "dora@example.org", "already exists"),
        ("alice@example.org", "a fine oven 7", "dora@example.org", "contain an @"),
        ("..", "a fine oven 7", "dora@example.org", "a letter or a digit"),  # would lead to another page's URL
        ("d" * 41, "a fine oven 7", "dora@example.org", "at most 40"),
        ("dora", "12345678", "dora@example.org", "too common"),
        ("dora", "x", "dora@example.org", "too short"),
        ("dora", "dora@example.org", "dora@example.org", "too similar"),
        ("dora", "a fine oven 7", "", "This field is required."),
        ("dora", "a fine oven 7", "dora", "valid email"),
        ("do\0ra", "a fine oven 7", "dora@example.org", "Null characters"),
    ],
)
def test_a_bad_sign_up_says_why_and_makes_no_account(client, db, username, password, email, said):
    alice = User.objects.create_user("alice")
    response = sign_up(client, username, password, email)
    assert response.status_code == 200
    assert said in response.text
    assert list(User.objects.all()) == [alice]


@pytest.mark.parametrize(("taken", "wanted"), [("Ömer", "öMER"), ("alice", "аlicе")])  # with Cyrillic letters
def test_names_that_differ_only_in_case_or_script_are_one(client, db, taken, wanted):
    User.objects.create_user(taken)
    assert "already exists" in sign_up(client, wanted).text


def test_a_name_that_is_taken_at_the_same_moment_is_refused(client, db, monkeypatch):
    User.objects.create_user("alice")
    monkeypatch.setattr("accounts.forms.is_taken", lambda name: False)
    monkeypatch.setattr("accounts.forms.SignUpForm.validate_unique", lambda form: None)
    response = sign_up(client, "alice")
    assert response.status_code == 200
    assert "already exists" in response.text
    assert who(client) is None


def test_a_known_email_is_not_given_away_by_signing_up(client, alice):
    assert sign_up(client, email=alice.email).headers["Location"] == "/"
    assert User.objects.filter(email=alice.email).count() == 2


def test_signing_up_leads_back_but_never_to_another_site(client, db):
    for number, (target, to) in enumerate([("//evil.example/", "/"), ("/order/x/", "/order/x/"), ("order", "order")]):
        assert sign_up(Client(), f"emil{number}", next=target).headers["Location"] == to
    for path, other in (("/sign-up/", "/log-in/"), ("/log-in/", "/sign-up/")):  # in either order
        assert f'href="{other}?next=/order/x/"' in page(Client(), f"{path}?next=/order/x/")


# Logging in and out


def test_logging_in_and_out(client, alice):
    assert log_in(client, "alice", WRONG).status_code == 200
    assert "sessionid" not in client.cookies
    log_in(client, "alice", ALICES)
    assert "alice" in page(client)
    assert client.get("/sign-up/").status_code == client.get("/log-in/").status_code == 302
    assert client.get("/log-out/").status_code == 405
    client.post("/log-out/")
    assert "alice" not in page(client)


@pytest.mark.parametrize(
    "target", ["/log-in/", "/log-in/?next=/log-in/", "http://testserver/log-in/", "//evil.example"]
)
def test_a_person_who_is_logged_in_is_redirected_without_a_loop_or_another_site(client, alice, target):
    client.force_login(alice)
    assert client.get("/log-in/", {"next": target}).headers["Location"] == "/"
    assert client.get("/log-in/", {"next": "/profile/"}).headers["Location"] == "/profile/"


@pytest.mark.parametrize("name", ["alice@example.org", "Alice@Example.ORG"])
def test_the_email_address_works_as_a_name(client, alice, name):
    log_in(client, name, ALICES)
    assert who(client) == str(alice.pk)


def test_the_password_decides_between_accounts_that_share_an_address(alice, charlie):
    User.objects.update(email="both@example.org")
    assert authenticate(None, username="both@example.org", password="charlie's eyes 3") == charlie
    assert authenticate(None, username="both@example.org", password=ALICES) == alice
    assert authenticate(None, username="both@example.org", password=WRONG) is None


def test_unknown_wrong_and_inactive_read_alike(client, alice, charlie):
    charlie.is_active = False
    charlie.save()
    tries = [("alice", WRONG), ("nobody", WRONG), ("charlie", "charlie's eyes 3"), ("alice@example.org", WRONG)]
    pages = {main(log_in(Client(), *one)).replace(one[0], "") for one in tries}
    assert len(pages) == 1
    assert "don&#x27;t match" in pages.pop()


@pytest.mark.parametrize(
    ("known", "unknown"), [("alice", "nobody"), ("alice@example.org", "nobody@example.org"), ("alice", "charlie")]
)
def test_a_known_and_an_unknown_name_cost_the_same_work(alice, charlie, monkeypatch, known, unknown):
    """Count the hashes instead of timing them, which would be unreliable."""
    charlie.is_active = False
    charlie.save()
    hashed = []
    monkeypatch.setattr(User, "check_password", lambda user, password: bool(hashed.append(password)))
    monkeypatch.setattr(backends, "make_password", hashed.append)
    work = []
    for name in (known, unknown):
        hashed.clear()
        authenticate(None, username=name, password=WRONG)
        work.append(len(hashed))
    assert work[0] == work[1] > 0


def test_the_admins_page_takes_staff_only_and_has_the_form_that_counts(client, alice, bob):
    assert "correct" in log_in(client, "alice", ALICES, "/admin/login/").text
    log_in(client, "bob@example.org", "bob's oven 2", "/admin/login/")
    assert who(client) == str(bob.pk)
    assert admin.site.login_form.__name__ == "AdminLogInForm"
    assert client.get("/admin/password_change/").headers["Location"] == "/profile/password/"


# Passwords


def test_a_new_password_ends_the_other_sessions(client, alice):
    elsewhere = Client()
    for one in (client, elsewhere):
        one.force_login(alice)
    fields = {"old_password": WRONG, "new_password1": "another pizza 8", "new_password2": "another pizza 8"}
    assert "was entered incorrectly" in client.post("/profile/password/", fields).text
    assert client.post("/profile/password/", fields | {"old_password": ALICES}).headers["Location"] == "/profile/"
    assert "Your password has been changed" in page(client, "/profile/")
    assert elsewhere.get("/profile/").status_code == 302


def test_a_forgotten_password_is_set_by_mail_once(client, alice):
    answer = client.post("/forgotten-password/", {"email": "Alice@example.org"}, follow=True)
    (message,) = mails()
    assert message.to == ["alice@example.org"]
    assert message.from_email == "pizza@localhost"
    link = re.search(r"http://testserver(/new-password/\S+)", message.body)[1]
    unknown = Client().post("/forgotten-password/", {"email": "nobody@example.org"}, follow=True)
    assert len(mails()) == 1
    assert main(answer) == main(unknown)

    form = client.get(link)  # redirects to a URL without the secret
    new = {"new_password1": "another pizza 8", "new_password2": "another pizza 8"}
    assert client.post(form.headers["Location"], new, follow=True).status_code == 200
    assert authenticate(None, username="alice", password="another pizza 8") == alice
    assert "no longer works" in Client().get(link, follow=True).text


@pytest.mark.parametrize(
    "link", ["/new-password/MQ/rubbish/", "/new-password/!!/x-y/", "/new-password/MQ/set-password/"]
)
def test_a_bad_link_says_so(client, db, link):
    response = client.get(link)
    assert response.status_code == 200
    assert "no longer works" in response.text


def test_an_address_that_many_have_gets_a_few_mails(client, alice):
    User.objects.bulk_create(
        User(username=f"u{number}", email=alice.email, password=alice.password) for number in range(20)
    )
    client.post("/forgotten-password/", {"email": alice.email})
    assert len(mails()) == backends.MAX_SHARING
    assert "Hello alice" in mails()[0].body


def test_a_mail_is_written_in_the_background_too(client, alice, monkeypatch):
    """Test that the response for a known address takes no longer than for an unknown one."""
    posted = []
    monkeypatch.setattr(mail, "post", posted.append)
    monkeypatch.setattr("accounts.forms.loader.render_to_string", None)
    assert client.post("/forgotten-password/", {"email": alice.email}).status_code == 302
    assert len(posted) == 1


def test_a_mail_that_fails_leaves_no_address_in_the_log(client, alice, settings, caplog):
    settings.EMAIL_BACKEND = "no.such.backend"
    assert client.post("/forgotten-password/", {"email": alice.email}).status_code == 302
    mail.pool.submit(lambda: None).result(10)
    assert "not sent" in caplog.text
    assert alice.email not in caplog.text


def test_without_a_request_nothing_is_counted(alice):
    """Test that logging in from a shell or a test works: there is no address."""
    assert authenticate(None, username="alice", password=WRONG) is None
    assert authenticate(RequestFactory().get("/"), username="alice", password=ALICES) == alice
    assert not Attempt.objects.exists()
