"""What has survived a scan for garbage is not scanned again, and what of it is garbage later is found all the same."""

import json
import subprocess
import sys
from statistics import median

PROGRAM = """
import gc, json
from pizzaProj import garbage

gc.set_threshold(100, 5, 5)
garbage.LEAST_OBJECTS = 20_000
read, there, kept = [], 0, []

def note(phase, info):
    if phase == "start" and info["generation"] == garbage.OLDEST:
        read.append(sum(len(gc.get_objects(generation)) for generation in range(3)))

class Page:
    def __init__(self):
        global there
        there += 1
        self.itself = self

    def __del__(self):
        global there
        there -= 1

gc.callbacks.append(note)
garbage.scans.begin()
read.clear()
kept.extend(Page() for _ in range(200_000))
scans, opened = len(read), there
kept.clear()
gc.collect()  # of what is new
left = there
most = there
while there == most and most < 1_000_000:  # none of them is found yet
    kept.append(Page())
    most = max(most, there)
kept.clear()
print(json.dumps({"read": read[:scans], "opened": opened, "left": left, "most": most, "there": there}))
"""


def test_old_objects_are_scanned_when_there_are_twice_as_many():
    found = json.loads(subprocess.check_output([sys.executable, "-c", PROGRAM], text=True, timeout=120))
    assert found["opened"] == 200_000
    # Python itself would read them all whenever there is a quarter more: some twelve times.
    assert median(found["read"]) < 10_000
    assert sum(size > 20_000 for size in found["read"]) <= 5
    assert found["left"] > 190_000
    assert found["most"] < 2.5 * found["opened"]
    assert found["there"] < found["most"] - 190_000
