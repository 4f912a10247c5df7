"""Everybody can do what the table in rights.py says, and nothing else; what is new needs a row there."""

import itertools
import logging
import re

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.test import Client, RequestFactory
from django.urls import get_resolver
from django.utils import timezone

from accounts import people, tokens
from accounts.models import Profile
from accounts.rights import NotAllowed
from chat import messages, orders, rooms
from chat.models import CannedAnswer, Report
from chat.person import person
from chat.sockets import actions as chat_actions
from chat.sockets.room import RoomSocket
from home import consumers
from kitchen.board import actions as board_actions
from kitchen.drivers import actions as driver_actions
from kitchen.models import Shop, Station
from kitchen.planner import studies
from office import runs
from pizzaProj.asgi import sockets
from pizzaProj.tests import rights
from pizzaProj.tests.rights import ACCOUNT, ANY, ANYONE, NOBODY, OWNER, STAFF
from realtime.refused import Refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked", "valkey")]

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
MODEL_PAGE = re.compile(r"admin/(\w+)/(\w+)/((?:<path:object_id>/)?(add|history|delete|change)?/?)$")
LOG_IN = re.compile(r"/(admin/log|log-)in/")


def walk(patterns, before=""):
    for pattern in patterns:
        path = before + re.sub(r"\^\(\?P<app_label>.*", "<app_label>/", str(pattern.pattern))
        if hasattr(pattern, "url_patterns"):
            yield from walk(pattern.url_patterns, path)
        else:
            yield path


def row_of(path):
    """Return {method: who} of an address, None if the table has no row."""
    if path in rights.ADDRESSES:
        return rights.ADDRESSES[path]
    found = MODEL_PAGE.match(path)
    model = found and f"{found[1]}.{found[2]}"
    if model not in rights.MODELS:
        return None
    view, change = right_on(model, "view"), right_on(model, "change")
    if found[4] is None:
        return {ANY: STAFF if found[3] else view}  # `<id>/` leads every one of the staff to `<id>/change/`
    if found[4] == "change":
        return {ANY: view, "POST": change}
    return {ANY: view if found[4] == "history" else right_on(model, found[4])}


def right_on(model, deed):
    app, name = model.split(".")
    return rights.MODELS[model].get(deed, f"{app}.{deed}_{name}")


ALL = list(dict.fromkeys(walk(get_resolver().url_patterns)))


class Cast:
    """Nobody, Alice with an account, Nora of the staff with no permission, Bob the superuser, and others of the staff
    who have one permission each."""

    def __init__(self):
        alice, bob = User.objects.create_user("alice"), User.objects.create_superuser("bob")
        self.people = {"nobody": AnonymousUser(), ACCOUNT: alice, STAFF: self.staff("nora"), "superuser": bob}

    def staff(self, name, *permissions):
        user = User.objects.create_user(name, is_staff=True)
        for permission in permissions:
            app, codename = permission.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        return User.objects.get(pk=user.pk)

    def tried(self, who):
        """Return whom to try a row with, and whether each is let in."""
        permissions = (who,) if "." in who else who if isinstance(who, tuple) else ()
        if permissions and permissions not in self.people:
            self.people[permissions] = self.staff(f"with {' and '.join(permissions)}", *permissions)
        lets_in = {
            "nobody": who == ANYONE,
            ACCOUNT: who in (ANYONE, ACCOUNT, OWNER),
            STAFF: who in (ANYONE, ACCOUNT, STAFF),
            "superuser": who not in (NOBODY, OWNER),
            **({permissions: True} if permissions else {}),
        }
        return [(name, self.people[name], is_let_in) for name, is_let_in in lets_in.items()]


@pytest.fixture
def cast():
    return Cast()


