"""Tags that every template has: whose page it is, and a form that says so beside its CSRF token."""

from typing import Any

from django import template
from django.template.base import Parser, Token
from django.template.defaulttags import CsrfTokenNode
from django.utils.html import format_html

from accounts.whose import whose
from pizzaProj.pages.whose import FIELD

register = template.Library()


@register.simple_tag(takes_context=True, name="whose")
def whose_page(context: dict[str, Any]) -> str:
    """Return the word for the person who gets the page; empty on a page that is made without a request."""
    user = getattr(context.get("request"), "user", None)
    return whose(user) if user is not None else ""


class Form(CsrfTokenNode):
    """Django's own tag, and the word. So no form, the admin's included, can be without it."""

    def render(self, context: Any) -> str:
        token, word = super().render(context), whose_page(context)
        return token + format_html('<input type="hidden" name="{}" value="{}">', FIELD, word) if word else token


@register.tag
def csrf_token(parser: Parser, token: Token) -> Form:
    return Form()
