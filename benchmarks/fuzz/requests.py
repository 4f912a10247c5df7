"""What a client can send to the door that is no proper request, or one for something that is not there."""

from collections.abc import Iterator
from random import Random

from benchmarks.fuzz.frames import TEXTS
from benchmarks.fuzz.sockets import Names

HOST = b"Host: localhost\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" + KEY
END = b"\r\n"
BODY = b"Content-Type: application/json\r\nContent-Length: "
FORM = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
PARTS = b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: "
METHODS = (
    b"GET",
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"TRACE",
    b"BREW",
    b"get",
    b"\xff\xfe",
    b"G T",
)


def addresses(names: Names) -> list[bytes]:
    """Return addresses of pages and of the API, with what exists in them and what does not."""
    known = (names.order, names.order[:-1], names.order.upper(), "%00", "%ff", "..%2f..", "x" * 3000, "%f0%9f%8d%95")
    pages = [f"/{page}/{name}/" for name in known for page in ("order", "api/order", "people", "media/pizzas")]
    pages += [f"/order/{name}/share/" for name in known[:4]]
    pages += [f"/chat/{slug}/" for slug in (names.room, names.private, names.conversation, "%00", "%2e%2e")]
    pages += [
        "/",
        "//",
        "/?",
        "/api/order",
        "/api/menu/",
        "/api/promise/?pizzas=%00",
        "/admin/",
        "/log-in/",
        "/profile/",
    ]
    pages += [
        "/kitchen/",
        "/kitchen/planner/99999999999999999999/",
        "/kitchen/planner/1.csv",
        "/static/../settings.py",
    ]
    pages += [
        "/static/%00",
        "/healthz",
        "/readyz",
        "/nowhere/" + names.order,
        "*",
        "",
        "http://localhost/",
        "http://[/",
    ]
    return [page.encode() for page in pages]


def sockets(names: Names) -> list[bytes]:
    paths = [
        f"/ws/pizza/{names.order}/",
        "/ws/kitchen/",
        f"/ws/chat/{names.private}/",
        "/ws/chat/%00/",
        "/ws/%ff/",
        "/",
    ]
    return [
        path.encode() for path in [*paths, "//", "/ws/chat/%F0%9F%8D%95/", "http://[/", f"/ws/pizza/{names.order}"]
    ]


