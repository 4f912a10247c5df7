"""A form that compares what its page showed with what is true now, and takes over only what the person changed."""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.db import models
from django.db.models.fields.files import FieldFile
from django.forms.models import InlineForeignKeyField, ModelFormMetaclass
from django.forms.utils import ErrorDict

from office.shown import ShownField

OUT_OF_DATE = "This page is out of date: it doesn’t say what you saw. Look at it again, and save again if you like."
GONE = "It was deleted meanwhile{}, so your change can’t be saved."
Who = Callable[[models.Model | str, str], str]


class CarefulForm(forms.ModelForm):  # type: ignore[type-arg]
    """Fields that the person left alone keep today's value; one that both changed is an error, until they decide."""

    bound_field_class = ShownField
    who: Who = staticmethod(lambda row, title: "")  # (a row or its key, a field's title) -> who changed it
    gone_sentence = GONE
    was_replaced = False  # this is about what somebody else changed

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.compared = frozenset(self._names())
        self.before = columns_of(self.instance)

    def _names(self) -> list[str]:
        """Return the fields that stand for a column or a relation of the row."""
        if self.instance.pk is None and not self.is_gone:
            return []
        opts = self.instance._meta
        known = {field.name for field in (*opts.concrete_fields, *opts.many_to_many) if not field.primary_key}
        return [name for name, field in self.fields.items() if name in known and is_free(field)]

    @property
    def posted_key(self) -> str:
        key = self.instance._meta.pk
        return str(self.data.get(self.add_prefix(key.name if key else "id"), "")) if self.is_bound else ""

    @property
    def is_gone(self) -> bool:
        """Whether this is a row of a list that has been deleted since."""
        return self.instance.pk is None and self.prefix is not None and bool(self.posted_key)

    @property
    def changed_data(self) -> list[str]:
        key = self.instance._meta.pk
        return [
            name
            for name in self.fields
            if not (self.is_gone and key is not None and name == key.name) and self[name]._has_changed()  # type: ignore[attr-defined]
        ]

    @property
    def wishes(self) -> list[str]:
        """Return what the person wants of the row. Unlike `has_changed`, also where a row can't be added."""
        return self.changed_data

    def shown_fields(self) -> list[ShownField]:
        return [cast(ShownField, self[name]) for name in self.fields if name in self.compared]

    def full_clean(self) -> None:
        if not self.is_gone:
            return super().full_clean()
        self._errors, self.cleaned_data = ErrorDict(), {}
        if self.wishes:
            who = self.who(self.posted_key, "")
            self.add_error(None, self.gone_sentence.format(f" by {who}" if who else ""))

    def _clean_fields(self) -> None:
        super()._clean_fields()  # type: ignore[misc]
        for shown in self.shown_fields():
            if not shown.is_touched:
                self.errors.pop(shown.name, None)
                self.cleaned_data[shown.name] = value_of(self.instance, shown.name)
            elif shown.seen is None:
                self.add_error(shown.name, OUT_OF_DATE)
            elif shown.has_moved:
                self.was_replaced = True
                self.add_error(shown.name, self.conflict(shown))

    def conflict(self, shown: ShownField) -> str:
        """Say what somebody else made of a field that the person changed, too."""
        return f"{shown.difference(self.who(self.instance, shown.title))}. Save again if yours should replace it."

    def elsewhere(self) -> list[str]:
        """Say what somebody else changed meanwhile that the person left alone."""
        return [
            shown.difference(self.who(self.instance, shown.title))
            for shown in self.shown_fields()
            if shown.has_moved and not shown.is_intended
        ]

    @property
    def written(self) -> set[str]:
        """Return the columns that differ by now from what was read, with those that note the moment of a change."""
        now = columns_of(self.instance)
        changed = {name for name, value in now.items() if value != self.before[name]}
        moments = {field.name for field in self.instance._meta.concrete_fields if getattr(field, "auto_now", False)}
        return changed | moments if changed else changed


def is_free(field: forms.Field) -> bool:
    """Whether a person can change a field."""
    return not field.disabled and not isinstance(field, InlineForeignKeyField)


def columns_of(row: models.Model) -> dict[str, Any]:
    return {field.name: plain(field.value_from_object(row)) for field in row._meta.concrete_fields}


def plain(value: Any) -> Any:
    """Return the name of a file: the object is the same when another one is uploaded."""
    return str(value) if isinstance(value, FieldFile) else value


def value_of(row: models.Model, name: str) -> Any:
    """Return what a form's clean data would hold of a row."""
    if isinstance(row._meta.get_field(name), models.ManyToManyField):
        return list(getattr(row, name).all())
    return getattr(row, name)


def careful(form: type[Any], who: Who) -> type[Any]:
    """Return the form's class with CarefulForm between itself and Django's own."""
    bases = (form,) if issubclass(form, CarefulForm) else (form, CarefulForm)
    return ModelFormMetaclass(form.__name__, bases, {"who": staticmethod(who), "__module__": form.__module__})
