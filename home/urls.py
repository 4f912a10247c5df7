from django.urls import path

from home import media, sharing_views, views

urlpatterns = [
    path("", views.index, name="index"),
    path("orders/older/", views.older, name="older_orders"),
    path("order/<str:order_id>/", views.order, name="order"),
    path("order/<str:order_id>", views.order),
    path("order/<str:order_id>/share/", sharing_views.share, name="share"),
    path("order/<str:order_id>/unshare/", sharing_views.unshare, name="unshare"),
    path("media/pizzas/<str:name>", media.picture, {"folder": "pizzas"}),
    path("media/people/<str:name>", media.picture, {"folder": "people"}),
]
