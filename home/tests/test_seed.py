"""The first day: a menu with pictures, and a staff account."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from PIL import Image

from home.demo.pictures import PIZZAS
from home.management.commands import seed
from home.models import Pizza


@pytest.fixture(autouse=True)
def first_day(db: None, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    """Draw small pictures (the real ones take seconds), and let the environment ask for nothing."""
    picture = io.BytesIO()
    Image.new("RGB", (8, 5), "tomato").save(picture, "PNG")
    monkeypatch.setattr(seed, "draw_pizza", lambda name: picture.getvalue())
    settings.MEDIA_ROOT = tmp_path
    for name in ("USERNAME", "PASSWORD", "EMAIL"):
        monkeypatch.delenv(seed.SUPERUSER + name, raising=False)


def run_seed(**options: Any) -> str:
    output = io.StringIO()
    call_command("seed", stdout=output, **options)
    return output.getvalue()


def test_a_menu_and_an_account() -> None:
    output = run_seed(url="http://127.0.0.1:8123/")
    assert [pizza.name for pizza in Pizza.objects.all()] == [pizza.name for pizza in PIZZAS]
    assert all(pizza.image.name.endswith(".webp") for pizza in Pizza.objects.all())
    shown = re.match(r"Staff: http://127.0.0.1:8123/admin/  user admin  password (\S{16})  ", output)
    admin = User.objects.get()
    assert shown and admin.check_password(shown[1]) and admin.is_staff and admin.is_superuser


def test_the_second_time_it_changes_nothing() -> None:
    run_seed()
    Pizza.objects.exclude(name="Margherita").delete()
    password = User.objects.get().password
    assert run_seed() == ""
    assert Pizza.objects.get().name == "Margherita"
    assert User.objects.get().password == password


@pytest.mark.parametrize(("data", "option"), [("var", ""), ("my shop", "--data '{}' ")])
def test_no_demo_says_how_to_make_an_account(settings: Any, data: str, option: str) -> None:
    settings.DATA_DIR = settings.BASE_DIR / data
    command = f"python3 run.py {option.format(settings.DATA_DIR)}createsuperuser"
    assert run_seed(no_demo=True) == f"There is no staff account yet. Make one: {command}\n"
    assert not Pizza.objects.exists() and not User.objects.exists()


@pytest.mark.parametrize("no_demo", [True, False])
def test_the_account_that_the_environment_asks_for(monkeypatch: pytest.MonkeyPatch, no_demo: bool) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "bob")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "bob's oven 2")
    monkeypatch.setenv("DJANGO_SUPERUSER_EMAIL", "bob@EXAMPLE.org")
    output = run_seed(no_demo=no_demo)
    bob = User.objects.get()
    assert (bob.username, bob.email, bob.check_password("bob's oven 2")) == ("bob", "bob@example.org", True)
    assert "user bob\n" in output and "oven" not in output


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("USERNAME", "", "DJANGO_SUPERUSER_USERNAME: This field cannot be blank."),
        ("USERNAME", "bob the cook", "DJANGO_SUPERUSER_USERNAME: Enter a valid username."),
        ("USERNAME", "alice", "DJANGO_SUPERUSER_USERNAME: A user with that username already exists."),
        ("EMAIL", "bob", "DJANGO_SUPERUSER_EMAIL: Enter a valid email address."),
        ("PASSWORD", "", "DJANGO_SUPERUSER_PASSWORD is empty."),
    ],
)
def test_an_invalid_setting_is_named(
    alice: User, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(seed.SUPERUSER + name, value)
    with pytest.raises(CommandError, match=re.escape(sentence)) as error:
        run_seed()
    assert error.value.returncode == 2
    assert not User.objects.filter(is_superuser=True).exists()


def test_a_menu_that_was_interrupted_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    save = Pizza.save

    def interrupted(self: Pizza, *args: Any, **kwargs: Any) -> None:
        if self.name == PIZZAS[3].name:
            raise KeyboardInterrupt
        save(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Pizza, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_seed()
    assert not Pizza.objects.exists()
    run_seed()
    assert Pizza.objects.count() == len(PIZZAS)
