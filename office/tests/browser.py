"""Fill in the forms of a page as a browser does: everything that is on it is sent back."""

from html.parser import HTMLParser
from typing import Any

from django.contrib.messages import get_messages

Fields = dict[str, list[str]]


class Reader(HTMLParser):
    """Read what a browser would send of a page's forms with fields."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: Fields = {}
        self.select = self.area = ""
        self.text = ""
        self.option: str | None = None

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        attributes = dict(attrs)
        name, value = attributes.get("name", ""), attributes.get("value")
        if tag == "input" and name:
            kind = attributes.get("type", "text")
            if kind in ("submit", "button", "image", "file") or (name == "_selected_action" and kind == "checkbox"):
                return
            if kind not in ("checkbox", "radio") or "checked" in attributes:
                self.add(name, value if value is not None else "on" if kind == "checkbox" else "")
        elif tag == "select":
            self.select, self.first, self.chosen = name, None, "multiple" in attributes
        elif tag == "option" and self.select:
            if "selected" in attributes:
                self.chosen = True
                self.add(self.select, value or "")
            elif self.first is None:
                self.first = value or ""
        elif tag == "textarea":
            self.area, self.text = name, ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self.select:
            if not self.chosen and self.first is not None:
                self.add(self.select, self.first)
            self.select = ""
        elif tag == "textarea" and self.area:
            self.add(self.area, self.text.removeprefix("\n").replace("\n", "\r\n"))
            self.area = ""

    def handle_data(self, data: str) -> None:
        self.text += data

    def add(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)


def filled_in(response: Any) -> dict[str, Any]:
    """Return what a browser would send of a page, for Client.post."""
    reader = Reader()
    reader.feed(response.content.decode())
    skipped = ("q", "csrfmiddlewaretoken", "action", "select_across")
    sent = {name: values for name, values in reader.fields.items() if name not in skipped}
    return {name: values if len(values) > 1 else values[0] for name, values in sent.items()}


def opened(client: Any, address: str) -> dict[str, Any]:
    """Open a page and return what saving it would send."""
    response = client.get(address)
    assert response.status_code == 200, response.status_code
    return filled_in(response)


def said(response: Any) -> list[str]:
    """Return the sentences that a page, or the one after it, shows."""
    return [str(message) for message in get_messages(response.wsgi_request)]
