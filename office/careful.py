"""The base of every admin: its forms, lists and deletions compare what the person saw with what is there now.

The comparison and the writing are one transaction, behind a lock of the rows that it is about.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import messages
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst

from office.acting import ActingAdmin
from office.forms import CarefulForm, careful
from office.rows import only, rows_of
from office.who import teller

LIST_PREFIX = "form"
MOST_TOLD = 5
DECIDE = "Nothing is saved yet. Somebody else changed the same as you did meanwhile: see below."


class CarefulAdmin(ActingAdmin):
    tells_elsewhere = True  # say what else was changed meanwhile; not of what moves by itself
    follows: Mapping[str, Iterable[str]] = {}  # columns that the model changes together with another

    # What is locked

    def lock(self, keys: Iterable[Any]) -> None:
        """Let nobody change these rows until the transaction ends. The order of the keys prevents deadlocks."""
        rows: Any = self.model._base_manager.filter(pk__in=list(keys)).order_by("pk")
        list(rows.select_for_update(no_key=True).values_list("pk", flat=True))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        if request.method == "POST" and connection.in_atomic_block:
            self.lock(self.valid_keys([object_id]))
        return super().get_object(request, object_id, from_field)

    # Forms

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return form if obj is None else careful(form, teller(request, self.model))

    def get_formsets_with_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        for formset, inline in super().get_formsets_with_inlines(request, obj):
            formset.form = careful(formset.form, teller(request, inline.model))
            yield formset, inline

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the class of the list's forms, whose instance is noted on the request."""
        plain: Any = super().get_changelist_formset(request, **kwargs)

        class Noted(plain):  # type: ignore[misc]
            form = careful(plain.form, teller(request, self.model))

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                request.shown_formset = self  # type: ignore[attr-defined]

        return Noted

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the columns that the person changed, and what follows from them, and no other."""
        if not change or not isinstance(form, CarefulForm):
            return super().save_model(request, obj, form, change)
        written = form.written
        obj.save(update_fields=written.union(*(self.follows[name] for name in written if name in self.follows)))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        if not hasattr(request, "shown_formset"):
            self.tell_elsewhere(request, [form, *(each for formset in formsets for each in formset.forms)])
        super().save_related(request, form, formsets, change)

    def tell_elsewhere(self, request: HttpRequest, forms: Iterable[Any]) -> None:
        """Say what somebody else changed meanwhile of what is on the page."""
        careful_ones = [form for form in forms if isinstance(form, CarefulForm)] if self.tells_elsewhere else []
        told = [f"{form.instance}: {sentence}." for form in careful_ones for sentence in form.elsewhere()]
        if told:
            more = f" And {len(told) - MOST_TOLD} more." if len(told) > MOST_TOLD else ""
            self.message_user(request, f"Changed meanwhile, and kept: {' '.join(told[:MOST_TOLD])}{more}")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        forms = [context["adminform"].form]
        for inline in context["inline_admin_formsets"]:
            forms += inline.formset.forms
        self.tell_replaced(request, forms)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_inline_formsets(self, request: HttpRequest, formsets: Any, inline_instances: Any, obj: Any = None) -> Any:
        """Show what was sent of the rows that are there, each beside its own."""
        shown = []
        for formset, inline in zip(formsets, inline_instances, strict=True):
            if formset.is_bound and any(getattr(form, "is_gone", False) for form in formset.initial_forms):
                formset = self.without_gone(request, formset, inline, obj)
            shown.append(formset)
        return super().get_inline_formsets(request, shown, inline_instances, obj)

    def without_gone(self, request: HttpRequest, formset: Any, inline: Any, obj: Any) -> Any:
        """Make a set of forms anew without the rows that are gone, and say so of those that the person changed."""
        self.tell_gone(request, formset.initial_forms, inline.opts.verbose_name)
        rows = rows_of(request.POST, formset.prefix, str(inline.opts.pk.name))
        gone = {form.posted_key for form in formset.initial_forms if form.is_gone}
        values = self.get_formset_kwargs(request, obj, inline, formset.prefix)
        kept = [number for number, key in sorted(rows.items()) if key not in gone]
        again = type(formset)(**{**values, "data": only(request.POST, formset.prefix, kept)})
        again._queryset = [form.instance for form in again.initial_forms]  # Django pairs them by their order
        return again

    def tell_gone(self, request: HttpRequest, forms: Iterable[Any], noun: str) -> None:
        for form in forms:
            for sentence in form.non_field_errors() if form.is_gone else ():
                self.message_user(request, f"{capfirst(noun)} {form.posted_key}: {sentence}", messages.WARNING)

    def tell_replaced(self, request: HttpRequest, forms: Iterable[Any]) -> None:
        if any(getattr(form, "was_replaced", False) for form in forms):
            self.message_user(request, DECIDE, messages.WARNING)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """Say that a row was deleted while its page lay open."""
        if request.method != "POST":
            return super()._get_obj_does_not_exist_redirect(request, opts, object_id)  # type: ignore[misc,no-any-return]
        who = teller(request, self.model)(object_id, "")
        by = f" by {who}" if who else ""
        self.message_user(
            request, f"This {opts.verbose_name} was deleted meanwhile{by}. Nothing was saved.", "warning"
        )
        return HttpResponseRedirect(reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"))

    # Lists

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method != "POST" or "_save" not in request.POST:
            return self.with_newest(super().changelist_view(request, extra_context))
        with transaction.atomic():
            self.lock(self.valid_keys(rows_of(request.POST, LIST_PREFIX, self.key_name).values()))
            self.leave_out_deleted(request)
            response = super().changelist_view(request, extra_context)
        formset = getattr(request, "shown_formset", None)
        if formset is not None and isinstance(response, TemplateResponse):
            self.tell_replaced(request, formset.forms)
            # Django pairs the forms with the rows of today's list, whichever these are.
            response.context_data["cl"].result_list = [form.instance for form in formset.forms]  # type: ignore[index]
        elif formset is not None:
            self.tell_elsewhere(request, formset.forms)
        return response

    @property
    def key_name(self) -> str:
        assert self.model._meta.pk is not None
        return str(self.model._meta.pk.name)

    def leave_out_deleted(self, request: HttpRequest) -> None:
        """Take the rows that are gone out of a posted list, and say so of those that the person changed."""
        if not self.list_editable or not self.has_change_permission(request):
            return
        rows = rows_of(request.POST, LIST_PREFIX, self.key_name)
        there = self.get_queryset(request).filter(pk__in=self.valid_keys(rows.values()))
        known = {str(key) for key in there.values_list("pk", flat=True)}
        kept = [number for number, key in sorted(rows.items()) if key in known or not self.valid_keys([key])]
        if len(kept) == len(rows):
            return
        forms = self.get_changelist_formset(request)(request.POST, queryset=there).forms
        self.tell_gone(request, forms, str(self.opts.verbose_name))
        request.POST = only(request.POST, LIST_PREFIX, kept)  # type: ignore[assignment]
