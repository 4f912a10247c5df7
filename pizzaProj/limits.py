"""Every limit on how much and how often, by person, session, address and request. How long one waits is in `waits`.

Numbers alone: accounts.limits counts, and the places that are limited ask it.
"""

from typing import NamedTuple

MINUTE_SECONDS = 60
QUARTER_SECONDS = 15 * 60


class Limit(NamedTuple):
    """How often within how long, beginning at any moment."""

    tries: int
    seconds: int


# Attempts, counted in the database, so that they survive a restart. An action that is missing here is a KeyError.
ATTEMPTS = {
    "log_in": Limit(10, QUARTER_SECONDS),  # failures per name and address
    "log_in_name": Limit(
        100, QUARTER_SECONDS
    ),  # failures per name from anywhere: high, as it locks the owner out, too
    "log_in_address": Limit(50, QUARTER_SECONDS),  # failures per address
    "sign_up": Limit(20, QUARTER_SECONDS),  # accounts created per address
    "sign_up_form": Limit(60, QUARTER_SECONDS),  # refused forms per address: they reveal which user names are taken
    "reset": Limit(3, QUARTER_SECONDS),  # mails requested per e-mail address
    "reset_address": Limit(20, QUARTER_SECONDS),  # mails requested per address
    "confirm": Limit(10, QUARTER_SECONDS),  # wrong passwords per account that is logged in
    "token": Limit(50, QUARTER_SECONDS),  # invalid tokens per address
    "token_made": Limit(20, QUARTER_SECONDS),  # tokens created per account
    "search": Limit(30, MINUTE_SECONDS),  # searches for people per account
    "friend": Limit(60, QUARTER_SECONDS),  # friend requests and other actions on people per account
    "export": Limit(5, QUARTER_SECONDS),  # one's own data, per account
    "room": Limit(20, QUARTER_SECONDS),  # rooms created per account or address
}

# Counted in Valkey, or in the process while that is away
PACES = {
    "order": Limit(60, MINUTE_SECONDS),  # orders per account or session
    "order_address": Limit(600, MINUTE_SECONDS),  # orders per address, those of members and sessions included
    # Messages and all else that is written in a room, over all sockets. Visitors without a session are one visitor for
    # each address.
    "message": Limit(10, 5),  # per person
    "message_address": Limit(100, 5),  # per address, of everybody there
}
PACES_IN_PROCESS = 10_000  # keys, of at most that many moments each

# Passwords hashed in one process; each hash takes 100 MB
HASHES_AT_ONCE = 2
HASHES_WAITING = 20  # in the queue; the next is asked to come back

# Bodies of requests. nginx refuses more than 12 MB before that (client_max_body_size).
BODY_BYTES = 1_000_000
UPLOAD_BYTES = 11 * 1024 * 1024  # where pictures are uploaded: they have at most 10 MB
FORM_FIELDS = 1_000  # the admin's list of a hundred pizzas has four hundred
UPLOADS_AT_ONCE = 2  # larger bodies that are read and made into pictures in one process
UPLOADS_WAITING = 10

# Requests that one process works on at the same time, by kind; the others wait, each address in turn
LANES = {"log-ins": 2, "changes": 3, "promises": 1, "reads": 4}
LANE_WAITING_OF_ADDRESS = 100
LANE_ADDRESSES = 1_000

# Studies of the planner. How large one can be is in kitchen.planner.requests, beside its sentences.
STUDIES_RUNNING = 5
STUDIES_OF_ONE = 3  # person

# What a person asks for of their data
EXPORT_BYTES = 10_000_000  # of JSON, which a page packs while one waits; the command has no limit

