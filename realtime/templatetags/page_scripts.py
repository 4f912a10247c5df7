"""Load the scripts of a page: ES modules that import shared modules by file name.

Every imported module is preloaded, so that a browser need not discover the imports file by file.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()
IMPORT = re.compile(r'^import [^"]*"\./(\w+)\.js";$', re.MULTILINE)


@register.simple_tag
def page_scripts(*names: str) -> SafeString:
    """{% page_scripts "order" "chat_order" %}: run static/js/order.js, then static/js/chat_order.js."""
    shared = dict.fromkeys(module for name in names for module in modules_of(name) if module not in names)
    return format_html(
        "{}{}",
        format_html_join("\n", '<link rel="modulepreload" href="{}">', addresses(shared)),
        format_html_join("", '\n<script type="module" src="{}"></script>', addresses(names)),
    )


def addresses(names: dict[str, None] | tuple[str, ...]) -> Iterator[tuple[str]]:
    return ((static(f"js/{name}.js"),) for name in names)


@lru_cache
def modules_of(name: str) -> tuple[str, ...]:
    """Return the modules that a script imports, directly or indirectly, each once."""
    source = finders.find(f"js/{name}.js")
    if source is None:  # only the collected files exist here
        return ()
    imported = IMPORT.findall(Path(source).read_text())
    return tuple(dict.fromkeys([*imported, *(deeper for module in imported for deeper in modules_of(module))]))
