"""Show the page of friends: search, requests, friends, blocks. It works with forms alone; notices.js refreshes it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import limits, people
from realtime.refused import Refused

MANY_SEARCHES = "That was a lot of searching."

Verb = Callable[[User, User], Any]

# Each verb, and the message that confirms it
VERBS: dict[str, tuple[Verb, str]] = {
    "ask": (people.ask, "{} has your request."),
    "cancel": (people.cancel, "You withdrew your request to {}."),
    "accept": (people.accept, "You and {} are friends now."),
    "decline": (people.decline, "You declined the request. {} won't be told."),
    "unfriend": (people.unfriend, "You and {} are no longer friends."),
    "block": (people.block, "{} is blocked. They won't be told."),
    "unblock": (people.unblock, "{} is no longer blocked."),
}


@require_safe
@login_required
@never_cache
def index(request: HttpRequest) -> HttpResponse:
    """List this person's friends, requests and blocks, and with ?q= the people they search for."""
    user = member(request)
    mark = people.news([user.pk])[user.pk].mark  # read first, so that any change meanwhile makes it stale
    sought = request.GET.get("q", "").strip()
    found, problem, too_many = look_for(user, sought) if sought else ([], "", None)
    context = {
        "sought": sought,
        "found": found,
        "problem": problem,
        "requests": people.requests(user),
        "friends": people.friends(user),
        "blocked": people.blocked_by(user),
        "mark": mark,
    }
    response = render(request, "accounts/people.html", context)
    return too_many.answered_by(response) if too_many else response


@require_POST
@login_required
def act(request: HttpRequest, verb: str) -> HttpResponse:
    """Handle a button of that page. The result is shown there as a message."""
    if verb not in VERBS:
        raise Http404
    user = member(request)
    try:
        messages.success(request, obey(user, verb, request.POST.get("username", "")))
    except Refused as refused:
        messages.warning(request, str(refused))
    sought = request.POST.get("q", "")
    return redirect(reverse("people") + (f"?{urlencode({'q': sought})}" if sought else ""))


def obey(user: User, verb: str, username: str) -> str:
    """Run the verb and return the message to show. Raise Refused if it is not possible."""
    if verb == "ask":
        limits.spend(("friend", user.pk))
    do, sentence = VERBS[verb]
    other = people.person(user, username)
    are_friends_now = do(user, other)
    return (VERBS["accept"][1] if are_friends_now else sentence).format(other)


Found = tuple[list[tuple[User, str]], str, limits.TooMany | None]


def look_for(user: User, sought: str) -> Found:
    """Return the people found with their relation to this person, a message if there are none, and the limit."""
    try:
        limits.spend(("search", user.pk), words=MANY_SEARCHES)
    except limits.TooMany as too_many:
        return [], too_many.sentence, too_many
    try:
        found = people.search(user, sought)
    except Refused as refused:
        return [], str(refused), None
    relations = people.relations(user, found)
    problem = "" if found else "Nobody here has a name like that."
    return [(other, relations.get(other.pk, "")) for other in found], problem, None


def member(request: HttpRequest) -> User:
    assert request.user.is_authenticated  # login_required
    return request.user
