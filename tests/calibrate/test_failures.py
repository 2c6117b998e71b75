"""Failures by their dates: lives between repairs, who never failed, what cannot be."""

import numpy as np
import pandas as pd
import pytest

from twin.calibrate.failurelog import read_failures
from twin.calibrate.spec import load_plan
from twin.calibrate.whole import calibrate
from twin.core.chance import Chance
from twin.core.errors import InputError, TableError

PLAN = """\
calibrate: book
logs:
  book: {kind: failures, path: book.csv, robot: robot, at: {column: failed, unit: iso8601},
         repair: {column: minutes, unit: min}, MORE}
parts: [{kind: reliability, log: book, families: [exponential]}]
"""
START = pd.Timestamp("2025-01-06")


def told(folder, rows, more='watched: ["2025-01-06", "2026-01-06"]'):
    """What a book of (robot, h since the start, minutes of repair) tells."""
    book = pd.DataFrame(
        [(robot, (START + pd.Timedelta(hours=h)).isoformat(), minutes) for robot, h, minutes in rows],
        columns=["robot", "failed", "minutes"],
    )
    book.sample(frac=1, random_state=1).to_csv(folder / "book.csv", index=False)
    (folder / "plan.yaml").write_text(PLAN.replace("MORE", more))
    (result,) = calibrate(load_plan(folder / "plan.yaml")).results
    return {e.name.removeprefix("models.reliability."): e for e in result.estimates}


def lives(mean_h, robots=12, until_h=8760):
    stream, rows = Chance(4).stream("test", "failures"), []
    for robot in range(robots):
        t = stream.exponential(mean_h)
        while t < until_h:
            rows.append((f"r{robot}", t, minutes := float(np.exp(stream.normal(np.log(40), 0.5)))))
            t += minutes / 60 + stream.exponential(mean_h)
    return rows


def test_a_book_of_failures_gives_back_life_and_repair(tmp_path):
    rows = lives(800)
    mean, repair = (told(tmp_path, rows)[name] for name in ("fails_h.mean", "repair_h.median"))
    assert mean.value == pytest.approx(12 * 8760 / len(rows), rel=0.1) and mean.low < mean.value < mean.high
    assert repair.low < 40 / 60 < repair.high


def test_a_book_in_which_hardly_a_robot_fails_twice_tells_the_same_life(tmp_path):
    rows = lives(8000, robots=60, until_h=8000)
    names = ", ".join(f"r{i}" for i in range(60))
    mean = told(tmp_path, rows, f'watched: ["2025-01-06", "2025-12-05T08:00"], robots: [{names}]')["fails_h.mean"]
    assert mean.n == len(rows) and mean.value == pytest.approx(60 * 8000 / len(rows), rel=0.02) and mean.low < 8000 < mean.high


def test_a_repair_that_was_not_noted_hides_no_failure_that_came_after_it(tmp_path):
    rows = lives(800)
    torn = [(robot, t, np.nan if i % 9 == 4 else minutes) for i, (robot, t, minutes) in enumerate(rows)]
    last = {robot: i for i, (robot, _, _) in enumerate(rows)}
    torn = [(r, t, rows[i][2] if last[r] == i else minutes) for i, (r, t, minutes) in enumerate(torn)]
    whole, found = told(tmp_path, rows), told(tmp_path, torn)
    assert found["fails_h.mean"].n == whole["fails_h.mean"].n
    assert found["fails_h.mean"].value == pytest.approx(whole["fails_h.mean"].value, rel=0.01)
    assert found["repair_h.median"].value == pytest.approx(whole["repair_h.median"].value, rel=0.15)


def test_robots_that_never_failed_make_lives_longer_and_half_a_duty_makes_them_half(tmp_path):
    rows = lives(800)
    names = ", ".join(f"r{i}" for i in range(24))
    plain = told(tmp_path, rows)["fails_h.mean"].value
    watched = 'watched: ["2025-01-06", "2026-01-06"]'
    assert told(tmp_path, rows, f"{watched}, robots: [{names}]")["fails_h.mean"].value > 1.8 * plain
    assert told(tmp_path, rows, f"{watched}, duty: 0.5")["fails_h.mean"].value == pytest.approx(0.5 * plain, rel=0.01)


