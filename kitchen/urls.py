from django.urls import path

from kitchen import planner_views, views

urlpatterns = [
    path("", views.board, name="board"),
    path("promises/", views.promises, name="promises"),
    path("planner/", planner_views.planner, name="planner"),
    path("planner/<int:pk>/", planner_views.study, name="study"),
    path("planner/<int:pk>/cancel/", planner_views.cancel, name="cancel_study"),
    path("planner/<int:pk>/again/", planner_views.again, name="study_again"),
    path("planner/<int:pk>.json", planner_views.study_json, name="study_json"),
    path("planner/<int:pk>.csv", planner_views.study_csv, name="study_csv"),
]
