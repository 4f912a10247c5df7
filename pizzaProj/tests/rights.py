"""The one table of who is allowed what: each address with its methods, each socket, each verb, each page of the admin.

A right is the permission that it takes: staff with exactly that one are let in, staff with none are not. Besides there
are ANYONE, an ACCOUNT, the OWNER of what the address is about, STAFF of any kind, and NOBODY.
"""

from accounts import rights

ANYONE, ACCOUNT, OWNER, STAFF, NOBODY = "anyone", "an account", "its owner", "staff", "nobody"
ANY = "any method"

SEE_ORDERS, MOVE_ORDERS, DELIVER, SET_STATIONS, RUN_SHOP, SEE_FIGURES, SEE_STUDIES, PLAN, ANSWER, MODERATE = (
    right.permission
    for right in (
        rights.SEE_ORDERS,
        rights.MOVE_ORDERS,
        rights.DELIVER,
        rights.SET_STATIONS,
        rights.RUN_SHOP,
        rights.SEE_FIGURES,
        rights.SEE_STUDIES,
        rights.PLAN,
        rights.ANSWER,
        rights.MODERATE,
    )
)

# A method that is not named here is answered with 405, or refused to everyone.
ADDRESSES = {
    # the shop
    "": {"GET": ANYONE},
    "orders/older/": {"GET": ANYONE},  # each their own, staff who see orders all: keeping/tests/test_archiving.py
    "order/<str:order_id>/": {"GET": ANYONE},  # who has the link
    "order/<str:order_id>": {"GET": ANYONE},
    "order/<str:order_id>/share/": {"POST": OWNER},
    "order/<str:order_id>/unshare/": {"POST": OWNER},
    "media/pizzas/<str:name>": {"GET": ANYONE},
    "media/people/<str:name>": {"GET": ANYONE},
    "healthz": {"GET": ANYONE},
    "readyz": {"GET": ANYONE},
    "metrics": {"GET": SEE_FIGURES},  # and from METRICS_FROM: operations/tests/test_metrics.py
    "whose/": {"GET": ANYONE},
    # the API
    "api/": {"GET": NOBODY},  # nothing is there: 404
    "api/openapi.json": {ANY: ANYONE},
    "api/docs": {ANY: ANYONE},
    "api/order": {"POST": ANYONE},
    "api/order/": {"POST": ANYONE},
    "api/order/<order_id>": {"GET": ANYONE},
    "api/order/<order_id>/": {"GET": ANYONE},
    "api/promise": {"GET": ANYONE},
    "api/promise/": {"GET": ANYONE},
    "api/me": {"GET": ACCOUNT},
    "api/me/": {"GET": ACCOUNT},
    "api/menu": {"GET": ANYONE},
    "api/menu/": {"GET": ANYONE},
    # the kitchen
    "kitchen/": {"GET": SEE_ORDERS},
    "kitchen/drivers/": {"GET": DELIVER},
    "kitchen/promises/": {"GET": ANYONE},
    "kitchen/planner/": {"GET": SEE_STUDIES, "POST": PLAN},
    "kitchen/planner/<int:pk>/": {"GET": SEE_STUDIES},
    "kitchen/planner/<int:pk>/cancel/": {"POST": PLAN},
    "kitchen/planner/<int:pk>/again/": {"POST": PLAN},
    "kitchen/planner/<int:pk>.json": {"GET": SEE_STUDIES},
    "kitchen/planner/<int:pk>.csv": {"GET": SEE_STUDIES},
    "kitchen/inbox/": {"GET": ANSWER},
    # chat and people
    "chat/": {"GET": ANYONE, "POST": ANYONE},
    "chat/<str:slug>/": {"GET": ANYONE},  # a public room; chat/tests/test_who_sees_what.py has all kinds
    "chat/<str:slug>/leave/": {"POST": ACCOUNT},
    "chat/with/<str:username>/": {"POST": OWNER},  # of the friendship
    "people/": {"GET": ACCOUNT},
    "people/<str:verb>/": {"POST": ACCOUNT},
    # accounts
    "sign-up/": {"GET": ANYONE, "POST": ANYONE},
    "log-in/": {ANY: ANYONE},
    "log-out/": {"POST": ANYONE},
    "forgotten-password/": {ANY: ANYONE},
    "forgotten-password/sent/": {"GET": ANYONE},
    "new-password/<uidb64>/<token>/": {ANY: ANYONE},  # who has the link of the mail
    "profile/": {"GET": ACCOUNT, "POST": ACCOUNT},
    "profile/e-mail/": {"GET": ACCOUNT, "POST": ACCOUNT},
    "profile/password/": {ANY: ACCOUNT},
    "profile/tokens/": {"POST": ACCOUNT},
    "profile/tokens/<int:pk>/revoke/": {"POST": ACCOUNT},  # of one's own; accounts/tests/test_profile.py
    "profile/data/": {"GET": ACCOUNT, "POST": ACCOUNT},
    "profile/delete/": {"GET": ACCOUNT, "POST": ACCOUNT},
    # the admin, but for its models
    "admin/": {ANY: STAFF},
    "admin/login/": {ANY: ANYONE},
    "admin/logout/": {"POST": ANYONE},
    "admin/password_change/": {ANY: ANYONE},  # leads to profile/password/
    "admin/password_change/done/": {"GET": STAFF},
    "admin/autocomplete/": {"GET": NOBODY},  # no page needs it
    "admin/jsi18n/": {"GET": STAFF},
    "admin/r/<path:content_type_id>/<path:object_id>/": {ANY: SEE_ORDERS},  # of an order; of others likewise
    "admin/auth/user/<id>/password/": {ANY: "auth.change_user"},
    "admin/kitchen/shop/preset/<slug:code>/": {"POST": (RUN_SHOP, SET_STATIONS)},
    "admin/office/run/<int:pk>/state.json": {ANY: "office.view_run"},  # or one's own
    "admin/office/run/<int:pk>/stop/": {"POST": "office.change_run"},
    "admin/<app_label>/": {ANY: SEE_ORDERS},  # of home
    "admin/(?P<url>.*)$": {ANY: NOBODY},
}

