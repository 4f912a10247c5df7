from django.urls import path

from keeping import views

urlpatterns = [path("profile/data/", views.my_data, name="my_data")]
