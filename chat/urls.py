from django.urls import path

from chat import views

urlpatterns = [
    path("chat/", views.home, name="chat"),
    path("chat/with/<str:username>/", views.write_to, name="chat_with"),
    path("chat/<str:slug>/leave/", views.leave, name="leave_room"),
    path("chat/<str:slug>/", views.room, name="room"),
    path("kitchen/inbox/", views.inbox, name="inbox"),
]
