"""No form of the admin writes yesterday over today."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.files.base import ContentFile
from django_celery_beat.models import PeriodicTask

from home.models import Pizza
from home.tests.test_admin import picture
from kitchen import flow
from kitchen.models import Shop, Station
from office.tests.browser import filled_in, opened, said

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cooked"), pytest.mark.database]


def page_of(row):
    return f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"


def errors(response):
    assert response.status_code == 200
    return [sentence for found in response.context["errors"] for sentence in found]


def test_only_what_a_person_changed_is_written(staff, colleague, margherita):
    page = opened(staff, page_of(margherita))
    theirs = opened(colleague, page_of(margherita))
    assert colleague.post(page_of(margherita), theirs | {"price": "33.33"}).status_code == 302
    response = staff.post(page_of(margherita), page | {"name": "Regina"})
    assert response.status_code == 302
    margherita.refresh_from_db()
    assert (margherita.name, margherita.price, margherita.on_menu) == ("Regina", Decimal("33.33"), True)
    told = "Regina: Price is now 33.33 (9.50 when you opened this page), changed by carla."
    assert f"Changed meanwhile, and kept: {told}" in said(response)


def test_what_both_changed_is_shown_and_saved_only_when_asked_again(staff, colleague, margherita):
    page = opened(staff, page_of(margherita))
    theirs = opened(colleague, page_of(margherita))
    colleague.post(page_of(margherita), theirs | {"price": "33.33", "description": "Today"})
    response = staff.post(page_of(margherita), page | {"price": "8.00"})
    assert errors(response) == [
        "Price is now 33.33 (9.50 when you opened this page), changed by carla. Save again if yours should replace it."
    ]
    assert Pizza.objects.get().price == Decimal("33.33")
    again = filled_in(response)
    assert (again["price"], again["description"]) == ("8.00", "Today")  # theirs, and today's of what they left alone
    assert staff.post(page_of(margherita), again).status_code == 302
    margherita.refresh_from_db()
    assert (margherita.price, margherita.description) == (Decimal("8.00"), "Today")


def test_a_change_to_the_same_value_is_no_conflict(staff, margherita):
    page = opened(staff, page_of(margherita))
    Pizza.objects.update(price=8)
    assert staff.post(page_of(margherita), page | {"price": "8.0"}).status_code == 302


def test_a_page_that_does_not_say_what_it_showed_is_not_believed(staff, margherita):
    form = {"name": "Regina", "description": "", "price": "9.50", "on_menu": "on"}
    response = staff.post(page_of(margherita), form)
    assert "This page is out of date: it doesn’t say what you saw." in str(errors(response))
    assert Pizza.objects.get().name == "Margherita"
    assert staff.post(page_of(margherita), filled_in(response)).status_code == 302
    assert Pizza.objects.get().name == "Regina"


def test_a_row_that_was_deleted_meanwhile_is_said_to_be(staff, colleague, margherita):
    page = opened(staff, page_of(margherita))
    deletion = f"/admin/home/pizza/{margherita.pk}/delete/"
    colleague.post(deletion, opened(colleague, deletion))
    response = staff.post(page_of(margherita), page | {"price": "8.00"})
    assert said(response) == ["This pizza was deleted meanwhile by carla. Nothing was saved."]
    assert response.headers["Location"] == "/admin/home/pizza/"


def test_a_new_picture_and_a_cleared_one_are_compared_too(staff, settings, tmp_path, margherita):
    settings.MEDIA_ROOT = tmp_path
    page = opened(staff, page_of(margherita))
    Pizza.objects.get().image.save("other.webp", ContentFile(picture("WEBP").read()))
    response = staff.post(page_of(margherita), page | {"image": picture()})
    assert "Image is now other.webp (none when you opened this page)" in str(errors(response))
    assert staff.post(page_of(margherita), filled_in(response) | {"image": picture()}).status_code == 302
    page = opened(staff, page_of(margherita))
    assert staff.post(page_of(margherita), page | {"image-clear": "on"}).status_code == 302
    assert not Pizza.objects.get().image


def test_a_station_and_the_shop_keep_what_others_set(staff, bob):
    station = Station.objects.get(stage="baking")
    page, shop = opened(staff, page_of(station)), opened(staff, "/admin/kitchen/shop/1/change/")
    flow.change_station("baking", capacity=9, mean_seconds=300)
    flow.set_speed(2)
    Shop.objects.update(is_open=False)
    assert staff.post(page_of(station), page | {"name": "Big oven"}).status_code == 302
    assert staff.post("/admin/kitchen/shop/1/change/", shop | {"demand_per_hour": "7"}).status_code == 302
    station.refresh_from_db()
    assert (station.name, station.capacity, station.mean_seconds) == ("Big oven", 9, 300)
    assert Shop.objects.values_list("speed", "is_open", "demand_per_hour").get() == (2, False, 7)
    assert "Places is now 9 (6 when you opened this page)" in str(
        errors(staff.post(page_of(station), page | {"capacity": "3"}))
    )


def test_an_account_and_a_group_keep_the_rights_that_others_gave(staff, alice):
    group = Group.objects.create(name="Cooks")
    page, of_group = opened(staff, page_of(alice)), opened(staff, page_of(group))
    right = Permission.objects.get(codename="view_order")
    alice.user_permissions.add(right)
    group.permissions.add(right)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert staff.post(page_of(alice), page | {"first_name": "Alice"}).status_code == 302
    assert staff.post(page_of(group), of_group | {"name": "Chefs"}).status_code == 302
    alice.refresh_from_db()
    assert (alice.first_name, alice.is_active, [*alice.user_permissions.all()]) == ("Alice", False, [right])
    assert [*Group.objects.get(pk=group.pk).permissions.all()] == [right]
    other = Permission.objects.get(codename="change_order")
    response = staff.post(page_of(group), of_group | {"permissions": [str(other.pk)]})
    now = "Permissions is now Shop | order | Can view order (empty when you opened this page)"
    assert now in str(errors(response))


def test_a_job_keeps_when_it_last_ran(staff):
    job = PeriodicTask.objects.get(task="kitchen.sweep")
    page = opened(staff, page_of(job))
    PeriodicTask.objects.filter(pk=job.pk).update(total_run_count=77, description="Do not touch")
    assert staff.post(page_of(job), page | {"expire_seconds": "3"}).status_code == 302
    job.refresh_from_db()
    assert (job.total_run_count, job.description, job.expire_seconds) == (77, "Do not touch", 3)


def test_a_new_password_is_written_alone(staff, alice, monkeypatch):
    save, written = User.save, []
    monkeypatch.setattr(User, "save", lambda user, **kwargs: (written.append(kwargs), save(user, **kwargs)))
    page = opened(staff, f"/admin/auth/user/{alice.pk}/password/")
    new = {"password1": "a quiet oven 7", "password2": "a quiet oven 7", "set-password": "Change"}
    assert (
        staff.post(f"/admin/auth/user/{alice.pk}/password/", page | {"usable_password": "true"} | new).status_code
        == 302
    )
    assert written == [{"update_fields": ["password"]}]
    assert User.objects.get(pk=alice.pk).check_password("a quiet oven 7")


def test_an_old_page_of_an_order_can_not_put_it_back(staff, place):
    order = place()
    page = opened(staff, page_of(order))
    flow.override(order.pk, "delivered")
    response = staff.post(page_of(order), page | {"stage": "baking", "reason": "Late"})
    assert errors(response)[0].startswith(f"{order} has moved on: it is delivered already.")
    order.refresh_from_db()
    assert order.stage == "delivered"
    assert 'value="Late"' in response.content.decode()
