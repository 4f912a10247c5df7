"""Every time limit of the shop's own connections, in seconds. DESIGN.md has the table: what waits, and what one sees.

A request is answered within ANSWER_SECONDS, whatever stands still, so what a request waits for is shorter.
"""

ANSWER_SECONDS = 5.0

# PostgreSQL
POOL_SECONDS = 1.5  # until a request gets a connection
POOL_WAITING = 50  # requests that may wait for one; the next is refused at once
CONNECT_SECONDS = 2  # libpq takes whole seconds, at least 2
LOCK_SECONDS = 3.0
STATEMENT_SECONDS = 4.0  # of a request; a worker's may take WORKER_STATEMENT_SECONDS
WORKER_STATEMENT_SECONDS = 30.0
IDLE_IN_TRANSACTION_SECONDS = 5.0  # its locks are free then

# SQLite
TURN_SECONDS = 3.0  # until a writer gets its turn
HOLDER_SECONDS = 6.0  # who has had the turn for so long hangs, and is ended

# Valkey and Redis
BROKER_CONNECT_SECONDS = 1.0
BROKER_ANSWER_SECONDS = 1.0
BROKER_PAUSE_SECONDS = 2.0  # without another try after one that failed; the recovery sweep brings what was not sent
