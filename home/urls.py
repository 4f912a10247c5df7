from django.contrib.auth import views as auth
from django.urls import path

from home import media, views

urlpatterns = [
    path("", views.index, name="index"),
    path("order/<str:order_id>/", views.order, name="order"),
    path("order/<str:order_id>", views.order),
    path("sign-up/", views.sign_up, name="sign_up"),
    path("log-in/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("log-out/", auth.LogoutView.as_view(), name="logout"),
    path("media/pizzas/<str:name>", media.picture),
]
