"""Every table of the admin is careful, also those of others, and whatever is registered next."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import RequestFactory

from office.careful import CarefulAdmin
from office.forms import CarefulForm
from office.site import CarefulSite

TABLES = sorted(admin.site._registry, key=lambda model: model._meta.label)


def request_of(user):
    request = RequestFactory().post("/")
    request.user, request.session = user, {}
    return request


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model._meta.label)
def test_every_form_list_and_action_of_a_table_compares(model):
    modeladmin, request = (
        admin.site._registry[model],
        request_of(User(is_active=True, is_staff=True, is_superuser=True)),
    )
    assert isinstance(modeladmin, CarefulAdmin)
    forms = [modeladmin.get_form(request, model(pk=1), change=True)]
    forms += [formset.form for formset, _ in modeladmin.get_formsets_with_inlines(request, model(pk=1))]
    if modeladmin.list_editable:
        forms.append(modeladmin.get_changelist_formset(request).form)
    assert all(issubclass(form, CarefulForm) for form in forms)
    acts = [act for act, _, _ in modeladmin.get_actions(request).values()]
    assert all(act.__wrapped__ for act in acts)


def test_a_table_that_is_registered_plainly_becomes_careful():
    class Plain(admin.ModelAdmin):
        def save_model(self, request, obj, form, change):
            super().save_model(request, obj, form, change)

    site = CarefulSite()
    site.register(Session, Plain)
    site.register(User)
    names = [one.__name__ for one in type(site._registry[Session]).__mro__]
    assert names.index("Plain") < names.index("CarefulAdmin") < names.index("ModelAdmin")
    assert isinstance(site._registry[User], CarefulAdmin)
