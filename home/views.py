"""The pages of the shop."""

from django.contrib.auth import login
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from home.forms import SignUpForm
from home.guests import guest_of
from home.models import Order, Pizza
from kitchen import stages
from kitchen.models import Shop

ORDERS_PER_PAGE = 20


@require_safe
@ensure_csrf_cookie
def index(request: HttpRequest) -> HttpResponse:
    """The menu as cards, the orders as a table: a customer's own, all for staff."""
    orders = Order.objects.of(request.user, guest_of(request)).select_related("user")
    only_real = request.GET.get("simulated") == "0"
    if only_real:
        orders = orders.filter(simulated=False)
    page = Paginator(orders, ORDERS_PER_PAGE).get_page(request.GET.get("page"))
    shop = Shop.objects.get()
    context = {
        "pizzas": Pizza.objects.filter(on_menu=True),
        "page": page,
        "only_real": only_real,
        "in_kitchen": Order.objects.open().count(),
        "in_line": Order.objects.in_line().count(),
        "is_open": shop.is_open,
        "speed": shop.speed,
    }
    return render(request, "home/index.html", context)


@require_safe
def order(request: HttpRequest, order_id: str) -> HttpResponse:
    """One order, for whoever has the link: the id is the secret, and nothing personal is shown."""
    found = get_object_or_404(Order.objects.prefetch_related("lines__pizza", "events"), order_id=order_id)
    context = {"order": found, "steps": stages.STAGES, "speed": Shop.objects.get().speed}
    return render(request, "home/order.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """A new account is logged in at once; what was ordered before comes along (home.signals)."""
    if request.user.is_authenticated:
        return redirect("index")
    form = SignUpForm(request.POST or None)
    if form.is_valid():
        login(request, form.save())
        target = request.POST.get("next", "")
        safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
        return redirect(target if safe else "index")
    return render(request, "registration/sign_up.html", {"form": form})
