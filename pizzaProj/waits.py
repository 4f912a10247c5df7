"""Every time limit of the shop's own connections, in seconds. DESIGN.md has the table: what waits, and what one sees.

A request is answered within ANSWER_SECONDS, whatever stands still, so what a request waits for is shorter.
"""

ANSWER_SECONDS = 5.0
RETRY_AFTER_SECONDS = 2  # what a 503 asks for: by then most stalls are over
TASK_RETRY_SECONDS = 4  # at most, until a link tries again; Celery takes whole seconds

# PostgreSQL
PATIENCE_SECONDS = 3.5  # of one request, in all its waits for the database together
POOL_SECONDS = 1.5  # until a request gets a connection
POOL_WAITING = 50  # requests that may wait for one; the next is refused at once
POOL_RECONNECT_SECONDS = 2.0  # the pool tries that long; the next request makes it try again, without a long pause
OUTAGE_SECONDS = 1.0  # after a wait in vain, no request waits for the database for that long
CONNECT_SECONDS = 2  # libpq takes whole seconds, at least 2
LOCK_SECONDS = 2.0
INDEX_SECONDS = 600.0  # for transactions that began before an index is made beside them, such as a backup's
STATEMENT_SECONDS = 3.0  # of a request; a command's may take as long as it takes
WORKER_STATEMENT_SECONDS = 8.0  # of a worker and beat: a connection that swallows everything is given up within 10 s
SILENCE_SECONDS = 0.5  # a client waits that much longer than the server may take, which is alive if it gives up itself
IDLE_IN_TRANSACTION_SECONDS = 5.0  # its locks are free then
COMMAND_IDLE_SECONDS = 60.0  # a migration may compute between two statements
KEEPALIVE_SECONDS = 2  # between the probes of a connection that is silent; three unanswered ones end it
USER_TIMEOUT_SECONDS = 8.0  # until a connection ends whose bytes nobody acknowledges

# SQLite
TURN_SECONDS = 3.0  # until a writer gets its turn
SQLITE_SECONDS = 1.5  # behind it, for one who takes no turn, such as the sqlite3 shell
HOLDER_SECONDS = 5.0  # who has had the turn for so long, without a statement or any work of the CPU, hangs
BUSY_HOLDER_SECONDS = 30.0  # likewise, without a statement

# The children of the embedded stack: what hangs is ended and started again
STOPPED_SECONDS = 5.0  # somebody has stopped it (SIGSTOP)
ASK_SECONDS = 5.0  # between two questions to web and Valkey
UNANSWERED_SECONDS = 30.0  # without any answer; a slow machine is no reason

# Valkey and Redis
BROKER_CONNECT_SECONDS = 1.0
BROKER_ANSWER_SECONDS = 1.0  # to each command
BROKER_PAUSE_SECONDS = 2.0  # without another try after one that failed; the recovery sweep brings what was not sent
BROKER_SLOW_SECONDS = 0.05  # a message that takes longer counts, outside a worker,
BROKER_BUDGET_SECONDS = 1.0  # and when those of a thread took that long together, there is a pause as well
BROKER_PRODUCER_SECONDS = 2.0  # until a thread gets one of the process's ten connections to send with
LISTEN_AGAIN_SECONDS = 1.0  # until a group that could not be listened to is asked for again
BROKER_CHECK_SECONDS = 2  # of silence, before a connection is asked for a sign of life; whole seconds

# Limits
SWITCH_SECONDS = 0.001  # until the web's event loop has its turn among threads that compute; Python's own is 0.005
COUNT_SECONDS = 0.25  # until Valkey has counted; then each process counts for itself, for BROKER_PAUSE_SECONDS
LANE_SECONDS = 2.0  # until a log-in or a change gets its turn, of its patience with the database
READ_LANE_SECONDS = 1.0  # likewise a page or a promise, for which the proxy asks another web after 2 s
STUDY_RETRY_SECONDS = 30  # what one is asked to wait while others' studies run
HASH_QUEUE_SECONDS = 2.0  # until it is one's turn to have a password hashed
BODY_SECONDS = 120.0  # until a body is there: 11 MB on a bad line
LINGER_SECONDS = 2.0  # for which a client that was refused can go on sending, so that it reads the answer
UPLOAD_RETRY_SECONDS = 5  # what one is asked to wait while many upload
HASH_RETRY_SECONDS = 3  # what one is asked to wait if it never is

