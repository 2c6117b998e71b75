"""`pytest scenarios/`, as a user meets it."""

import shutil

import pytest

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.slow

PLUGIN = ("-p", "twin.pytest_plugin", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")


@pytest.fixture
def run(write, pytester, tmp_path):
    """Copy what was written into pytester's folder and run pytest there with the plugin."""

    def go(*argv, process=False):
        for path in [p for p in tmp_path.iterdir() if p.suffix in (".yaml", ".py")]:
            shutil.copy(path, pytester.path)
        each = pytester.runpytest_subprocess if process else pytester.runpytest_inprocess
        return each(*PLUGIN, "--twin-engine", "kinematic", *argv)

    return go


def test_scenarios_are_tests_a_seed_each_and_other_yaml_is_left_alone(run, write, pytester):
    write("good")
    pytester.makefile(".yaml", other="a: 1", talk="about: a scenario", broken="scenario.x: [")
    result = run("--collect-only", "-q", "--twin-seeds", "2")
    assert result.outlines[:2] == ["good.yaml::good[seed=0]", "good.yaml::good[seed=1]"]
    assert "2 tests collected" in result.outlines[-1]


def test_a_failure_tells_the_check_the_story_and_the_command(run, write):
    write("bad", "within: {from: assigned, to: stuck, seconds: 1}")
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*within assigned*1 late or never*",
            ">*job.assigned*",
            "reproduce:  twin run bad.yaml --seed 0 --engine kinematic",
            "look at it: twin report *twin-runs*",
        ]
    )
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize("checks", ["within: {from: broken, to: repaired, seconds: 1}"])
def test_an_undecided_run_is_no_pass(run, write, checks):
    write("open", checks)
    run().assert_outcomes(failed=1)


def test_a_scenario_with_mistakes_is_an_error_that_names_their_places(run, write):
    path = write("wrong")
    path.write_text(path.read_text() + "durations: 3\n")
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*wrong.yaml:*: unknown key 'durations'*"])


def test_workers_of_xdist_share_the_seeds(run, write):
    write("good")
    result = run("-n", "2", "--twin-seeds", "3", "-m", "twin", process=True)
    result.assert_outcomes(passed=3)


def test_a_test_in_python_runs_a_scenario(run, write, pytester):
    write("good")
    pytester.makepyfile(
        """
        def test_it(twin_run):
            ran = twin_run("good.yaml", seed=4, duration_s=15).expect("pass")
            assert (ran.meta["seed"], ran.passed) == (4, True)
            assert len(ran.log.episodes) == ran.checks["at_least episodes"]["value"]
            assert twin_run("good.yaml", seed=4, duration_s=15).folder == ran.folder

        def test_not(twin_run):
            twin_run("good.yaml", seed=4).expect("void")

        def test_other():
            pass
        """
    )
    result = run("-m", "twin", "-k", "test_it or test_not or test_other")
    result.assert_outcomes(passed=1, failed=1, deselected=2)
    result.stdout.fnmatch_lines(["*NotPassed: good, seed 4: pass*"])


def test_the_options_are_checked(run, write):
    write("good")
    assert run("--twin-seeds", "0").ret == pytest.ExitCode.USAGE_ERROR


def test_nothing_of_the_twin_is_imported_where_there_is_no_scenario(run, pytester):
    pytester.makefile(".yaml", other="a: 1")
    pytester.makepyfile(
        """
        import sys

        def test_light():
            heavy = {"twin.suite", "twin.run", "mujoco", "numpy", "pandas", "pydantic", "yaml"}
            assert heavy & set(sys.modules) == set()
        """
    )
    run(process=True).assert_outcomes(passed=1)
