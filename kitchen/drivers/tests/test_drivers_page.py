"""The drivers' page: who can open it, and that it opens nothing else of the kitchen."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accounts import rights


@pytest.fixture
def dana(db):
    """A driver who is not on the staff: the owner has ticked the group."""
    user = User.objects.create_user("dana", "dana@example.org", "dana's van 4", first_name="Dana", last_name="Scully")
    user.groups.add(Group.objects.get(name="Drivers"))
    return user


PAGES = ["/kitchen/drivers/", "/kitchen/", "/kitchen/planner/", "/kitchen/inbox/", "/admin/"]
OPENED = {  # 302 is to a log-in
    "nobody": [302, 302, 302, 302, 302],
    "alice": [403, 403, 403, 403, 302],
    "dana": [200, 403, 403, 403, 302],
    "bob": [200, 200, 200, 200, 200],
}


@pytest.mark.parametrize("name", OPENED)
def test_it_is_for_drivers_and_staff_and_opens_nothing_else(client, alice, bob, dana, name):
    if name != "nobody":
        client.force_login({"alice": alice, "bob": bob, "dana": dana}[name])
    assert [client.get(page).status_code for page in PAGES] == OPENED[name]


def test_a_visitor_logs_in_and_comes_back_and_a_customer_is_told(client, alice):
    assert client.get("/kitchen/drivers/").headers["Location"] == "/log-in/?next=/kitchen/drivers/"
    client.force_login(alice)
    assert "Your account can’t open this page." in client.get("/kitchen/drivers/").content.decode()
    assert client.post("/kitchen/drivers/").status_code == 405


@pytest.mark.parametrize(("name", "finds"), [("alice", False), ("dana", True), ("bob", True)])
def test_the_menu_leads_to_it(client, alice, bob, dana, name, finds):
    client.force_login({"alice": alice, "bob": bob, "dana": dana}[name])
    page = client.get("/").content.decode()
    assert ('href="/kitchen/drivers/"' in page) == finds
    assert ('href="/kitchen/"' in page) == (name == "bob")


# The group


def migrate(*names):
    executor = MigrationExecutor(connection)
    executor.migrate([("home", name) for name in names])
    return executor.loader.project_state([("home", name) for name in names]).apps


@pytest.fixture
def before():
    """Go back to before there were drivers' accounts."""
    yield migrate("0007_by_hand")
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def can_deliver_in(group):
    user = User.objects.create_user("eve")
    user.groups.add(group)
    return rights.has(User.objects.get(pk=user.pk), rights.DELIVER)


@pytest.mark.parametrize("has_permission", [False, True], ids=["of before", "migrated back"])
@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_an_older_database_gets_the_group(before, has_permission):
    Group.objects.filter(name="Drivers").delete()
    if not has_permission:
        Permission.objects.filter(codename="deliver_order").delete()
    migrate("0008_drivers")
    assert can_deliver_in(Group.objects.get(name="Drivers"))


@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_group_of_that_name_stays_as_the_owner_made_it(before):
    Group.objects.filter(name="Drivers").delete()
    group = Group.objects.create(name="Drivers")
    migrate("0008_drivers")
    assert not can_deliver_in(group)