@pytest.fixture
def things(cast, place):
    """What the addresses are about: Alice's order, token and friend, a study, a row of each model of the admin."""
    alice, charlie = cast.people[ACCOUNT], User.objects.create_user("charlie")
    people.ask(alice, charlie)
    people.accept(charlie, alice)
    order = place(user=alice)
    _, token = tokens.user_and_token(tokens.make(alice, "a script"))
    study = studies.make({}, alice, timezone.now())
    profile = Profile.objects.get_or_create(user=alice)[0]
    room = rooms.public_room("lobby")
    said = messages.post(room.pk, person(alice), "Hello", None, timezone.now())
    report = Report.objects.create(message=said, by=charlie)
    canned = CannedAnswer.objects.create(title="Soon", body="Soon!")
    rows = {"home.order": order, "accounts.token": token, "accounts.profile": profile, "chat.report": report}
    rows |= {
        "chat.cannedanswer": canned,
        "kitchen.shop": Shop.objects.get(),
        "kitchen.station": Station.objects.first(),
    }
    rows |= {"home.pizza": order.lines.get().pizza, "auth.user": charlie}
    rows["office.run"] = run = runs.store("home.order", "hold", [], None)
    return {"rows": rows, "order": order, "study": study, "room": room, "numbered": {"tokens": token, "office": run}}


def address(path, things):
    """Fill in what an address is about."""
    found = MODEL_PAGE.match(path)
    model = f"{found[1]}.{found[2]}" if found else ""
    row = things["rows"].get(model)
    order = things["order"]
    words = {
        "order_id": order.order_id,
        "pk": next((thing.pk for part, thing in things["numbered"].items() if part in path), things["study"].pk),
        "id": things["rows"]["auth.user"].pk,
        "object_id": order.pk if path.startswith("admin/r/") else row.pk if row else 1,
        "content_type_id": ContentType.objects.get_for_model(order).pk,
        "slug": "lobby",
        "username": "charlie",
        "verb": "block",
        "code": "no-such-preset",
        "name": "a.webp",
        "uidb64": "x",
        "token": "y",
        "app_label": "home",
        "url": "nothing/",
    }
    path = re.sub(r"\^?\(\?P<(\w+)>[^)]*\)", lambda match: str(words[match[1]]), path).replace("$", "")
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(words[match[1]]), path)


addresses_of_callers = itertools.count(1)


@pytest.fixture
def ask():
    """Return ask(user, method, path). Each request is taken back, and comes from another address: limits are not
    what is tested."""
    client, sessions = Client(raise_request_exception=False), {}

    def log_in(user):
        if user.pk not in sessions:
            client.force_login(user)
            sessions[user.pk] = client.cookies[settings.SESSION_COOKIE_NAME].value
        client.cookies.clear()
        client.cookies[settings.SESSION_COOKIE_NAME] = sessions[user.pk]

    def ask(user, method, path):
        number = next(addresses_of_callers)
        client.cookies.clear()
        if user.is_authenticated:
            log_in(user)
        with transaction.atomic():
            answer = client.generic(method, path, REMOTE_ADDR=f"10.0.{number >> 8}.{number & 255}")
            transaction.set_rollback(True)
        return answer

    logging.disable(logging.ERROR)  # each refusal would be a line, some with a traceback
    yield ask
    logging.disable(logging.NOTSET)


def outcome(answer):
    if answer.status_code in (401, 403) or LOG_IN.match(answer.headers.get("Location", "")):
        return "refused"
    return {404: "not there", 405: "no such method"}.get(answer.status_code, "let in")


def fault(answer, who, is_let_in):
    """Return what is wrong about an answer, None if nothing is."""
    found = outcome(answer)
    if who == ANYONE:
        right = ["let in", "not there"]
    elif is_let_in:
        right = ["let in", *["not there"] * (answer.wsgi_request.path.endswith("/no-such-preset/"))]
    else:
        right = ["refused", "not there"]
    is_broken = answer.status_code >= 500 and answer.wsgi_request.path != "/readyz"  # no worker runs here
    return None if found in right and not is_broken else f"{found} ({answer.status_code})"


