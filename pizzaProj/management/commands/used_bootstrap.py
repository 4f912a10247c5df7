"""Write static/css/bootstrap.css: what our pages use of Bootstrap, a fifteenth of it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from pizzaProj import used_css

WHOLE = Path("node_modules/bootstrap/dist/css/bootstrap.css")
PART = Path("static/css/bootstrap.css")
NOTE = "/* Only the rules that our pages use. Written by `python manage.py used_bootstrap`: don't edit it. */\n"


class Command(BaseCommand):
    help = "Write the part of Bootstrap that templates and scripts use. To be run when they use another class."

    def handle(self, *args: Any, **options: Any) -> None:
        (settings.BASE_DIR / PART).write_text(part(settings.BASE_DIR), encoding="utf-8")


def part(base: Path) -> str:
    """Return the part that is used, with Bootstrap's own head, which names its authors and its licence."""
    whole = (base / WHOLE).read_text(encoding="utf-8")
    pages = [path.read_text(encoding="utf-8") for path in pages_of(base)]
    styles = [
        path.read_text(encoding="utf-8")
        for path in sorted((base / "static/css").glob("*.css"))
        if path.name != PART.name
    ]
    head = whole[whole.index("/*!") : whole.index("*/") + 2]
    return f"{head}\n{NOTE}{used_css.used(whole, used_css.words_of(pages), pages + styles)}"


def pages_of(base: Path) -> list[Path]:
    """Return the files that can name a class."""
    return sorted([*(base / "templates").rglob("*.html"), *(base / "static/js").glob("*.js")])
