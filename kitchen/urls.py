from django.urls import path

from kitchen import views

urlpatterns = [path("", views.board, name="board")]
