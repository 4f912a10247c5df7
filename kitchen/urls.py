from django.urls import path

from kitchen.board.views import board
from kitchen.drivers.views import drivers
from kitchen.planner import views
from kitchen.promises.views import promises

urlpatterns = [
    path("", board, name="board"),
    path("drivers/", drivers, name="drivers"),
    path("promises/", promises, name="promises"),
    path("planner/", views.planner, name="planner"),
    path("planner/<int:pk>/", views.study, name="study"),
    path("planner/<int:pk>/cancel/", views.cancel, name="cancel_study"),
    path("planner/<int:pk>/again/", views.again, name="study_again"),
    path("planner/<int:pk>.json", views.study_json, name="study_json"),
    path("planner/<int:pk>.csv", views.study_csv, name="study_csv"),
]
