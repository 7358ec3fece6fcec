"""Tasks that grow in one thing, and their records."""

import json

from aldsr.bench.growth import growing, growth_data
from aldsr.bench.speed import Measured
from aldsr.bench.tasks import Task, Way

PAPER = Task({"D": 16, "C": 8, "G": 64, "G0": 64}, batch=16, patch=48)


def test_every_task_differs_from_the_whole_one_in_one_thing() -> None:
    *smaller, whole = growing(PAPER)
    assert whole == PAPER
    assert [task.batch for task in smaller] == [2, 4, 8] + [16] * 6
    assert [task.patch for task in smaller] == [48] * 3 + [12, 24, 36] + [48] * 3
    assert [task.size["D"] for task in smaller] == [16] * 6 + [2, 4, 8]
    assert {task.size["C"] for task in smaller} == {8}


def test_what_cannot_be_smaller_does_not_grow() -> None:
    only = Task({"D": 1, "C": 1, "G": 4, "G0": 4}, batch=1, patch=1)
    assert growing(only) == [only]


def test_records_say_what_was_timed_in_every_round() -> None:
    jobs = [(Way(name), PAPER) for name in ("RDN", "ALD-RDN")]
    rounds = [[Measured([float(n)], None, 0.1) for n in (turn, turn + 10)] for turn in (1, 2)]
    first, second = json.loads(json.dumps(growth_data(jobs, rounds)))
    assert (first["batch"], first["patch_size"], first["D"]) == (16, 48, 16)
    assert [each["seconds"] for each in first["processes"]] == [[1.0], [2.0]]
    assert second["network"] == "ALD-RDN"
    assert [each["seconds"] for each in second["processes"]] == [[11.0], [12.0]]