def test_each_address_has_a_row():
    assert [path for path in ALL if row_of(path) is None] == []
    assert [path for path in rights.ADDRESSES if path not in ALL] == []


def has_rows(path):
    """Return whether there is an object of this kind, without which the admin's page is not there for anybody."""
    return "object_id" not in path or not re.match(r"admin/(django_celery_beat|auth/group)/", path)


def tries(path):
    """Yield each method to try, and who is let in; None if nobody has to be."""
    row = row_of(path)
    for method in METHODS[:2] if ANY in row else METHODS:
        yield method, row.get(method) or row.get(ANY)


def tried_at(path, people):
    """Leave out, at the admin's many pages of models, those for whom its door is shut or who are let in everywhere."""
    if not MODEL_PAGE.match(path):
        return people
    of_staff = [one for one in people if one[0] not in ("nobody", ACCOUNT)]
    return [one for one in of_staff if one[0] != "superuser" or not one[2]]


@pytest.mark.parametrize("part", ["admin/", "kitchen/", "api/", ""])
def test_everyone_is_let_in_where_the_table_says(cast, things, ask, part):
    parts = [one for one in ("admin/", "kitchen/", "api/") if one != part]
    mine = [path for path in ALL if path.startswith(part) and (part or not path.startswith(tuple(parts)))]
    faults = []
    for path in filter(has_rows, mine):
        url = address(path, things)
        for method, who in tries(path):
            if who is None:
                if outcome(ask(cast.people["superuser"], method, url)) == "let in":
                    faults.append(f"{method} {path} has no row, and lets in")
                continue
            for name, user, is_let_in in tried_at(path, cast.tried(who)):
                if found := fault(ask(user, method, url), who, is_let_in):
                    faults.append(f"{method} {path} by {name}: {found}")
    assert not faults, "\n".join(faults)


# The admin


def test_each_model_and_action_of_the_admin_has_a_row(cast):
    request = RequestFactory().get("/admin/")
    request.user = cast.people["superuser"]
    there = {model._meta.label_lower: site for model, site in admin.site._registry.items()}
    assert there.keys() == rights.MODELS.keys()
    assert {name for site in there.values() for name in site.get_actions(request)} <= rights.ADMIN_ACTIONS.keys()


@pytest.mark.parametrize("model", rights.MODELS)
def test_an_action_of_the_admin_takes_more_than_to_see_the_list(cast, model):
    site = admin.site._registry[apps.get_model(model)]
    request = RequestFactory().get("/admin/")
    request.user = cast.staff("vera", right_on(model, "view"))
    offered = set(site.get_actions(request))
    assert {
        name for name in offered if right_on(model, rights.ADMIN_ACTIONS[name]) != right_on(model, "view")
    } == set()


@pytest.mark.parametrize("model", ["home.order", "home.pizza", "kitchen.station"])
def test_who_sees_a_list_of_the_admin_can_not_save_it(cast, things, model):
    client = Client()
    client.force_login(cast.staff("vera", right_on(model, "view")))
    page = f"/admin/{model.replace('.', '/')}/"
    assert (client.get(page).status_code, client.post(page, {"_save": "Save"}).status_code) == (200, 403)


# Sockets


def test_each_socket_has_a_row():
    assert [str(route.pattern) for route in sockets] == list(rights.SOCKETS)


@pytest.mark.parametrize("route", [route for route in sockets if str(route.pattern)], ids=lambda one: str(one.pattern))
def test_a_sockets_door_opens_to_those_of_the_table(cast, route):
    """The door is `needs_account` and `may_stay`, which realtime.sockets asks at the connect, before each action and
    every two seconds."""
    consumer = route.callback.consumer_class()
    who = rights.SOCKETS[str(route.pattern)]
    for name, user, is_let_in in cast.tried(who):
        is_known = user.is_authenticated or not consumer.needs_account
        assert (is_known and consumer.may_stay(user)) == is_let_in, name


