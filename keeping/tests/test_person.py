"""One's own data, on the profile's page and for whoever runs the shop: asked for, counted, confirmed."""

import io
import json
import zipfile
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from accounts.tests.conftest import cheap_passwords  # noqa: F401  Argon2 takes a tenth of a second each
from chat import rooms
from chat.models import Message
from chat.tests.cast import member, say
from home.models import Order
from keeping import export
from kitchen.tests.clock import NOON
from pizzaProj import limits

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

PASSWORD = "alice's pizza 1"
WORD = "w" * 32


@pytest.fixture
def alice(db):
    return User.objects.create_user("alice", "alice@example.org", PASSWORD)


@pytest.fixture
def hers(client, alice, place):
    """Alice, logged in, with an order and a word in the lobby."""
    client.force_login(alice)
    order = place(NOON, user=alice)
    say(rooms.public_room("Lobby"), member(alice), "I live at 5 Elm Street", now=NOON)
    return order


def zip_of(body):
    return zipfile.ZipFile(io.BytesIO(body))


def data_of(body):
    return json.loads(zip_of(body).read("data.json"))


def command(*arguments):
    out = StringIO()
    call_command("person", *arguments, stdout=out)
    return out.getvalue().strip()


# The page


def test_with_the_password_one_gets_a_zip(client, hers):
    assert "Download your data" in client.get("/profile/data/").content.decode()
    response = client.post("/profile/data/", {"password": PASSWORD})
    assert (response["Content-Type"], response["Content-Disposition"], response["Cache-Control"]) == (
        "application/zip",
        'attachment; filename="my-data.zip"',
        "max-age=0, no-cache, no-store, must-revalidate, private",
    )
    assert [row["order_id"] for row in data_of(response.content)["orders"]] == [hers.order_id]


def test_without_the_password_one_gets_a_sentence(client, hers):
    response = client.post("/profile/data/", {"password": "wrong"})
    assert (response.status_code, "That is not your password." in response.content.decode()) == (200, True)


def test_it_is_packed_a_few_times_in_a_while(client, hers, monkeypatch):
    monkeypatch.setitem(limits.ATTEMPTS, "export", limits.Limit(2, 900))
    answers = [client.post("/profile/data/", {"password": PASSWORD}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "Retry-After" in answers[2]


def test_more_than_a_page_can_pack_is_said(client, hers, monkeypatch):
    size_bytes = zip_of(client.post("/profile/data/", {"password": PASSWORD}).content).getinfo("data.json").file_size
    said = []
    for most in (size_bytes, size_bytes - 1):
        monkeypatch.setattr(limits, "EXPORT_BYTES", most)
        monkeypatch.setattr(export, "READ_ROWS", 1)
        response = client.post("/profile/data/", {"password": PASSWORD})
        said.append(b"There is more than we can pack while you wait." in response.content)
    assert said == [False, True]


@pytest.mark.parametrize(("more", "left"), [({}, ["I live at 5 Elm Street"]), ({"takes_words": "on"}, [""])])
def test_who_leaves_says_what_becomes_of_their_words(client, hers, more, left):
    client.post("/profile/delete/", {"password": PASSWORD, **more})
    assert (list(Message.objects.values_list("body", flat=True)), User.objects.count()) == (left, 0)


# The command


def test_a_person_is_exported_to_a_file_of_its_owner(hers, tmp_path):
    path = tmp_path / "alice.zip"
    assert command("export", "alice", str(path)) == f"{path} has everything that the shop knows of alice."
    assert (path.stat().st_mode & 0o777, data_of(path.read_bytes())["account"][0]["username"]) == (0o600, "alice")
    with pytest.raises(CommandError, match="can’t be written: File exists"):
        command("export", "alice", str(path))


def test_what_could_not_be_finished_leaves_no_file(hers, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "write", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        command("export", "alice", str(tmp_path / "alice.zip"))
    assert list(tmp_path.iterdir()) == []


def test_a_visitor_is_found_by_an_order(place, tmp_path):
    order, other = place(NOON, guest=WORD), place(NOON, guest=WORD)
    path = tmp_path / "visitor.zip"
    said = command("export", "--order", order.order_id, str(path))
    exported = [row["order_id"] for row in data_of(path.read_bytes())["orders"]]
    command("delete", "--order", order.order_id, "--yes")
    assert said.endswith("the visitor who placed this order (2 orders in all).")
    assert (exported, {row.guest for row in Order.objects.all()}) == ([order.order_id, other.order_id], {""})


@pytest.mark.parametrize(("answer", "left"), [("yes", 0), ("no", 1)])
def test_deleting_asks_first(hers, monkeypatch, answer, left):
    monkeypatch.setattr("builtins.input", lambda words: answer)
    command("delete", "alice", "--words")
    assert (User.objects.count(), Message.objects.exclude(body="").count()) == (left, left)


def test_the_last_superuser_stays(alice):
    User.objects.update(is_superuser=True)
    with pytest.raises(CommandError, match="alice is the only superuser"):
        command("delete", "alice", "--yes")
    assert User.objects.count() == 1


def test_who_can_t_be_found_is_said(hers, place):
    nobodys = place(NOON)
    said = []
    for who in (["nobody"], [], ["--order", "x"], ["--order", hers.order_id], ["--order", nobodys.order_id]):
        with pytest.raises(CommandError) as refused:
            command("delete", *who, "--yes")
        said.append((str(refused.value), refused.value.returncode))
    assert said == [
        ("There is no account called “nobody”.", 2),
        ("Say who: a user name, or --order with the id of an order.", 2),
        ("There is no order with this id. It has 20 letters and digits, and ends the order’s address.", 2),
        ("This order belongs to the account “alice”: give that name instead.", 2),
        ("This order belongs to nobody: nothing leads from it to a person.", 2),
    ]
