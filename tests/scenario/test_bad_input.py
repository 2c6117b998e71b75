"""Each mistake that people make gets one message: file, line, column, what was expected, what is nearest."""

from __future__ import annotations

from pathlib import Path

import pytest

Case = tuple[tuple[str, ...], str, str]
"""What is changed in the files, what stands where the message points, how the message begins."""


def guarded(filter_: str) -> tuple[str, str]:
    """The scenario with a filter."""
    return "duration_s: 60", f"duration_s: 60\nfilters:\n  - {filter_}"


ONE_MISTAKE: dict[str, Case] = {
    "a name of many bytes": (("scenario: base", "scenario: " + "n" * 201), "n" * 201, "names run folders and may have 200"),
    "a name with blanks": (("scenario: base", "scenario: my base"), "my base", "'my base' is no name; use letters, digits"),
    "unknown key": (
        ("sites:", "sites2:"),
        "sites2",
        "unknown key 'sites2' (known: assist, cells, compute, ",
    ),
    "duplicate key": (
        ("duration_s: 60", "duration_s: 60\nduration_s: 61"),
        "duration_s",
        "duplicate key 'duration_s', first given",
    ),
    "wrong unit": (
        ("latency_ms: 5", "latency_s: 5"),
        "latency_s",
        "unknown key 'latency_s'; this is given in ms: 'latency_ms'",
    ),
    "no unit": (("control_ms: 40", "control: 40"), "control", "unknown key 'control'; this is given in ms: 'control_ms'"),
    "unit in the value": (("latency_ms: 5", "latency_ms: 5 ms"), "5", "expected a number, found '5 ms'; write the bare"),
    "negative time": (("latency_ms: 5", "latency_ms: -5"), "-5", "must not be negative, but is -5"),
    "negative onset": (("at_s: 3", "at_s: -3"), "-3", "must be at least 0, is -3"),
    "no time at all": (("duration_s: 60", "duration_s: 0"), "0", "must be greater than 0, is 0"),
    "true is no number": (("duration_s: 60", "duration_s: true"), "true", "expected a number, found true"),
    "text is no number": (("duration_s: 60", 'duration_s: "60"'), '"60"', "expected a number, found '60'"),
    "infinite": (("duration_s: 60", "duration_s: .inf"), ".inf", "expected a finite number, found inf"),
    "number is no text": (("serial: S1", "serial: 7"), "7", "expected text, found 7; put it in quotes"),
    "half a job": (("episodes: 3", "episodes: 2.5"), "2.5", "expected a whole number, found 2.5"),
    "period": (
        ("control_ms: 40", "control_ms: 25"),
        "25",
        "the control period of 25 ms is no multiple of the physics step of 2 ms (workcell 'table'); nearest: 24 and 26 ms",
    ),
    "short period": (("control_ms: 40", "control_ms: 0.5"), "0.5", "the control period of 0.5 ms is no multiple"),
    "task of a cell": (
        ("link: wifi}", "link: wifi, tasks: [pick_plaec]}"),
        "pick_plaec",
        "unknown task 'pick_plaec' (known: ",
    ),
    "task of a job": (("job: first", "task: juggle"), "juggle", "unknown task 'juggle' (known: "),
    "unknown spare part": (
        ("gripper: wide, control_ms: 20", "gripper: wide, control_ms: 20, reliability: {part: gaer}"),
        "gaer",
        "unknown spare part 'gaer' (known: none)",
    ),
    "task of a check": (("task: pick_place", "task: pick"), "pick", "unknown task 'pick' (known:"),
    "no gripper": (("gripper: wide, control_ms: 20", "control_ms: 20"), "{name", "robot 'panda' has no gripper and cannot do"),
    "duplicate cell": (("name: b", "name: a"), "a", "duplicate cell 'a', also at fleet.yaml:13:12"),
    "duplicate serial": (("serial: S2", "serial: S1"), "S1", "duplicate serial 'S1', also at fleet.yaml:13:57"),
    "missing asset": (
        ("model: ur3", "model: ur4"),
        "ur4",
        "no arm 'ur4' in assets/robots (arms: iiwa7, panda, ur3, wx250s); did you mean 'ur3'?",
    ),
    "unknown site": (
        ("name: a, site: hall", "name: a, site: hal"),
        "hal",
        "unknown site 'hal' (known: hall); did you mean 'hall'?",
    ),
    "unknown link": (("link: wifi", "link: wfi"), "wfi", "unknown link 'wfi' (known: wifi); did you mean 'wifi'?"),
    "unknown compute": (("link: wifi", "compute: gpu"), "gpu", "unknown compute 'gpu' (known: none)"),
    "unknown gripper": (("gripper: wide, control_ms: 40", "gripper: wde, control_ms: 40"), "wde", "unknown gripper 'wde'"),
    "unknown pool": (("pool: crew", "pool: crow"), "crow", "unknown pool of people 'crow' (known: crew); did you mean 'crew'?"),
    "empty pool": (("count: 1", "count: 0"), "crew", "pool 'crew' is empty (count: 0), so nobody would come"),
    "unskilled pool": (("count: 1", "skills: [repair]"), "crew", "pool 'crew' lacks the skill 'reset' (skills: repair)"),
    "joint": (("joint: 1", "joint: 6"), "6", "cell 'a' cannot have sensor/stuck: ur3 has no joint 6: its 6 joints are 0 to 5"),
    "target": (("target: a", "target: c*"), "c*", "no cell matches 'c*' (targets: S1, S2, a, b, hall, wifi)"),
    "onset of a pool": (
        (
            "component: sensor, mode: stuck, target: a, joint: 1, onset: {at_s: 3}",
            "component: people, mode: absent, target: crew, onset: {per_episode: 0.5}",
        ),
        "0.5",
        "per_episode counts a robot's episodes or hours, and the target is a pool",
    ),
    "no such pool": (
        ("component: sensor, mode: stuck, target: a, joint: 1", "component: people, mode: absent, target: crw"),
        "crw",
        "no pool matches 'crw' (targets: crew, crew/1); did you mean 'crew'?",
    ),
    "event": (("onset: {at_s: 3}", "onset: {event: reset.stck}"), "reset.stck", "unknown kind of event 'reset.stck'"),
    "on": (("job: first", "on: c"), "c", "no cell matches 'c' (cells: a, b)"),
    "component": (
        ("component: sensor", "component: sensr"),
        "sensr",
        "unknown component 'sensr' (known: actuator, camera,",
    ),
    "mode": (("mode: stuck", "mode: stuk"), "stuk", "unknown mode 'stuk' of component 'sensor' (known: bias, delayed, drift,"),
    "no mode": ((", mode: stuck", ""), "{name", "key 'mode' is missing (known: bias, delayed,"),
    "two onsets": (("at_s: 3", "at_s: 3, per_episode: 0.1"), "{at_s", "needs exactly one of at_s, rate_per_h, per_episode"),
    "kind": (("kind: automatic", "kind: automatc"), "automatc", "unknown kind 'automatc' (known: automatic, person"),
    "no kind": (("kind: list, ", ""), "{jobs", "key 'kind' is missing (known: list, poisson, table)"),
    "distribution": (
        ("latency_ms: 5", "latency_ms: {kind: gauss, mean: 3}"),
        "gauss",
        "unknown kind 'gauss' (known: empirical,",
    ),
    "missing key": (("duration_s: 60\n", ""), "scenario", "key 'duration_s' is missing"),
    "empty check": (
        ("success_rate: {task: pick_place, min: 0.5}", "{}"),
        "{",
        "give exactly one of success_rate, never, within",
    ),
    "vacuous check": ((", min: 0.5", ""), "{task", "success_rate needs min or max"),
    "time zone": (("{hall: {}}", "{hall: {time_zone: Mars/Base}}"), "Mars/Base", "unknown time zone 'Mars/Base'"),
    "two robots": (
        ("[{robot: panda, serial: S2}]", "[{robot: panda}, {robot: ur3}]"),
        "{robot",
        "cell 'b' has 2 robots; tasks are of one arm so far: one robot a cell",
    ),
    "no repair": (
        ("count: 1", "skills: [reset]", "control_ms: 20", "reliability: {fails_h: {kind: weibull, shape: 1, scale: 9}}"),
        "{kind",
        "robot 'panda' can break, but nobody at site 'hall' can repair: give a pool of people the skill 'repair'",
    ),
    "small gripper": (("stroke_mm: 85", "stroke_mm: 30"), "30", "gripper 'wide' opens 30 mm, too little for 40 mm of object"),
    "limits": (("control_ms: 40", "limits: {velocity_radps: [1, 2]}"), "[", "2 numbers, but ur3 has 6 joints"),
    "no link": (
        ("component: sensor, mode: stuck, target: a, joint: 1", "component: link, mode: loss, target: b, loss: 0.5"),
        "b",
        "cell 'b' cannot have link/loss: it has no link to disturb",
    ),
    "long delay": (
        ("mode: stuck", "mode: delayed, delay_ms: 11000"),
        "11000",
        "cell 'a' cannot have sensor/delayed: a delay of 11000 ms is longer than the buffer: 256 control periods of 40 ms",
    ),
    "fast sensor": (("mode: stuck", "mode: slow, rate_hz: 30"), "30", "cell 'a' cannot have sensor/slow: 30 Hz would change"),
    "no such thing": (
        ("mode: stuck, target: a, joint: 1", "mode: off, target: a, sensor: object, thing: 1"),
        "1",
        "cell 'a' cannot have sensor/off: its camera sees no thing 1: there are 1, from 0",
    ),
    "no bias": (("mode: stuck", "mode: wrong, bias: 0"), "0", "must not be 0: that would change nothing"),
    "no joint": ((", joint: 1", ""), "{name", "needs 'joint', the index of the encoder's joint"),
    "share": (("mode: stuck", "mode: dropped, share: 2"), "2", "must be at most 1, is 2"),
    "fleet file": (
        ("fleet: fleet.yaml", "fleet: fleets.yaml"),
        "fleets.yaml",
        "no fleet file 'fleets.yaml' beside the scenario",
    ),
    "start": (("duration_s: 60", "duration_s: 60\nstart_utc: noon"), "noon", "expected a date and time with its zone, such as"),
    "a kind of filter twice": (
        ("duration_s: 60", "duration_s: 60\nfilters: [{kind: stale}, {kind: contact}, {kind: stale, hold_ms: 5}]"),
        "stale, hold_ms",
        "a second 'stale' in one chain: say all of it in the first (filters[0])",
    ),
    "keep-out over the home pose": (
        guarded(
            "{kind: keep_out, volumes: [{low_m: [0.8, 0.8, 0], high_m: [1, 1, 1]}, {low_m: [-2, -2, -1], high_m: [2, 2, 3]}]}"
        ),
        "{low_m: [-2",
        "robot 'ur3' stands in this volume in its home pose, by ",
    ),
    "barrier over the home pose": (
        guarded("{kind: cbf, volumes: [{low_m: [-2, -2, -1], high_m: [2, 2, 3]}]}"),
        "{low_m: [-2",
        "robot 'ur3' stands in this volume in its home pose, by ",
    ),
    "box without the home pose": (
        guarded("{kind: workspace_box, low_m: [0.9, 0.9, 0], high_m: [1, 1, 1]}"),
        "[0.9, 0.9, 0]",
        "the tool of robot 'ur3' is at [",
    ),
    "half a box beyond the other half": (
        guarded("{kind: workspace_box, low_m: [0, 0, 9]}"),
        "[0, 0, 9]",
        "the tool of robot 'ur3' is at [",
    ),
    "box upside down": (
        guarded("{kind: workspace_box, low_m: [0, 0, 1], high_m: [1, 1, 0]}"),
        "{kind: workspace_box",
        "high_m [1.0, 1.0, 0.0] must lie above low_m",
    ),
    "limits without room": (
        ("model: ur3,", "model: ur3, limits: {position_margin_rad: 5},"),
        "5",
        "a margin of 5 rad leaves 'ur3' no place to begin: its home pose is ",
    ),
    "stop before hold": (
        guarded("{kind: stale, hold_ms: 500, stop_ms: 100}"),
        "{kind: stale",
        "stop_ms 100 must not be less than hold_ms 500",
    ),
    "emergency stop of category 2": (
        ("model: ur3,", "model: ur3, stops: {emergency: 2},"),
        "2",
        "must be 0 or 1, is 2",
    ),
    "stop of no category": (
        ("model: ur3,", "model: ur3, stops: {protective: 3},"),
        "3",
        "must be 0, 1 or 2, is 3",
    ),
}


