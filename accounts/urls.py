from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import profile_views, views

urlpatterns = [
    path("sign-up/", views.sign_up, name="sign_up"),
    path("log-in/", views.LogIn.as_view(), name="login"),
    path("log-out/", LogoutView.as_view(), name="logout"),
    path("forgotten-password/", views.ForgottenPassword.as_view(), name="password_reset"),
    path("forgotten-password/sent/", views.ResetSent.as_view(), name="password_reset_done"),
    path("new-password/<uidb64>/<token>/", views.ResetPassword.as_view(), name="password_reset_confirm"),
    path("profile/", profile_views.profile, name="profile"),
    path("profile/e-mail/", profile_views.change_email, name="change_email"),
    path("profile/password/", views.NewPassword.as_view(), name="password_change"),
    path("profile/tokens/", profile_views.make_token, name="make_token"),
    path("profile/tokens/<int:pk>/revoke/", profile_views.revoke_token, name="revoke_token"),
    path("profile/delete/", profile_views.delete_account, name="delete_account"),
]