# The admin's pages of each model: who can view, add, change and delete; None is the model's own permission.
MODELS: dict[str, dict[str, object]] = {
    "auth.group": {},
    "auth.user": {"add": ("auth.add_user", "auth.change_user")},
    "django_celery_beat.periodictask": {},
    "django_celery_beat.clockedschedule": {},
    "django_celery_beat.crontabschedule": {},
    "django_celery_beat.solarschedule": {},
    "django_celery_beat.intervalschedule": {},
    "accounts.token": {"add": NOBODY, "change": NOBODY},
    "accounts.profile": {"add": NOBODY, "change": NOBODY},
    "home.order": {"add": NOBODY, "delete": NOBODY},
    "home.pizza": {},
    "kitchen.station": {"add": NOBODY, "delete": NOBODY},
    "kitchen.shop": {"add": NOBODY, "delete": NOBODY},
    "chat.cannedanswer": {},
    "office.run": {"add": NOBODY, "delete": NOBODY},
    "chat.report": {"view": MODERATE, "add": NOBODY, "change": MODERATE, "delete": NOBODY},
}

# The actions of the admin's lists, and what they take besides the right to see the list
ADMIN_ACTIONS = {
    "delete_selected": "delete",
    **dict.fromkeys(["advance", "hold", "resume", "remake", "cancel"], "change"),  # of orders
    **dict.fromkeys(["settle", "remove_message", "mute_author"], "change"),  # of reports
    **dict.fromkeys(["enable_tasks", "disable_tasks", "toggle_tasks", "run_tasks"], "change"),  # of beat's jobs
}

# in the order in which they are tried
SOCKETS = {
    r"^ws/chat/(?P<slug>[^/\x00]+)/?$": ANYONE,  # the room decides: chat/tests/test_who_sees_what.py
    r"^ws/inbox/?$": ANSWER,
    r"^ws/notices/?$": ACCOUNT,
    r"^ws/kitchen/?$": SEE_ORDERS,
    r"^ws/kitchen/drivers/?$": DELIVER,
    r"^ws/pizza/(?P<order_id>[^/\x00]+)/?$": ANYONE,
    r"^ws/orders/?$": ANYONE,  # new orders are told to SEE_ORDERS
    "": NOBODY,
}

# What one can send on a socket
VERBS = {
    "board": {
        **dict.fromkeys(["advance", "take", "recall", "hold", "resume", "rush", "cancel", "remake"], MOVE_ORDERS),
        **dict.fromkeys(["override", "undo"], MOVE_ORDERS),
        "station": SET_STATIONS,
        "shop": RUN_SHOP,
        "show": SEE_ORDERS,
    },
    "drivers": dict.fromkeys(["take", "advance", "undo"], DELIVER),
    "order": {"override": MOVE_ORDERS},
    "inbox": dict.fromkeys(["take", "hand_over", "close", "reopen"], ANSWER),
    "room": {
        **dict.fromkeys(["message", "edit", "delete", "history", "typing", "read", "report"], ANYONE),
        **dict.fromkeys(["remove", "mute"], MODERATE),
        "wish": OWNER,  # the order's customer
        **dict.fromkeys(["answer_wish", "take", "hand_over", "close", "reopen"], ANSWER),
    },
}
