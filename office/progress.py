"""How far a run is, for its page."""

from datetime import datetime, timedelta
from typing import Any

from office.models import Run
from office.outcome import Outcome
from office.runs import admin_of
from pizzaProj import waits

ENDED = {
    Run.Status.STOPPED: "Stopped. What was done stays done, the rest was left as it is.",
    Run.Status.FAILED: "This could not go on: the account has lost the right to do that, or something broke. "
    "The worker’s log says more.",
}
NO_WORKER = "No worker is at it right now. It goes on by itself as soon as one is."


def title(run: Run) -> str:
    return f"{run.verb}: {admin_of(run).nouns(run.total)}"


def state(run: Run, now: datetime) -> dict[str, Any]:
    done, refused = admin_of(run).sentences(Outcome(run.done, run.refused), run.action)
    return {
        "status": run.status,
        "position": run.position,
        "total": run.total,
        "counted": f"{run.position:,} of {run.total:,}",
        "done": done or ("Nothing was done." if run.status != Run.Status.RUNNING else ""),
        "refused": refused,
        "note": note(run, now),
    }


def note(run: Run, now: datetime) -> str:
    if run.status != Run.Status.RUNNING:
        return ENDED.get(Run.Status(run.status), "")
    silence = now - (run.moved_at or run.begun_at)
    return NO_WORKER if silence > timedelta(seconds=waits.ACTION_SILENT_SECONDS) else ""