@pytest.mark.parametrize("name", ONE_MISTAKE)
def test_one_mistake_is_one_message_in_its_place(mistakes, name):
    changes, there, message = ONE_MISTAKE[name]
    (found,) = mistakes(*changes)
    file, line, column, said = found.split(":", 3)
    assert said.strip().startswith(message)
    assert Path(file).read_text().splitlines()[int(line) - 1][int(column) - 1 :].startswith(there)


@pytest.mark.parametrize("changes", [("name: b", "name: b, count: 1"), ("target: a, joint: 1", "target: b, joint: 6")])
def test_what_looks_alike_and_is_right_is_let_through(mistakes, changes):
    assert mistakes(*changes) == []


def test_the_base_is_sound(mistakes):
    assert mistakes() == []


def test_all_mistakes_are_told_at_once_each_in_its_file(mistakes):
    found = mistakes(
        "joint: 1",
        "joint: 9",
        "sites:",
        "sits:",
        "link: wifi",
        "link: wfi",
        "duration_s: 60",
        "duration_s: -1",
        "serial: S2",
        "serial: S1",
    )
    assert [text.split(":")[:2] for text in found] == [
        ["s.yaml", "3"],
        ["s.yaml", "7"],
        *(["fleet.yaml", n] for n in ("2", "13", "14")),
    ]