# Frames on sockets, counted in each process's memory. An open page sends a heartbeat every five seconds, the first of
# each second is free, and little else: a page that comes back after an outage asks for what it missed and sends what
# waited. A bucket holds so many, and so many are added to it each second.
FRAMES_OF_SOCKET, FRAMES_OF_SOCKET_A_SECOND = 100, 20
FRAMES_OF_PERSON, FRAMES_OF_PERSON_A_SECOND = 300, 40  # over all their sockets; a visitor's session counts as one
FRAMES_OF_ADDRESS, FRAMES_OF_ADDRESS_A_SECOND = 1500, 100  # a school
FRAMES_REFUSED, FRAMES_REFUSED_A_SECOND = 50, 1  # of a socket; then it is closed
REFUSALS_A_SECOND = 1  # in words, on a socket

# What Daphne reads of a socket before the application sees it: frames of any kind, pings and fragments included
WIRE_FRAMES, WIRE_FRAMES_A_SECOND = 250, 50
WIRE_FRAME_BYTES = 4096  # a frame counts once more for each of these
WIRE_MESSAGE_BYTES = 128 * 1024  # the longest message of the chat, with four bytes for each character
WIRE_WAITING = 32  # messages that wait for the application; then nothing more is read

# Sockets
SOCKETS_OF_ADDRESS = 1000  # at once, and connects in a burst: after a restart everybody comes back
SOCKETS_OF_PERSON = 200
CONNECTS_OF_ADDRESS_A_SECOND = 20
SOCKETS_OF_PROCESS = 10_500
OPEN_FILES = 12_000  # of a process; each socket is one
OPEN_FILES_OF_MACOS = 10_000  # which gives no more than 10,240
EVENTS_OF_SOCKET = 1000  # that wait for their turn; of more, a periodic check reads what they were about

# Typing, reading and pages of history in a room, for each person over all their sockets in a process
SIGNALS, SIGNALS_SECONDS = 60, 5
SIGNALS_OF_ADDRESS = 300
HISTORIES_AT_ONCE = 1  # pages of history that one process reads; the others wait, each address in turn

# What a board is sent. It shows every open order while there are few; of more, the first works of each list of each
# station, shared fairly, and how many the others are.
BOARD_FRAME_BYTES = 100_000  # of a frame; an order of hundreds of pizzas fits in one
BOARD_ORDERS = 400  # that it shows without asking which
BOARD_UNDER_WAY = 60  # works at a place, over all stations
BOARD_IN_LINE = 80  # works in line or on hold, likewise
BOARD_OF_STATION = 1_000  # works of each list of a station that somebody asked to see
BOARD_LATELY_BYTES = 20_000  # of the orders that have just left
BOARD_NAMES = 40  # of pizzas that are counted by name; the others are counted together
DRIVERS_ORDERS = 150  # on the drivers' page, once there are more: in line, and as many on their way

# Entries of the log, of one kind and within waits.LOG_SECONDS; the others are counted
LOGGED_TRACEBACKS = 1
LOGGED_WARNINGS = 10
LOG_BYTES = 10_000_000  # of a part of the embedded shop, and as many of what it wrote before

# What the sweeps of all processes find within a while before somebody is told. What is not here is only counted.
ALARMS = {
    "lost_link": Limit(
        25, 5 * MINUTE_SECONDS
    ),  # a killed worker loses what is under way: a shop as it opens has 17 places
    "empty_place": Limit(10, 5 * MINUTE_SECONDS),
    "moment_ahead": Limit(10, 5 * MINUTE_SECONDS),
    "clock_set_back": Limit(1, 5 * MINUTE_SECONDS),
    "study_part": Limit(10, 5 * MINUTE_SECONDS),
    "action": Limit(5, 5 * MINUTE_SECONDS),
    "missed_frame": Limit(1000, 5 * MINUTE_SECONDS),
}

# A list of the shop or of the admin shows its newest rows, and is not counted beyond them
LISTED_ROWS = 10_000

# Actions in the admin
ACTION_ROWS_AT_ONCE = 100  # rows that an action takes while the person waits; more are taken in the background
ACTION_ROWS = 100_000  # rows that one action takes at all
ACTION_RUNS_KEPT = 200  # ended ones; older ones are deleted when new ones come
