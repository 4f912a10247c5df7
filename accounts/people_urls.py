from django.urls import path

from accounts import people_views

urlpatterns = [
    path("", people_views.index, name="people"),
    path("<str:verb>/", people_views.act, name="people_act"),
]
