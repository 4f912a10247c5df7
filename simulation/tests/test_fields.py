"""One reader with two dialects: a spec is strict, a plan also takes the texts of a form."""

import pytest

from simulation.fields import PLAN, SPEC, Fields, SpecError


def wrong(read):
    with pytest.raises(SpecError) as error:
        read()
    return error.value.field, str(error.value)


def test_numbers_switches_and_lists_as_a_form_sends_them():
    asked = Fields({"a": " 4.5 ", "b": "3", "c": "on", "d": "", "rows": {"1": {"x": "2"}, "0": {"x": "1"}}}, "", PLAN)
    assert (asked.number("a"), asked.whole("b", 1, 9), asked.flag("c")) == (4.5, 3, True)
    assert asked.number("d", default=7.0) == 7
    assert [(row.path, row.number("x")) for row in asked.objects("rows", 0, 5)] == [("rows.0", 1), ("rows.1", 2)]
    assert asked.refuse_others() is None


@pytest.mark.parametrize("value", ["4.5", True, None, [], float("nan"), float("inf"), 10**400])
def test_a_spec_takes_numbers_only(value):
    field, sentence = wrong(lambda: Fields({"a": value}).number("a", least=0, most=9))
    assert field == "a"
    assert sentence.startswith("a is missing." if value is None else "a must be a number from 0 to 9, not “")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, "a must be a number, not “x”."),
        ({"least": 0}, "a must be a number of at least 0, not “x”."),
        ({"above": 0}, "a must be a number above 0, not “x”."),
        ({"least": 0, "below": 1}, "a must be a number of at least 0 and below 1, not “x”."),
        ({"above": 0, "most": 1e9}, "a must be a number above 0 and at most 1000000000, not “x”."),
    ],
)
def test_limits_are_said_in_words(limits, words):
    assert wrong(lambda: Fields({"a": "x"}).number("a", **limits)) == ("a", words)


def test_a_label_stands_for_the_path_and_what_was_given_is_shown_short():
    asked = Fields({"a": "many\n" * 99}, "rows.0", PLAN)
    field, sentence = wrong(lambda: asked.number("a", "Oven: places", least=1, most=9))
    assert field == "rows.0.a"
    assert sentence.startswith("Oven: places must be a number from 1 to 9, not “many many") and sentence.endswith(
        "…”."
    )


def test_large_whole_numbers_are_read_to_the_last_digit():
    assert Fields({"seed": 2**63 - 1}).whole("seed", 0, 2**63 - 1) == 2**63 - 1
    assert Fields({"n": 3.0}).whole("n", 0, 9) == 3
    assert wrong(lambda: Fields({"n": 2.5}).whole("n", 0, 9))[1] == "n must be a whole number, not “2.5”."


@pytest.mark.parametrize(
    ("text", "hour"), [("19:30", 19.5), (" 7:05 ", 7 + 5 / 60), ("19", 19), (19.5, 19.5), ("24:00", 24), (None, 11)]
)
def test_hours_of_the_day(text, hour):
    assert Fields({"at": text}, "", PLAN).hour("at", 11) == hour


@pytest.mark.parametrize("text", ["24:01", "7:60", "noon", -1, 25, True, []])
def test_other_texts_are_not_an_hour_of_the_day(text):
    assert "such as 18:30, not “" in wrong(lambda: Fields({"at": text}, "", PLAN).hour("at", 11))[1]


@pytest.mark.parametrize(("dialect", "path"), [(SPEC, "rows[0].x"), (PLAN, "rows.0.x")])
def test_a_field_that_nobody_reads_is_refused_with_its_path(dialect, path):
    (row,) = Fields({"rows": [{"x": 1}]}, "", dialect).objects("rows", 1, 3)
    assert wrong(row.refuse_others) == (path, f"{path} is not a field of a {dialect.noun}.")
    assert wrong(lambda: Fields([], "", dialect)) == ("", f"The {dialect.noun} must be an object.")