# Tasks: the process of the worker's pool that runs one for longer is killed and replaced
TASK_SECONDS = 60.0
KEEPER_END_SECONDS = 5.0  # until the links that a worker has gathered are run: at its end, or before its pool forks
KEEPER_HANGS_SECONDS = 20.0  # a round of them that takes so long hangs: each statement has a limit
STUDY_PART_SECONDS = 300.0
ACTION_TURN_SECONDS = 2.0  # an action on many rows makes room for other tasks this often
ACTION_HELD_SECONDS = 15.0  # after this silence another worker goes on with it
ACTION_SILENT_SECONDS = 5.0  # with no row taken for so long, its page says that no worker is at it

REMOVING_TURN_SECONDS = 1.0  # the removal of old rows makes room likewise ...
REMOVING_PAUSE_SECONDS = 2.0  # ... and goes on after this

# Signs of life
LOOK_SECONDS = 1.5  # until /readyz answers, whatever it looks at stands still
LOOK_AGAIN_SECONDS = 1.0  # for this long its answer is given again
SIGN_SECONDS = 10.0  # a part that has given no sign for so long is not at work; each gives one every few seconds
SIGN_ANSWER_SECONDS = 0.5  # for which a part waits as it gives one
CLOCK_OFF_SECONDS = 2.0  # a clock that differs by more from the database's is said to be wrong
SEND_COUNTS_SECONDS = 5.0  # between two times that a process adds what it counted to the shop's totals
COUNTS_ANSWER_SECONDS = 0.5  # for Valkey to take them; else they come with the next
PROCESS_GONE_SECONDS = 15  # what a process holds counts for so long after it has told it; whole seconds
READ_THROUGH_SECONDS = 2.0  # for which the start looks for damage in SQLite's file

# Alarms: a watch in each web and in beat
ALARM_LOOK_SECONDS = 5.0  # between two looks
ALARM_UNREADY_SECONDS = 60.0  # for which the shop is not ready, until somebody is told
ALARM_WELL_SECONDS = 30.0  # without the reason, until it is said that it is over
ALARM_PAUSE_SECONDS = 15 * 60.0  # between two alarms of one kind
ALARM_ANSWER_SECONDS = 5.0  # until a webhook takes the connection, and until it answers
ALARM_SECONDS = 15.0  # for a try in all, with the look-up of the name
ALARM_PAUSES_SECONDS = (0.0, 5.0, 20.0)  # before each try

# Live pages: static/js/live.js has the page's own limits
AUTHENTICATE_SECONDS = 5.0  # until a script without a log-in has sent its token where one is needed ...
AUTHENTICATE_GRACE_SECONDS = 1.0  # ... and until it is told so; a token mostly comes at once
PAGE_SECONDS = 25.0  # a page that asks every 5 s and has not asked for so long is gone
HIDDEN_PAGE_SECONDS = 150.0  # browsers wake a hidden page once a minute
DOOR_SECONDS = 3.0  # how long a socket that is being opened keeps others out
SHARED_READ_SECONDS = 1.0  # how long one read for all who asked keeps the next one waiting (realtime.gathered)
UNREAD_SECONDS = 30.0  # a client whose buffer is full for so long is cut off; a slow one can read a page of history

# Clocks
CLOCK_ASKED_SECONDS = 10.0  # a process asks the database for the time this often

# Backups
BACKUP_LOCK_SECONDS = 10.0  # for which pg_dump waits for a table that is being altered; then there is no backup
BACKUP_SAID_SECONDS = 5.0  # a long copy says this often how far it is

# The log
LOG_SECONDS = 60.0  # what happens again and again is written once in so long, with how often it happened
