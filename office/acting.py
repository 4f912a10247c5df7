"""Actions on the rows of a list: each is compared with what the list showed of it.

Those that the admin describes in `row_actions` are done row by row, in the background if there are many, and answered
with one sentence. The others, such as those of django-celery-beat, write all rows in one statement.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from office import tasks
from office.asking import request_of
from office.outcome import Outcome
from pizzaProj import limits
from pizzaProj.pages.newest import NewestPages
from realtime.refused import Refused

DELETE = "delete_selected"
LOOK_AGAIN = "This page is out of date: it doesn’t say what you saw. Load it again. Nothing was done."
HAS_CHANGED = "has changed since you saw it"
Rows = list[tuple[Any, str]]  # (key, version)


class ActingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    row_actions: Mapping[str, str] = {}  # {name of the action: what has become of a row then}
    list_max_show_all = 100  # each row sends several fields, and Django takes a thousand
    # How long a list takes must not depend on how many rows there ever were.
    paginator = NewestPages
    show_full_result_count = False
    volatile: Collection[str] = ()  # columns that change by themselves: no reason to refuse anything

    # What was seen of a row

    def version(self, row: models.Model) -> str:
        """Return a digest of a row, which differs if anything that people change differs."""
        fields = [field for field in row._meta.concrete_fields if field.name not in self.volatile]
        values = repr([(field.name, field.value_to_string(row)) for field in fields])
        return hashlib.sha256(values.encode()).hexdigest()[:16]

    def versions(self, rows: "models.QuerySet[Any]") -> Rows:
        """Return the key and the version of each row, by key."""
        plain = rows.select_related(None).prefetch_related(None).order_by("pk")
        return [(row.pk, self.version(row)) for row in plain.iterator(chunk_size=limits.ACTION_ROWS_AT_ONCE)]

    def action_checkbox(self, obj: models.Model) -> SafeString:
        seen = format_html('<input type="hidden" name="shown-{}" value="{}">', obj.pk, self.version(obj))
        return super().action_checkbox(obj) + seen

    def valid_keys(self, keys: Iterable[Any]) -> list[Any]:
        """Return those that can be a key at all."""
        return [valid for key in keys for valid in self._valid(key)]

    def _valid(self, key: Any) -> Iterator[Any]:
        assert self.model._meta.pk is not None
        with suppress(ValidationError):
            if key is not None:
                yield self.model._meta.pk.clean(key, None)

    def with_newest(self, response: HttpResponse) -> HttpResponse:
        """Note on a list of several pages which row is the newest: “all” are those that were there."""
        if isinstance(response, TemplateResponse) and response.context_data and "cl" in response.context_data:
            shown = response.context_data["cl"]
            if shown.result_count > len(shown.result_list):
                newest: Any = self.model._base_manager.order_by("-pk")
                response.context_data["newest"] = newest.values_list("pk", flat=True).first()
        return response

    # Actions

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: Any = super().get_actions(request)
        return {name: (self.careful_action(name, act), name, words) for name, (act, _, words) in actions.items()}

    def careful_action(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(act)
        def careful(modeladmin: Any, request: HttpRequest, rows: "models.QuerySet[Any]") -> Any:
            chosen = self.chosen(request, rows)
            if chosen is None:
                return self.message_user(request, LOOK_AGAIN, messages.ERROR)
            if name == DELETE and not request.POST.get("post"):
                return self.confirm_deletion(request, chosen)
            if name == DELETE or name in self.row_actions:
                return self.act_on_rows(request, name, chosen)
            return self.act_on_all(request, act, chosen)

        return careful

    def response_action(self, request: HttpRequest, queryset: Any, *args: Any) -> Any:
        """Take the rows that were chosen, also those that have left the list's filters since: they are refused."""
        post = request.POST.copy()
        post.setlist("_selected_action", [str(key) for key in self.valid_keys(post.getlist("_selected_action"))])
        request.POST = post  # type: ignore[assignment]
        return super().response_action(request, queryset if is_across(request) else self.get_queryset(request))

    def chosen(self, request: HttpRequest, rows: "models.QuerySet[Any]") -> Rows | None:
        """Return what was chosen, each with the version that the page showed; None if it did not say.

        “All” of several pages are those that were listed there when the page was made, as they are now.
        """
        if not is_across(request):
            keys = self.valid_keys(request.POST.getlist("_selected_action"))
            found = [(key, request.POST.get(f"shown-{key}")) for key in sorted(set(keys))]
            return None if any(seen is None for _, seen in found) else [(key, seen or "") for key, seen in found]
        newest = self.valid_keys([request.POST.get("newest")])
        if not newest:
            return None
        listed = rows.filter(pk__lte=newest[0]).values("pk")[: limits.LISTED_ROWS]
        there = self.versions(self.model._base_manager.filter(pk__in=listed))
        return [(key, str(request.POST.get(f"shown-{key}", now))) for key, now in there]

    def act_on_all(self, request: HttpRequest, act: Callable[..., Any], chosen: Rows) -> Any:
        """Let an action write all rows at once, but those that have changed since."""
        outcome = Outcome()
        with transaction.atomic():
            self.lock([key for key, _ in chosen])
            now = dict(self.versions(self.model._base_manager.filter(pk__in=[key for key, _ in chosen])))
            fresh = [key for key, seen in chosen if now.get(key) == seen]
            for key, seen in chosen:
                if now.get(key) != seen:
                    outcome.refuse(self.name_of(key), HAS_CHANGED if key in now else "is gone already")
            self.tell(request, outcome, "")
            return act(self, request, self.get_queryset(request).filter(pk__in=fresh)) if fresh else None

    def lock(self, keys: Iterable[Any]) -> None:
        raise NotImplementedError

    def act_on_rows(self, request: HttpRequest, name: str, chosen: Rows) -> None:
        """Do it now with a few rows, and in the background with many."""
        if len(chosen) > limits.ACTION_ROWS:
            most = f"{limits.ACTION_ROWS:,}"
            return self.message_user(request, f"That is too many at once. Choose at most {most}.", messages.ERROR)
        if len(chosen) > limits.ACTION_ROWS_AT_ONCE:
            return self.act_in_background(request, name, chosen)
        outcome = Outcome()
        for key, seen in chosen:
            self.attempt(outcome, name, key, seen, request.user)
        self.tell(request, outcome, name)

    def act_in_background(self, request: HttpRequest, name: str, chosen: Rows) -> None:
        run = tasks.start(self.opts.label, name, [[key, seen] for key, seen in chosen], request.user)
        words = format_html(
            '{} are taken one by one in the background. <a href="{}">See how far it is</a>',
            self.nouns(len(chosen)).capitalize(),
            reverse("admin:office_run_change", args=[run.pk]),
        )
        self.message_user(request, words)

    def attempt(self, outcome: Outcome, name: str, key: Any, seen: str, by: Any) -> None:
        """Do it with one row and note what became of it."""
        try:
            self.act_on(name, key, seen, by)
        except Refused as refused:
            title = self.name_of(key)
            outcome.refuse(title, str(refused).removeprefix(title).strip())
        else:
            outcome.done += 1

    def act_on(self, name: str, key: Any, seen: str, by: Any) -> None:
        """Do an action with one row. Refused if it has changed since it was seen, or can't be done."""
        if name != DELETE:
            raise NotImplementedError(name)
        with transaction.atomic():
            self.delete_row(self.as_seen(key, seen), by)

    def as_seen(self, key: Any, seen: str) -> Any:
        """Return a row, locked. Refused if it is not as it was seen."""
        self.lock([key])
        row = self.model._base_manager.filter(pk=key).first()
        if row is None:
            raise Refused("is gone already")
        if self.version(row) != seen:
            raise Refused(HAS_CHANGED)
        return row

    def name_of(self, key: Any) -> str:
        row = self.model._base_manager.filter(pk=key).first()
        return f"{self.opts.verbose_name} {key}" if row is None else str(row)

    def nouns(self, count: int) -> str:
        return f"{count:,} {self.opts.verbose_name if count == 1 else self.opts.verbose_name_plural}"

    def tell(self, request: HttpRequest, outcome: Outcome, name: str) -> None:
        done, refused = self.sentences(outcome, name)
        if done:
            self.message_user(request, done, messages.SUCCESS)
        if refused:
            self.message_user(request, refused, messages.ERROR)

    def sentences(self, outcome: Outcome, name: str) -> tuple[str, str]:
        """Return what was done, and what was not and why; each can be empty."""
        done = f"{self.nouns(outcome.done)} {self.row_actions.get(name, 'deleted')}." if outcome.done else ""
        return done, outcome.refusals

    # Deleting

    def delete_row(self, row: models.Model, by: Any) -> None:
        """Delete a row with what hangs on it. Refused if something needs it, or the person is not allowed to."""
        request = request_of(by)
        _, _, lacking, protected = self.get_deleted_objects([row], request)
        if not self.has_delete_permission(request, row) or lacking:
            raise Refused("you are not allowed to delete it, or what hangs on it")
        if protected:
            raise Refused("is still needed by something else")
        self.log_deletions(request, self.model._base_manager.filter(pk=row.pk))
        self.delete_model(request, row)

    def confirm_deletion(self, request: HttpRequest, chosen: Rows) -> HttpResponse:
        """Ask before deleting. Of many rows only how many there are: to list all takes too long."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        is_many = len(chosen) > limits.ACTION_ROWS_AT_ONCE
        rows = [] if is_many else list(self.get_queryset(request).filter(pk__in=[key for key, _ in chosen]))
        listed, counts, lacking, protected = self.get_deleted_objects(rows, request)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Delete {self.nouns(len(chosen))}?",
            "subtitle": None,
            "objects_name": self.nouns(len(chosen)),
            "deletable_objects": [listed],
            "model_count": dict(counts).items(),
            "perms_lacking": lacking,
            "protected": protected,
            "opts": self.opts,
            "media": self.media,
            "is_many": is_many,
            **carried(request, chosen, is_many),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/delete_selected_confirmation.html", context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        if request.method != "POST" or not self.has_delete_permission(request):
            row = self.get_object(request, object_id)
            shown = {"shown": self.version(row)} if row is not None else {}
            return super().delete_view(request, object_id, {**shown, **(extra_context or {})})
        with transaction.atomic():
            row = self.get_object(request, object_id)
            is_forbidden = not self.has_delete_permission(request, row)
            if row is None or is_forbidden or request.POST.get("shown") == self.version(row):
                return super().delete_view(request, object_id, extra_context)
        self.message_user(request, f"{row} {HAS_CHANGED}. Look again before you delete it.", messages.WARNING)
        return HttpResponseRedirect(request.get_full_path())


def is_across(request: HttpRequest) -> bool:
    """Whether all rows of all pages were chosen."""
    return request.POST.get("select_across") == "1"


def carried(request: HttpRequest, chosen: Rows, is_many: bool) -> dict[str, Any]:
    """Return what a page that asks first sends once more: the rows with what was seen of them, or “all”."""
    if not (is_many and is_across(request)):
        return {"chosen": chosen}
    on_page = [(key, seen) for key, seen in chosen if f"shown-{key}" in request.POST]
    return {"chosen": on_page, "across": {name: request.POST.get(name) for name in ("select_across", "newest")}}
