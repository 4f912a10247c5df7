"""Permissions decide what people are allowed to do, and cost those without any nothing."""

import re

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.contrib.contenttypes.models import ContentType

from accounts import rights
from accounts.backends import NameOrEmailBackend
from home.models import Order
from office.tests.browser import opened

pytestmark = pytest.mark.django_db


def account(name, *codenames, is_staff=True):
    user = User.objects.create_user(name, is_staff=is_staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return NameOrEmailBackend().get_user(user.pk)


@pytest.mark.parametrize("name", rights.RIGHTS)
def test_each_right_is_a_permission_of_staff(name, bob):
    right = rights.RIGHTS[name]
    codename = right.permission.split(".")[1]
    people = {
        "nobody": AnonymousUser(),
        "staff": account("nora"),
        "permitted": account("petra", codename),
        "customer with it": account("carla", codename, is_staff=False),
        "superuser": bob,
    }
    assert {who: rights.has(user, right) for who, user in people.items()} == {
        "nobody": False,
        "staff": False,
        "permitted": True,
        "customer with it": not right.is_for_staff,
        "superuser": True,
    }


def test_who_can_change_it_can_see_it():
    assert rights.has(account("petra", "change_order"), rights.SEE_ORDERS)
    assert not rights.has(account("vera", "view_order"), rights.MOVE_ORDERS)


def test_a_group_gives_its_rights():
    group = Group.objects.create(name="Cooks")
    group.permissions.set(Permission.objects.filter(codename="change_order"))
    nora = account("nora")
    nora.groups.add(group)
    assert rights.has(NameOrEmailBackend().get_user(nora.pk), rights.MOVE_ORDERS)


@pytest.mark.database
def test_the_header_of_a_customer_asks_for_no_permissions(alice, client, django_assert_num_queries):
    client.force_login(alice)
    with django_assert_num_queries(6):
        page = client.get("/chat/").content.decode()
    assert "/kitchen/" not in page


@pytest.mark.database
def test_permissions_are_read_once_a_request(client, django_assert_num_queries):
    client.force_login(account("petra", "change_order", "deliver_order", "view_study"))
    with django_assert_num_queries(8):
        page = client.get("/chat/").content.decode()
    assert re.findall(r'href="(/kitchen/\w*/?|/admin/)"', page) == [
        "/kitchen/",
        "/kitchen/drivers/",
        "/kitchen/planner/",
        "/admin/",
    ]


def test_a_refusal_says_who_can_help():
    with pytest.raises(rights.NotAllowed) as refusal:
        rights.require(account("nora"), rights.RUN_SHOP)
    assert str(refusal.value) == (
        "Your account can’t change how the shop runs. Whoever runs the shop can allow it, in the admin under “Users”."
    )


def test_pages_ask_for_rights_that_there_are():
    pages = [path.read_text() for path in (settings.BASE_DIR / "templates").rglob("*.html")]
    assert {name for page in pages for name in re.findall(r"\bmay\.(\w+)", page)} <= rights.RIGHTS.keys()


# In the admin


@pytest.fixture
def petra(client):
    """A manager of accounts who is no superuser."""
    petra = account("petra", "view_user", "add_user", "change_user", "delete_user", "change_group")
    client.force_login(petra)
    return petra


def test_who_changes_accounts_gives_no_rights(client, petra):
    rights_of_all = [str(one.pk) for one in Permission.objects.all()]
    page = f"/admin/auth/user/{petra.pk}/change/"
    client.post(
        page, {**opened(client, page), "first_name": "P.", "is_superuser": "on", "user_permissions": rights_of_all}
    )
    petra.refresh_from_db()
    assert (petra.first_name, petra.is_superuser, petra.user_permissions.count()) == ("P.", False, 5)
    cooks = Group.objects.create(name="Cooks")
    page = f"/admin/auth/group/{cooks.pk}/change/"
    client.post(page, {**opened(client, page), "name": "Chefs", "permissions": rights_of_all})
    cooks.refresh_from_db()
    assert (cooks.name, cooks.permissions.count()) == ("Chefs", 0)


def test_who_changes_accounts_leaves_superusers_alone(client, petra, bob, alice):
    words = {"password1": "petra's own 5", "password2": "petra's own 5"}
    pages = [f"/admin/auth/user/{bob.pk}/{page}/" for page in ("change", "password", "delete")]
    assert [client.post(page, words).status_code for page in pages] == [403, 403, 403]
    assert client.post(f"/admin/auth/user/{alice.pk}/password/", words).status_code == 302
    together = {"action": "delete_selected", "index": 0, "_selected_action": [bob.pk], "post": "yes"}
    client.post("/admin/auth/user/", {**opened(client, "/admin/auth/user/"), **together})
    assert User.objects.get(pk=bob.pk).check_password("bob's oven 2")


@pytest.mark.parametrize(("codenames", "status"), [((), 403), (("view_order",), 302)])
def test_an_orders_address_is_told_to_those_who_can_see_the_order(client, place, sent, cooked, codenames, status):
    client.force_login(account("nora", *codenames))
    kind = ContentType.objects.get_for_model(Order).pk
    answer = client.get(f"/admin/r/{kind}/{place().pk}/")
    assert answer.status_code == status
    assert ("/order/" in answer.headers.get("Location", "")) == (status == 302)
    assert [client.get(f"/admin/r/{one}/1/").status_code for one in ("x", "9" * 30)] == [404, 404]
