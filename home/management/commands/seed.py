"""Give a new shop a menu with pictures and a staff account."""

import os
import secrets
import shlex
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from home.demo.pictures import PIZZAS, draw_pizza
from home.models import Pizza

SUPERUSER = "DJANGO_SUPERUSER_"  # Django's own names for the account of a first start
PASSWORD_BYTES = 12  # 96 bits, 16 characters


class Command(BaseCommand):
    help = "Create the demo menu if there are no pizzas, and a staff account if there is none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--no-demo", action="store_true", help="no menu; an account only if DJANGO_SUPERUSER_* is set"
        )
        parser.add_argument("--url", default="http://127.0.0.1:8000/", help="where the shop answers")

    def handle(self, *args: Any, no_demo: bool, url: str, **options: Any) -> None:
        asked = any(name.startswith(SUPERUSER) for name in os.environ)
        if not User.objects.filter(is_superuser=True).exists():
            if asked or not no_demo:
                self.make_account(url)
            else:
                self.say(f"There is no staff account yet. Make one: python3 run.py {data_option()}createsuperuser")
        if not no_demo and not Pizza.objects.exists():
            self.make_menu()

    def make_account(self, url: str) -> None:
        """Create the staff account. A random password is printed here, and stored only as Django's hash."""
        user, given = wanted_account()
        password = given or secrets.token_urlsafe(PASSWORD_BYTES)
        user.set_password(password)
        with transaction.atomic():
            user.save()
            shown = "" if given else f"  password {password}  (shown this once)"
            # Before the commit: killed in between, the next start makes another, and nobody is locked out.
            self.say(f"Staff: {url}admin/  user {user.username}{shown}")

    def make_menu(self) -> None:
        """Create the whole menu or nothing, so that the next start repairs one that was killed here."""
        self.say(f"Drawing a menu of {len(PIZZAS)} pizzas ...")
        with ThreadPoolExecutor() as pool:  # Pillow uses all cores: 5 s instead of 9 on two
            pictures = list(pool.map(draw_pizza, [pizza.name for pizza in PIZZAS]))
        with transaction.atomic():
            for pizza, picture in zip(PIZZAS, pictures, strict=True):
                image = ContentFile(picture, name="pizza.png")
                Pizza(name=pizza.name, description=pizza.description, price=pizza.price, image=image).save()

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def data_option() -> str:
    """Return the option that keeps a command for another data folder from going to the wrong shop."""
    if settings.DATA_DIR == settings.BASE_DIR / "var":
        return ""
    return f"--data {shlex.quote(str(settings.DATA_DIR))} "


def wanted_account() -> tuple[User, str]:
    """Return the account that the environment asks for, and its password (empty if none is given)."""
    username = os.environ.get(SUPERUSER + "USERNAME", "admin")
    password = os.environ.get(SUPERUSER + "PASSWORD")
    if password == "":
        raise CommandError(f"{SUPERUSER}PASSWORD is empty. Leave it out to get a random one.", returncode=2)
    user = User(
        username=User.normalize_username(username),
        email=User.objects.normalize_email(os.environ.get(SUPERUSER + "EMAIL", "")),
        is_staff=True,
        is_superuser=True,
    )
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        (field, (sentence, *_)), *_ = error.message_dict.items()
        raise CommandError(f"{SUPERUSER}{field.upper()}: {sentence}", returncode=2) from error
    return user, password or ""