@pytest.mark.parametrize(
    ("rows", "more", "message"),
    [
        ([("r1", 9000, 5), ("r2", 5, 5)], 'watched: ["2025-01-06", "2026-01-06"]', "lies outside of `watched`"),
        ([("r1", 5, 5), ("r2", 5, 5)], "robots: [r1]", "r2 failed, which `robots` does not name"),
        ([("r1", 5, -5), ("r1", 50, 5)], "duty: 1", "shorter than no time"),
        ([("r1", 5, 5)], 'watched: ["2025-01-06", "soon"]', "'soon' is no date"),
        ([], "duty: 1", r"nobody failed in it.*give `watched"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, rows, more, message):
    with pytest.raises(TableError, match=message):
        told(tmp_path, rows, more)


def test_robots_that_were_watched_and_never_failed_give_a_bound(tmp_path):
    more = 'watched: ["2025-01-06", "2026-01-06"], robots: [r1, r2, r3]'
    (bound,) = told(tmp_path, [], more).values()
    assert bound.low == pytest.approx(3 * 8760 / np.log(20), rel=0.02) and bound.high is None


def test_a_book_of_failures_is_no_log_of_episodes(tmp_path):
    told(tmp_path, lives(800))
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        plan.read_text().replace("kind: reliability, log: book, families: [exponential]", "kind: operations, log: book")
    )
    with pytest.raises(InputError, match="only the part reliability reads"):
        calibrate(load_plan(plan))


BOOK = """\
serial,failed,back
S-1,2025-03-29 20:00,2025-03-30 08:00
S-1,2025-06-01 08:00,
S-2,2025-05-01 08:00,2025-05-01 12:00
S-2,2025-05-01 08:00,2025-05-01 12:00
S-2,2025-05-01 09:00,2025-05-01 10:00
"""
DATED = """\
calibrate: book
logs:
  book: {kind: failures, path: book.csv, robot: serial, at: {column: failed, unit: iso8601, zone: Europe/Berlin},
         back: {column: back, unit: iso8601, zone: Europe/Berlin}}
parts: [{kind: reliability, log: book}]
"""


def test_a_book_may_say_when_a_robot_was_back_by_the_clock_on_the_wall(tmp_path):
    (tmp_path / "book.csv").write_text(BOOK)
    (tmp_path / "plan.yaml").write_text(DATED)
    log = read_failures("book", load_plan(tmp_path / "plan.yaml").spec.logs["book"], tmp_path)
    events = log.events[log.events.cell == "S-1"]
    assert (events[events.kind == "page.done"].t_s - events[events.kind == "repair.start"].t_s.min()).tolist() == [11 * 3600]
    assert (log.events.kind == "repair.start").sum() == 3 and (log.events.kind == "page.done").sum() == 2
    words = " ".join(f.text for f in log.findings)
    assert all(w in words for w in ("watched: [from, to]", "robots: […]", "1 rows say the same", "1 failures came before"))


FLEET = """\
fleet: f
grippers: {hand: {stroke_mm: 80, force_N: 40}}
robots: {ur3: {model: ur3, gripper: hand}}
cells: [{name: c, count: 2, robots: [{robot: ur3, serial: S}]}]
"""


@pytest.mark.parametrize(("per", "at"), [("all", "robots.ur3"), ("robot", "serials.S-01")])
def test_lives_are_those_of_a_kind_or_of_a_serial_and_a_stranger_is_told(tmp_path, per, at):
    rows = [(f"{'S-0' if r != 'r2' else 'x'}{int(r[1]) + 1}", t, m) for r, t, m in lives(300, robots=3)]
    told(tmp_path, rows)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    plan = (tmp_path / "plan.yaml").read_text().replace("log: book,", f"log: book, per: {per},")
    (tmp_path / "plan.yaml").write_text(f"fleet: fleet.yaml\n{plan}")
    (result,) = calibrate(load_plan(tmp_path / "plan.yaml")).results
    names = {e.name for e in result.estimates}
    assert {f"{at}.reliability.fails_h.kind", f"{at}.reliability.repair_h.kind"} <= names
    assert any("the fleet has no robot" in f.text and "'x3'" in f.text for f in result.findings)


def test_components_have_lives_of_their_own_which_the_overlay_gives_the_fleet(tmp_path):
    rows = [(r, t, m, "gripper") for r, t, m in lives(600)] + [(r, t + 0.1, m, "") for r, t, m in lives(2000)]
    book = [(r, (START + pd.Timedelta(hours=h)).isoformat(), m, part) for r, h, m, part in rows if h < 8700]
    pd.DataFrame(book, columns=["robot", "failed", "minutes", "what"]).to_csv(tmp_path / "book.csv", index=False)
    more = 'component: what, watched: ["2025-01-06", "2026-01-06"]'
    (tmp_path / "plan.yaml").write_text(PLAN.replace("MORE", more))
    (result,) = calibrate(load_plan(tmp_path / "plan.yaml")).results
    known = {e.name.removeprefix("models.reliability."): e for e in result.estimates}
    assert known["components.gripper.fails_h.mean"].low < 600 < known["components.gripper.fails_h.mean"].high
    assert known["fails_h.mean"].low < 2000 < known["fails_h.mean"].high and "components.gripper.repair_h.kind" in known