def test_each_verb_has_a_row():
    assert {kind: sorted(names) for kind, names in rights.VERBS.items()} == {
        "board": sorted(board_actions.names()),
        "drivers": sorted(driver_actions.NAMES),
        "order": sorted(consumers.NAMES),
        "inbox": sorted(chat_actions.CONVERSATION),
        "room": sorted([*chat_actions.VERBS, *RoomSocket.HANDLERS]),
    }


def is_allowed(call, *args):
    """Return whether it was the person who was refused, and not what they asked for."""
    with transaction.atomic():
        try:
            call(*args)
        except (NotAllowed, rooms.NoRoom):
            return False
        except Refused as refused:
            return str(refused) != "Only the customer can ask for that."
        finally:
            transaction.set_rollback(True)
    return True


@pytest.mark.parametrize("name", rights.VERBS["board"])
def test_an_action_on_the_board_takes_its_right(cast, name):
    for who, user, is_let_in in cast.tried(rights.VERBS["board"][name]):
        assert is_allowed(board_actions.act, {"action": name}, user) == is_let_in, who


def test_an_action_of_the_drivers_takes_their_right(cast):
    for who, user, is_let_in in cast.tried(rights.DELIVER):
        assert is_allowed(driver_actions.act, {"action": "take"}, user) == is_let_in, who


def test_moving_an_order_on_its_own_socket_takes_the_right(cast, things):
    override = consumers.override.func
    for who, user, is_let_in in cast.tried(rights.VERBS["order"]["override"]):
        assert is_allowed(override, things["order"].order_id, "baking", user) == is_let_in, who


@pytest.mark.parametrize("kind", chat_actions.VERBS)
def test_a_verb_of_a_room_takes_its_right(cast, things, kind):
    """Talk and moderation are tried in a public room, the rest in that of Alice's order."""
    who = rights.VERBS["room"][kind]
    room = things["room"] if who in (ANYONE, rights.MODERATE) else rooms.order_room(things["order"])
    content = {"message": "Hello", "seq": 1, "username": "alice", "muted": True, "accept": True, "wish": "cancel"}
    if kind == "reopen":
        orders.close(room.pk, person(cast.people["superuser"]), timezone.now())
    for name, user, is_let_in in cast.tried(who):
        whose = person(user, "g" * 32)
        assert is_allowed(chat_actions.VERBS[kind], room.pk, whose, content, timezone.now()) == is_let_in, name


# What is_staff still decides


STILL_ASKED = {
    "accounts/finding.py",  # whom the admin finds by any part of a name
    "accounts/migrations/0003_staff.py",  # an index of them
    "accounts/rights.py",  # a right of the staff takes both
    "chat/messages.py",  # the sign "staff" beside a name: who somebody is, not what they can do
    "chat/orders.py",  # the same condition as a query
    "home/consumers.py",  # a shortcut before the right is asked for
    "home/management/commands/seed.py",  # makes the owner
    "keeping/table.py",  # what is exported of an account
    "kitchen/migrations/0014_rights_of_staff.py",
}


PRODUCT = (
    "accounts",
    "archive",
    "chat",
    "home",
    "keeping",
    "kitchen",
    "operations",
    "pictures",
    "pizzaProj",
    "realtime",
    "telemetry",
)


def asking(folders, pattern, word):
    """Return the files that name the word, without tests and the first migration."""
    files = [path for folder in folders for path in (settings.BASE_DIR / folder).rglob(pattern)]
    files = [path for path in files if "tests" not in path.parts and path.name != "0001_initial.py"]
    return {str(path.relative_to(settings.BASE_DIR)) for path in files if word in path.read_text()}


def test_is_staff_is_asked_nowhere_else():
    assert asking(PRODUCT, "*.py", "is_staff") == STILL_ASKED
    # the way to the admin's door, and whom to ask
    assert asking(["templates"], "*.html", "is_staff") == {"templates/menu.html", "templates/403.html"}
    assert asking(["templates"], "*.html", "perms.") == set()  # `may` knows who is on the staff
