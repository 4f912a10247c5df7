"""The two tables of the archive, in SQL: on PostgreSQL they have partitions, which no model can say.

An order is one row. What can change is in columns (whose it is), all else in documents: what it was, and what
happened. Deeds say which member of the staff did something to which orders: one of them can want their data.
"""

ORDERS = """
CREATE TABLE IF NOT EXISTS archive_order (
    month date NOT NULL,
    id bigint NOT NULL,
    order_id varchar(20){collation} NOT NULL,
    user_id bigint,
    guest varchar(32) NOT NULL,
    created_at {moment} NOT NULL,
    ended_at {moment} NOT NULL,
    simulated boolean NOT NULL,
    pizzas integer NOT NULL,
    way varchar(10) NOT NULL,
    document {json} NOT NULL,
    events {json},
    PRIMARY KEY (month, id)
){partitioned}"""
DEEDS = """
CREATE TABLE IF NOT EXISTS archive_deed (
    month date NOT NULL,
    user_id bigint NOT NULL,
    id bigint NOT NULL,
    PRIMARY KEY (month, id, user_id)
){partitioned}"""
INDEXES = (
    "CREATE INDEX IF NOT EXISTS archive_by_address ON archive_order (order_id)",
    "CREATE INDEX IF NOT EXISTS archive_of_user ON archive_order (user_id, month, id) WHERE user_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS archive_of_guest ON archive_order (guest, month, id) WHERE guest <> ''",
    "CREATE INDEX IF NOT EXISTS archive_by_moment ON archive_order (created_at)",
    "CREATE INDEX IF NOT EXISTS archive_simulated ON archive_order (created_at) WHERE simulated",
    "CREATE INDEX IF NOT EXISTS archive_deeds_of ON archive_deed (user_id, month, id)",
    "CREATE INDEX IF NOT EXISTS archive_with_events ON archive_order (ended_at) WHERE events IS NOT NULL",
)
