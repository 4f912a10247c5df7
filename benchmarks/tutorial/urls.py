"""An empty URL configuration: only the socket is measured."""

urlpatterns: list[object] = []