class Door:
    """A source of raw requests."""

    def __init__(self, seed: int | str, names: Names) -> None:
        self.random = Random(seed)
        self.names = names
        self.addresses, self.sockets = addresses(names), sockets(names)

    def request(self) -> bytes:
        """Return the bytes of one connection, sometimes cut off in the middle."""
        kind = self.random.choice((self.page, self.page, self.body, self.handshake, self.headers, self.rubbish))
        raw = kind()
        return raw[: self.random.randrange(len(raw))] if self.random.random() < 0.15 else raw

    def page(self) -> bytes:
        return self.line() + HOST + self.cookie() + END

    def line(self, path: bytes = b"") -> bytes:
        version = self.random.choice((*[b"1.1"] * 9, b"1.0", b"0.9", b"2", b"\xff"))
        return (
            self.random.choice(METHODS)
            + b" "
            + (path or self.random.choice(self.addresses))
            + b" HTTP/"
            + version
            + END
        )

    def cookie(self) -> bytes:
        values = (b"x", b"\xff\xfe", b"%00", b'"', b"a; sessionid", b"x" * 5000, self.names.order.encode())
        name = self.random.choice((b"sessionid", b"csrftoken", b"messages", b"x"))
        return self.random.choice((b"", b"Cookie: " + name + b"=" + self.random.choice(values) + END))

    def body(self) -> bytes:
        """Return a POST whose body is longer or shorter than it says, or not what it says it is."""
        bodies = (
            b"{",
            b'{"id": 1}',
            b'{"id": "\\ud800"}',
            b"[" * 9000,
            b"\xff\x00",
            b"a=%00&b=%ff",
            b"--x\r\nContent-D",
            b"",
        )
        body = self.random.choice(bodies)
        length = self.random.choice((len(body), len(body), len(body) + 9, 10**12, -1))
        path = self.random.choice((b"/api/order/", b"/log-in/", b"/sign-up/", self.random.choice(self.addresses)))
        kind = self.random.choice((BODY, FORM, PARTS))
        return b"POST " + path + b" HTTP/1.1\r\n" + HOST + self.cookie() + kind + b"%d\r\n\r\n" % length + body

    def handshake(self) -> bytes:
        wrong = (
            UPGRADE,
            UPGRADE.replace(b"13", b"99"),
            UPGRADE.replace(KEY, b""),
            UPGRADE.replace(KEY, b"Sec-WebSocket-Key: x\r\n"),
            UPGRADE.replace(b"Connection: Upgrade\r\n", b""),
            UPGRADE + b"Sec-WebSocket-Protocol: \xc3\xa9, x\r\n",
            UPGRADE + b"Sec-WebSocket-Extensions: permessage-deflate; x=\xff\r\n",
            UPGRADE + b"Origin: http://[\r\n",
            UPGRADE + b"Origin: http://evil.example\r\n",
            UPGRADE + b"Cookie: sessionid=\xff\xfe\r\n",
            UPGRADE + b"Authorization: Token \xe9\r\n",
            UPGRADE + KEY,
        )
        path = self.random.choice(self.sockets)
        return b"GET " + path + b" HTTP/1.1\r\n" + HOST + self.random.choice(wrong) + END + self.frames()

    def frames(self) -> bytes:
        """Return what follows a handshake at once: frames without a mask, of reserved kinds, halves."""
        masked = b"\x81\x85\x00\x00\x00\x00Hello"
        return self.random.choice(
            (
                masked,
                masked[:5],
                b"\x81\x05Hello",
                b"\xff\x85\x00\x00\x00\x00Hello",
                b"\x81\x82\x00\x00\x00\x00\xff\xfe",
                b"\x01\x85\x00\x00\x00\x00Hello",
                b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                b"\x88\x82\x00\x00\x00\x00\x00\x01",
                b"\x89\xfe\x04\x00\x00\x00\x00\x00" + b"x" * 1024,
                self.random.randbytes(200),
                b"",
            )
        )

    def headers(self) -> bytes:
        """Return a request with a wrong header, one for another shop among them."""
        text = self.random.choice(TEXTS).encode(errors="replace").replace(b"\n", b"").replace(b"\r", b"")
        wrong = (
            b"Host: evil.example\r\n",
            b"Host: \xff\r\n",
            b"Host: a b\r\n",
            b"",
            HOST + b"Content-Length: x\r\n",
            HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n",
            HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            HOST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx",
            HOST + b"No colon\r\n",
            HOST + b"X: " + b"x" * 70_000 + END,
            HOST + b"X: 1\r\n" * 2000,
            HOST + b"Daphne-Root-Path: \xc3\xa9\r\n",
            HOST + b"Authorization: Token " + text + END,
            HOST + b"Idempotency-Key: " + text + END,
            HOST + b"Accept: \xff\r\n",
            HOST + b"X-Forwarded-For: " + text + END,
            HOST + b"If-Modified-Since: " + text + END,
            HOST + b"Range: bytes=9-1\r\n",
            HOST + b"Upgrade: \xff\r\nConnection: Upgrade\r\n",
        )
        return self.line() + self.random.choice(wrong) + END

    def rubbish(self) -> bytes:
        return self.random.choice(
            (b"\x16\x03\x01\x02\x00", b"\r\n\r\n", b"GET", b"\x00" * 100, self.random.randbytes(300))
        )


def requests(seed: int | str, names: Names) -> Iterator[bytes]:
    door = Door(seed, names)
    while True:
        yield door.request()
