"""A form's field that knows what its page showed, in a hidden input beside it, and what is true by now."""

import json
from contextlib import suppress
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils.safestring import SafeString
from django.utils.text import Truncator, capfirst

MOST_LETTERS = 60  # of a value in a sentence
MOST_NAMES = 3  # of a list in a sentence
Posted = str | list[str]


class ShownField(BoundField):
    """What is compared is text as a browser sends it: what the page showed, what the person sent, what it is now."""

    @property
    def is_compared(self) -> bool:
        return self.name in self.form.compared  # type: ignore[attr-defined]

    def __str__(self) -> SafeString:
        return self.as_widget() + self.hidden() if self.is_compared else super().__str__()

    __html__ = __str__

    def hidden(self) -> SafeString:
        value = json.dumps(self.present) if isinstance(self.present, list) else self.present
        return forms.HiddenInput().render(self.html_initial_name, value)

    @cached_property
    def present(self) -> Posted:
        return as_posted(self.field, self.initial)

    @cached_property
    def seen(self) -> Posted | None:
        """What the page showed; None if it did not say."""
        text = self.form.data.get(self.html_initial_name)
        if text is None or not is_list(self.field):
            return None if text is None else str(text)
        try:
            values = json.loads(str(text))
        except ValueError:
            return None
        return [str(value) for value in values] if isinstance(values, list) else None

    @property
    def sent(self) -> Any:
        """What the person sent."""
        return super().data

    @cached_property
    def is_intended(self) -> bool:
        """Whether the person changed what they saw."""
        if self.seen is None and self.field.widget.value_omitted_from_data(
            self.form.data, self.form.files, self.html_name
        ):
            return False
        return differs(self.field, self.present if self.seen is None else self.seen, self.sent)

    @cached_property
    def is_touched(self) -> bool:
        """Whether that also differs from what is there now."""
        return self.is_intended and differs(self.field, self.present, self.sent)

    @property
    def has_moved(self) -> bool:
        """Whether somebody has changed it since the page was opened."""
        return self.seen is not None and even(self.seen) != even(self.present)

    # What Django asks

    @property
    def data(self) -> Any:
        """What was sent. A field that nobody touched has today's value, whatever an old page says."""
        if self.is_compared and not self.is_touched and not isinstance(self.field, forms.FileField):
            return self.present
        return self.sent

    def value(self) -> Any:
        if self.is_compared and self.form.is_bound and not self.is_touched:
            return self.field.prepare_value(self.initial)
        return super().value()

    def _has_changed(self) -> bool:
        return self.is_touched if self.is_compared else super()._has_changed()  # type: ignore[misc]

    # For people

    @property
    def title(self) -> str:
        return str(capfirst(str(self.label or self.name)))

    def difference(self, who: str = "") -> str:
        """Say what it is now and was before, and who changed it, if that is known."""
        now, before = in_words(self.field, self.present), in_words(self.field, self.seen or "")
        by = f", changed by {who}" if who else ""
        return f"{self.title} is now {now} ({before} when you opened this page){by}"


def is_list(field: forms.Field) -> bool:
    """Whether a browser sends several values for a field."""
    return isinstance(field.hidden_widget(), forms.MultipleHiddenInput | forms.MultiWidget)


def as_posted(field: forms.Field, value: Any) -> Posted:
    """Return a value as a browser would send it."""
    widget = field.hidden_widget()
    value = field.prepare_value(value)
    if isinstance(widget, forms.MultiWidget):
        parts = value if isinstance(value, list) else widget.decompress(value) or []
        return [str(one.format_value(part) or "") for one, part in zip(widget.widgets, parts, strict=True)]
    if isinstance(widget, forms.MultipleHiddenInput):
        return sorted(str(one) for one in value or [])
    return str(widget.format_value(value) or "")


def differs(field: forms.Field, before: Any, after: Any) -> bool:
    """Whether two values that a browser sends for a field are not the same."""
    if isinstance(field, forms.FileField):
        return field.has_changed(None, after)
    before, after = even(before), even(after)
    if isinstance(before, str):
        with suppress(ValidationError):  # a choice that is gone by now is compared as text
            before = field.to_python(before)
    return field.has_changed(before, after)


def even(value: Any) -> Any:
    """Browsers send each new line as two characters."""
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


# In words


def in_words(field: forms.Field, posted: Posted) -> str:
    if isinstance(field, forms.BooleanField):
        return "on" if posted == "True" else "off"
    if isinstance(field, forms.FileField):
        return str(posted).rpartition("/")[2] or "none"
    names = [name_of(field, one) for one in ([posted] if isinstance(posted, str) else posted) if one]
    if not names:
        return "empty"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return str(Truncator(", ".join(names[:MOST_NAMES])).chars(MOST_LETTERS)) + more


def name_of(field: forms.Field, value: str) -> str:
    """Return the name of a choice, or the value itself."""
    if isinstance(field, forms.ModelChoiceField):
        try:
            chosen = field.queryset.filter(**{field.to_field_name or "pk": value}).first()  # type: ignore[union-attr]
        except (ValueError, TypeError, ValidationError):
            return value
        return str(chosen) if chosen else "something that is gone"
    if isinstance(field, forms.ChoiceField):
        return next((str(label) for code, label in flat(field.choices) if str(code) == value), value)
    return value


def flat(choices: Any) -> list[tuple[Any, Any]]:
    rows: list[tuple[Any, Any]] = []
    for code, label in choices:
        rows += flat(label) if isinstance(label, list | tuple) else [(code, label)]
    return rows