def test_a_broken_part_is_not_blamed_for_what_it_would_have_named(mistakes):
    assert len(mistakes("kind: person, pool: crew", "kind: persn, pool: crew")) == 1


def test_a_mistake_in_a_cell_does_not_hide_others_in_it(mistakes):
    assert len(mistakes("serial: S1", "serial: 1", "link: wifi", "link: wfi")) == 2


def test_cells_that_count_up_must_not_meet_others(mistakes):
    (found,) = mistakes("name: b", "name: a, count: 3", "name: a, site", "name: a02, site", "target: a,", "target: a02,")
    assert found == "fleet.yaml:14:12: duplicate cell 'a02', also at fleet.yaml:13:12"


def test_a_cell_without_site_needs_a_fleet_of_one_site(mistakes):
    (found,) = mistakes("{hall: {}}", "{hall: {}, annex: {}}", "name: b, site: hall", "name: b")
    assert found.startswith("fleet.yaml:14:5: cell 'b' names no site, and the fleet has 2")


def test_an_alias_bomb_is_refused(mistakes):
    found = mistakes("duration_s: 60", "duration_s: 60\nx-a: &a [1, 1]\nx-b: &b [*a, *a]\nx-c: [*b, *b]")
    assert found[0] == "s.yaml:4:6: anchors and aliases are not allowed"


def test_a_syntax_error_in_the_fleet_names_the_fleet(mistakes):
    assert mistakes("sites: {hall: {}}", "sites: {hall: {}") == [
        "fleet.yaml:3:1: not YAML: did not find expected ',' or '}' (while parsing a flow mapping)"
    ]


def test_a_null_fleet_is_refused(mistakes):
    assert mistakes("fleet: fleet.yaml", "fleet:") == ["s.yaml:2:7: expected a mapping (key: value), found nothing"]


@pytest.mark.parametrize(
    "text", ["scenario: 3", "fleet: []", "cells: [1, {}, []]\nrobots: 4", "jobs: [[1]]\nfleet: {cells: {}}", "faults: [null]"]
)
def test_no_nonsense_is_an_exception(folder, text):
    from twin.scenario.load import check

    (folder / "s.yaml").write_text(text)
    assert check("s.yaml") != []
