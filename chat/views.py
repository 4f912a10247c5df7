"""The pages of rooms and the inbox. Messages come over the socket."""

from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import limits, people, rights
from accounts.guests import make_guest
from archive import reading
from chat import rooms
from chat.models import Membership, Room
from chat.person import free_name, guest_name, person_of
from realtime.refused import Refused


@require_http_methods(["GET", "HEAD", "POST"])
def home(request: HttpRequest) -> HttpResponse:
    """Ask for a room, and a visitor for a name, too. List a member's own rooms and friends."""
    wanted, username = request.POST.get("room", ""), request.POST.get("username", "")
    error, too_many = "", None
    if request.method == "POST":
        try:
            return redirect(address_of_room(request, wanted, username))
        except Refused as refused:
            error = str(refused)
        except limits.TooMany as refused:
            error, too_many = refused.sentence, refused
    member = request.user if request.user.is_authenticated else None
    context = {
        "error": error,
        "room": wanted,
        "username": username,
        "rooms": rooms.rooms_of(member) if member else [],
        "mark": rooms.unread_rooms([member.pk])[member.pk] if member else 0,  # chat.sockets.notices tells when
        "friends": people.friends(member) if member else [],
    }
    response = render(request, "chat/home.html", context, status=400 if error else 200)
    return too_many.answered_by(response) if too_many else response


def address_of_room(request: HttpRequest, wanted: str, username: str) -> str:
    """Return the room's address. Create the room now, to keep its name as typed. Refused if not allowed."""
    slug, _ = rooms.public_slug(wanted)
    person = person_of(request)
    name = person.name if person.user else free_name(username)
    rooms.enter(wanted, person, lambda: rooms.count_new(person, limits.address_of(request)))
    return f"{rooms.room_url(slug)}?{urlencode({'username': name})}"


@require_safe
def room(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a room: a public one to everyone, a private one to its two people.

    A public room that does not exist yet is created by its first socket, not here.
    """
    if slug.startswith(rooms.ORDER):
        return to_order(request, slug)
    if slug.startswith(rooms.PRIVATE):
        return private_page(request, slug)
    try:
        canonical, name = rooms.public_slug(slug)
    except Refused as refused:
        context = {"error": str(refused), "room": slug, "username": request.GET.get("username", "")}
        return render(request, "chat/home.html", context, status=400)
    if canonical != slug:
        query = request.GET.urlencode()
        return redirect(rooms.room_url(canonical) + (f"?{query}" if query else ""))
    known = Room.objects.filter(slug=slug).values_list("name", flat=True).first()
    username, why_not = name_for(request)
    context = {"slug": slug, "name": known or name, "kind": Room.Kind.PUBLIC, "username": username, "refused": why_not}
    return render(request, "chat/room.html", context)


def name_for(request: HttpRequest) -> tuple[str, str]:
    """Return (name used here, why it is not the name asked for).

    A visitor gets a word in the session, which keeps their messages theirs.
    """
    if request.user.is_authenticated:
        return request.user.get_username(), ""
    guest, wanted = make_guest(request), request.GET.get("username", "")
    try:
        return (free_name(wanted), "") if wanted else (guest_name(guest), "")
    except Refused as refused:
        return guest_name(guest), str(refused)


def private_page(request: HttpRequest, slug: str) -> HttpResponse:
    person = person_of(request)
    try:
        found = rooms.enter(slug, person)
    except rooms.NoRoom:
        raise Http404 from None
    context = {"slug": slug, "name": rooms.title(found, person), "kind": found.kind, "username": person.name}
    return render(request, "chat/room.html", context)


def to_order(request: HttpRequest, slug: str) -> HttpResponse:
    """Redirect to the order's page, where its conversation is."""
    found = Room.objects.filter(slug=slug, kind=Room.Kind.ORDER).select_related("order").first()
    person = person_of(request)
    if found is not None and rooms.can_read(found, person):
        return redirect(found.url)
    for order in reading.archived([slug.removeprefix(rooms.ORDER)]):  # the room has gone, as nobody wrote there
        if rooms.can_talk(order, person):
            return redirect(order)
    raise Http404


@require_POST
@login_required
def write_to(request: HttpRequest, username: str) -> HttpResponse:
    """Open the private room with a friend. 404 unless the user exists and is a friend."""
    assert isinstance(request.user, User)
    friend = people.friends(request.user).filter(username=username).first() if username.isprintable() else None
    if friend is None:
        raise Http404
    try:
        return redirect(rooms.private_room(request.user, friend).url)
    except Refused:  # the friendship has ended since the query above
        raise Http404 from None


@require_POST
@login_required
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    """Remove a public room from a member's rooms, so that its messages no longer count as unread.

    A muted member keeps the membership, and stays muted.
    """
    mine = Membership.objects.filter(room__slug=slug, room__kind=Room.Kind.PUBLIC, user=request.user.pk)
    mine.filter(muted=False).delete()
    return redirect(reverse("chat"))


@require_safe
@rights.needs(rights.ANSWER)
def inbox(request: HttpRequest) -> HttpResponse:
    """Show the inbox; its lists come over the socket."""
    return render(request, "kitchen/inbox.html")
