"""Our pages load the part of Bootstrap that they use, and all of that part."""

import re

import pytest
from django.conf import settings

from pizzaProj import used_css
from pizzaProj.management.commands.used_bootstrap import PART, WHOLE, pages_of, part

SHEET = """
@charset "UTF-8";
/* a comment { with a brace */
:root { --read: 1px; --read-by-read: var(--twice); --twice: 2px; --empty: ; --unread: 3px; }
.menu, .menu:hover:not(.gone) { width: var(--read); height: var(--read-by-read); margin: 0 var(--empty); }
.gone, .menu .gone, a { background: url("data:image/svg+xml;a{b,.c"); animation: 1s turn; }
@media (min-width: 2px) { .gone { top: 0; } }
@media (min-width: 3px) { .gone { top: 0; } .menu { top: 1px; } }
@keyframes turn { to { --frame: 1; left: 0; } }
@keyframes gone { to { left: 0; } }
"""
USED = """\
:root{--read:1px;--read-by-read:var(--twice);--twice:2px;--empty: }
.menu,.menu:hover:not(.gone){width:var(--read);height:var(--read-by-read);margin:0 var(--empty)}
a{background:url("data:image/svg+xml;a{b,.c");animation:1s turn}
@media (min-width: 3px){
.menu{top:1px}
}
@keyframes turn{to{--frame:1;left:0}}
"""
NAMED = re.compile(r"""class(?:Name)?="([^"]*)"|"([^"\n]*)"|'([^'\n]*)'|`([^`]*)`""")


def test_only_what_is_used_is_kept() -> None:
    assert used_css.used(SHEET, {"menu", "c"}) == USED
    assert "--unread:3px" in used_css.used(SHEET, {"menu"}, ["width: var(--unread)"])
    assert used_css.classes_of(SHEET) == {"menu", "gone"}


def test_a_brace_that_is_never_closed_is_named() -> None:
    with pytest.raises(ValueError, match=r"never closed: .*\.menu"):
        used_css.read(".menu { width: 0;")


def test_the_part_of_bootstrap_is_up_to_date() -> None:
    """After a change of Bootstrap or of the classes that are used: python manage.py used_bootstrap."""
    assert (settings.BASE_DIR / PART).read_text() == part(settings.BASE_DIR)


def test_no_class_is_missing_that_a_page_or_a_script_uses() -> None:
    """Read classes where they are written, in attributes and in strings of scripts: another way than the command's."""
    named = {
        word
        for path in pages_of(settings.BASE_DIR)
        for text in NAMED.findall(path.read_text())
        for word in "".join(text).split()
    }
    whole = used_css.classes_of((settings.BASE_DIR / WHOLE).read_text())
    assert {"btn", "btn-primary", "card", "container", "visually-hidden"} <= named & whole
    assert named & whole <= used_css.classes_of((settings.BASE_DIR / PART).read_text())


def test_every_page_loads_the_part_and_none_the_whole() -> None:
    sheets = {
        path.name: path.read_text() for path in pages_of(settings.BASE_DIR) if "css/site.css" in path.read_text()
    }
    assert set(sheets) == {"base.html", "400.html", "500.html", "503.html", "turned_away.html"}
    assert all("{% static 'css/bootstrap.css' %}" in text and "bootstrap.min" not in text for text in sheets.values())
