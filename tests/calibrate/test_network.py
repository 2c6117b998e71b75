"""Networks: laws and tails that are known come back, bursts are found, what drifts is refused."""

import numpy as np
import pytest

from twin.calibrate.logs import read_log
from twin.calibrate.logspec import SignalLog
from twin.calibrate.network.families import FITS, empirical_tail, gamma, loglogistic, lognormal
from twin.calibrate.network.horizons import forecasts, horizons
from twin.calibrate.network.mixing import Judged, mix
from twin.calibrate.network.regimes import fit_chain
from twin.calibrate.network.score import choose_regimes, contradicted, pinball, rank_regimes
from twin.calibrate.network.stationary import block_quantiles, compare_halves
from twin.calibrate.network.tail import fit_tail
from twin.calibrate.overlay import Made, as_data, write
from twin.calibrate.spec import load_plan
from twin.calibrate.whole import calibrate
from twin.core.chance import Chance
from twin.core.errors import InputError, TableError
from twin.core.network import Regimes
from twin.scenario.load import load

P = np.array([0.5, 0.9, 0.99, 0.999])


def rng(name="draws"):
    return Chance(5).stream("test", name)


def lognormal_delays(n, name="draws"):
    return 0.005 * np.exp(0.5 * rng(name).standard_normal(n))


def bursts(n, name="bursts"):
    """Delays about 5 ms, and about 80 ms for about ten messages after every two hundred."""
    stream, slow, out = rng(name), False, []
    for _ in range(n):
        slow = stream.random() < (0.9 if slow else 0.005)
        out.append((0.08 if slow else 0.005) * np.exp(0.2 * stream.standard_normal()))
    return np.array(out)


@pytest.mark.parametrize(
    ("fit_law", "draw"),
    [
        (lognormal, lambda s, n: 0.01 + 0.005 * np.exp(0.5 * s.standard_normal(n))),
        (loglogistic, lambda s, n: 0.005 * (1 / s.random(n) - 1) ** (-1 / 3)),
        (gamma, lambda s, n: s.gamma(2.0, 0.004, n)),
        (
            FITS["lognormal_mixture_2"],
            lambda s, n: np.where(s.random(n) < 0.03, 0.1, 0.005) * np.exp(0.3 * s.standard_normal(n)),
        ),
        (FITS["empirical_tail_40"], lambda s, n: 0.005 * s.random(n) ** -0.4),
    ],
)
def test_a_law_gives_back_the_quantiles_of_what_it_fits(fit_law, draw):
    x, truth = draw(rng(), 4000), np.quantile(draw(rng("more"), 400_000), P)
    assert fit_law(x).quantile(P) == pytest.approx(truth, rel=0.25)


def test_the_tail_of_an_exponential_has_no_shape_and_that_of_a_pareto_has():
    low, high = fit_tail(np.sort(rng().exponential(1.0, 4000)), 200).shape_interval(0.9)
    heavy, _ = fit_tail(np.sort(rng().pareto(1.5, 4000)), 200).shape_interval(0.9)
    assert low < 0.05 < high and heavy > 0.3


def test_beyond_the_data_the_forecast_reaches_further_the_less_there_is():
    few, many = (empirical_tail(lognormal_delays(n), 20).quantile(np.array(0.9999)) for n in (200, 20_000))
    assert few > many


def test_a_law_that_the_data_contradict_is_told_at_its_quantiles():
    x = bursts(4000)
    assert 0.99 in contradicted(lognormal(x), x, P) and contradicted(empirical_tail(x, 20), x, P) == ()


def test_bursts_are_found_as_regimes_that_last():
    x = bursts(4000)
    chain = fit_chain(empirical_tail(x, 20), x, 2)
    assert chain.transitions[1, 1] == pytest.approx(0.9, abs=0.05)
    assert chain.regime(1, np.array(0.5)) == pytest.approx(0.08, rel=0.2)


def test_independent_delays_get_one_regime():
    assert choose_regimes(rank_regimes(lognormal_delays(800), "empirical_tail_20", 3, P)) == 1


def modelled(family, size):
    """What fits a family with so many regimes to a part of a trace."""

    def made(x):
        return family, fit_chain(FITS[family](x), x, size)

    return made


def looked_ahead(x, start, made):
    told, _ = horizons(made(x[:start]), made, x[:start], x[start:], P)
    return {h.ahead: h for h in told}


def test_what_is_known_of_a_burst_fades_with_the_horizon():
    found = looked_ahead(bursts(4000), 2000, modelled("empirical_tail_20", 2))
    assert found[1].frozen < 0.9 and found[1].frozen < found[10].frozen < found[100].frozen + 0.02
    assert found[1].mixed < min(0.9, found[1].so_far, found[1].latest)


def test_a_law_kept_up_to_date_follows_a_level_that_moves():
    x = lognormal_delays(4000) * np.repeat([1.0, 1.5], 2000)
    near = looked_ahead(x, 2000, modelled("lognormal", 1))[1]
    assert near.kept < near.frozen and near.kept < 1 and near.mixed < near.so_far


def test_no_forecast_knows_what_it_is_to_foretell():
    x, p = lognormal_delays(1200), P
    changed = np.concatenate([x[:1000], 100 * x[1000:]])
    model = modelled("lognormal", 2)(x[:600])
    for ahead in (1, 100):
        a, b = (forecasts(model, y, 600, [ahead], p)[ahead] for y in (x, changed))
        assert (a[: 400 + ahead] == b[: 400 + ahead]).all() and (a[400 + ahead :, :4] != b[400 + ahead :, :4]).any(2).all(
            1
        ).any()
        a, b = (mix(told, y[600:], p, ahead, Judged.new(6, 4)) for told, y in ((a, x), (b, changed)))
        assert (a[: 400 + ahead] == b[: 400 + ahead]).all() and (a[400 + ahead :] != b[400 + ahead :]).any()


def test_a_mixture_is_hardly_worse_than_the_best_that_is_mixed_whichever_it_is():
    x = lognormal_delays(4000)
    right = np.quantile(lognormal_delays(400_000, "truth"), P)
    told = np.broadcast_to(np.stack([0.5 * right, right, 2 * right, 5 * right]), (4000, 4, 4))
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        mixed = mix(told[:, order], x, P, 1, Judged.new(4, 4))
        ours, best = (pinball(of, x[1000:], P) for of in (mixed[1000:], right))
        assert (ours < best * [1.01, 1.01, 1.03, 1.15]).all()


def test_what_one_message_in_a_thousand_exceeds_is_not_judged_by_a_hundred():
    x, p = np.full(100, 1.0), np.array([0.999])
    told = np.broadcast_to(np.array([[2.0], [10.0]]), (100, 2, 1))
    assert mix(told, x, p, 1, Judged.new(2, 1))[-1] > 3  # by the variance that was seen it would be 2.0


def test_weights_that_were_learned_are_gone_on_from():
    x, told = np.full(50, 1.0), np.broadcast_to(np.array([[1.0], [3.0]]), (50, 2, 1))
    judged, half = Judged.new(2, 1), np.array([0.5])
    first, then = (mix(told, x, half, 1, judged) for _ in range(2))
    assert first[0] == pytest.approx(2) and first[-1] > then[0] - 1e-9 and then[0] < 1.5


def test_pinball_loss_is_least_at_the_quantile():
    x = lognormal_delays(5000)
    best = np.quantile(x, P)
    assert all((pinball(best * (1 + off), x, P) >= pinball(best, x, P)).all() for off in (-0.1, 0.1))


def test_a_trace_that_drifts_is_told_and_one_that_does_not_is_not():
    still, drifting = bursts(4000), lognormal_delays(4000) * np.linspace(1, 1.5, 4000)
    assert compare_halves(still, P[:3], rng("a")).moved == ()
    assert 0.5 in {half.share for half in compare_halves(drifting, P[:3], rng("b")).moved}


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "plan.yaml").write_text(
        "calibrate: bay\nlogs: {wifi: {path: rtt.csv, header: false, columns: {rtt: {column: 1, unit: ms}}}}\n"
        "parts: [{kind: network, log: wifi, link: wifi, max_regimes: 2, families: [empirical_tail]}]\n"
    )
    np.savetxt(tmp_path / "rtt.csv", 1e3 * bursts(1600))
    return tmp_path / "plan.yaml"


def test_the_fitted_link_runs_in_a_farm(plan):
    found = calibrate(load_plan(plan))
    write(as_data(found.results, Made("bay", "2026-01-05")), plan.parent / "overlay.yaml")
    (plan.parent / "s.yaml").write_text(
        "scenario: s\noverlay: overlay.yaml\nduration_s: 60\njobs: [{kind: poisson, per_hour: 300}]\n"
        "fleet: {fleet: f, grippers: {hand: {stroke_mm: 80, force_N: 40}}, robots: {ur3: {model: ur3, gripper: hand}}, "
        "links: {wifi: {}}, cells: [{name: a, link: wifi, robots: [{robot: ur3}]}]}\n"
    )
    model = load(plan.parent / "s.yaml").spec.fleet.links["wifi"].latency_ms
    assert isinstance(model, Regimes) and model.round_trip and len(model.regimes) == 2
    assert model.regimes[0].next[0] > 0.9


def test_one_message_ahead_beats_resampling_where_delays_come_in_bursts(plan):
    (result,) = calibrate(load_plan(plan)).results
    assert result.scores[0].better and result.facts["regimes"] == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("5\n" * 200, "throughout: a frozen signal"),
        ("5\n6\n" * 40, "too few to tell a tail"),
        ("5\n6\n" * 200 + "-4\n" + "5\n" * 10, "a delay is above zero"),
    ],
)
def test_a_log_that_tells_nothing_is_refused(plan, rows, message):
    (plan.parent / "rtt.csv").write_text(rows)
    with pytest.raises((TableError, InputError), match=message):
        calibrate(load_plan(plan))


def test_a_delay_of_minutes_is_suspected_to_be_in_another_unit(plan):
    np.savetxt(plan.parent / "rtt.csv", 1e9 * bursts(400))
    (result,) = calibrate(load_plan(plan)).results
    assert any("another unit" in finding.text for finding in result.findings)


def lasting(n, stay, name):
    """Delays about 5 ms, and about 40 ms for some 1 / (1 - stay) messages together."""
    stream, slow, out = rng(name), False, 5e-3 * np.exp(0.5 * rng(name + "x").standard_normal(n))
    for i, u in enumerate(stream.random(n)):
        slow = u < (stay if slow else (1 - stay) / 4)
        out[i] *= 8 if slow else 1
    return out


def test_intervals_of_a_link_that_stays_bad_for_long_are_wide_enough():
    p = np.array([0.5, 0.9])
    truth = np.quantile(lasting(400_000, 0.98, "truth"), p)
    ends = [block_quantiles(lasting(3000, 0.98, f"t{i}"), p, 0.9, rng(f"b{i}"), draws=100) for i in range(60)]
    inside = np.array([(low <= truth) & (truth <= high) for low, high in ends])
    assert inside.mean() >= 0.77  # with blocks of 43 messages, whatever hangs together: 0.66


def test_far_out_an_interval_is_the_tails_own():
    s = rng("far")
    inside = []
    for _ in range(80):
        low, high = fit_tail(np.sort(s.pareto(2.0, 2000) + 1), 100).quantile_interval(0.999, 0.9)
        inside.append(low <= 1000**0.5 <= high)
    assert 0.82 <= np.mean(inside) <= 0.98


PING = ["PING 10.0.0.7 (10.0.0.7) 56(84) bytes of data.", "64 bytes from 10.0.0.7: icmp_seq=65534 ttl=64 time=4.5 ms",
        "64 bytes from 10.0.0.7: icmp_seq=65534 ttl=64 time=9 ms (DUP!)", "64 bytes from 10.0.0.7: icmp_seq=1 ttl=64 time=6 ms",
        "--- 10.0.0.7 ping statistics ---"]  # fmt: skip
WINDOWS = ["Pinging 10.0.0.7 with 32 bytes of data:", "Reply from 10.0.0.7: bytes=32 time=4ms TTL=64", "Request timed out.",
           "Reply from 10.0.0.7: bytes=32 time<1ms TTL=64"]  # fmt: skip


@pytest.mark.parametrize(("lines", "ms"), [(PING, [4.5, np.nan, np.nan, 6]), (WINDOWS, [4, np.nan, 1])])
def test_what_ping_prints_is_a_trace_with_its_losses(tmp_path, lines, ms):
    (tmp_path / "log.txt").write_text("\n".join(lines))
    spec = SignalLog(path="log.txt", columns={"rtt": {"column": "ms", "unit": "ms", "nan": "keep"}})
    assert 1e3 * read_log("l", spec, tmp_path).signals["rtt"] == pytest.approx(ms, nan_ok=True)


def trace(folder, text, **keys):
    (folder / "rtt.csv").write_text(text)
    spec = {"path": "rtt.csv", "header": False, "columns": {"rtt": {"column": "1", "unit": "ms", "nan": "keep"}}} | keys
    return read_log("l", SignalLog.model_validate(spec), folder)


def test_an_empty_line_among_delays_is_a_lost_message_and_one_at_the_end_is_none(tmp_path):
    assert np.isnan(trace(tmp_path, "5\n\n6\n7\n\n").signals["rtt"]).tolist() == [False, True, False, False]


def test_a_word_may_stand_for_a_lost_message(tmp_path):
    with pytest.raises(TableError, match=r"row 2, column '1': '\*' is no number; where .* blank_values: \[\*\]"):
        trace(tmp_path, "5\n*\n6\n")
    assert np.isnan(trace(tmp_path, "5\n*\n6\n", blank_values=["*"]).signals["rtt"]).sum() == 1


def test_how_a_file_is_written_is_guessed_aloud(tmp_path):
    with pytest.raises(TableError, match="is it the header"):
        trace(tmp_path, "rtt\n5\n6\n")
    with pytest.raises(TableError, match="seems to be separated by ' '"):
        trace(tmp_path, "17.1 4\n17.2 5\n", columns={"rtt": {"column": "2"}})
    assert trace(tmp_path, "17.1  4\n17.2 5\n", columns={"rtt": {"column": "2"}}, separator=" ").signals["rtt"].tolist() == [
        4,
        5,
    ]
    assert "decimal comma" in trace(tmp_path, "5,125\n6,250\n7,000\n").findings[0].text
    assert not trace(tmp_path, "1,5\n2,13\n3,7\n").findings


@pytest.mark.real
def test_the_robot_that_stood_still_had_two_networks(real_data):
    x = np.loadtxt(real_data / "robot_rtt" / "tyrell_roundtrip035.csv") / 1e3
    for name in "abc":
        p99 = next(half for half in compare_halves(x, P[:3], rng(name)).moved if half.share == 0.99)
        assert (1e3 * p99.first, 1e3 * p99.second) == (pytest.approx(70, abs=1), pytest.approx(43, abs=1))


@pytest.mark.real
def test_the_tail_of_the_moving_robot_is_forecast(real_data):
    x = np.loadtxt(real_data / "robot_rtt" / "tyrell_roundtrip036.csv") / 1e3
    first, second = np.array_split(x, 2)
    assert 1e3 * empirical_tail(first, 40).quantile(P[2:]) == pytest.approx([53.8, 2004], rel=0.25)
    assert abs(lognormal(first).quantile(P)[2] / np.quantile(second, 0.99) - 1) > 0.5


def lossy(tmp_path, lost, more=""):
    np.savez(tmp_path / "log.npz", rtt=lognormal_delays(len(lost)), lost=lost.astype(float))
    (tmp_path / "plan.yaml").write_text(
        "calibrate: bay\nlogs: {wifi: {path: log.npz, columns: {rtt: rtt, lost: lost}}}\n"
        f"parts: [{{kind: network, log: wifi, link: wifi, lost: lost, max_regimes: 1, families: [lognormal]{more}}}]\n"
    )
    (result,) = calibrate(load_plan(tmp_path / "plan.yaml")).results
    return {e.name.removeprefix("links.wifi."): e for e in result.estimates if "loss" in e.path}


ONE_WAY = ", round_trip: false"


def test_losses_in_bursts_become_a_gilbert_elliott_channel(tmp_path):
    told = lossy(tmp_path, bursts(4000) > 0.03, ONE_WAY)
    assert told["loss.kind"].value == "gilbert_elliott"
    assert told["loss.bad_to_good"].low <= 0.1 <= told["loss.bad_to_good"].high


def test_the_link_loses_as_many_round_trips_as_the_trace_did_and_begins_bursts_as_often(tmp_path):
    single, burst = rng("lost").random(1500) < 0.1, bursts(4000) > 0.03
    assert 1 - (1 - lossy(tmp_path, single)["loss"].value) ** 2 == pytest.approx(single.mean())
    told = lossy(tmp_path, burst)
    enter, leave = (told[f"loss.{key}"].value for key in ("good_to_bad", "bad_to_good"))
    good = leave / (enter + leave)  # share of messages, two a round trip; one is whole that begins and ends in it
    assert 1 - good * (1 - enter) == pytest.approx(burst.mean(), rel=0.02)
    assert 1 - (1 - enter) ** 2 == pytest.approx(burst[1:][~burst[:-1]].mean(), rel=0.02)


def test_single_losses_are_a_share_and_none_at_all_is_a_bound(tmp_path):
    some = lossy(tmp_path, rng("lost").random(4000) < 0.02, ONE_WAY)["loss"]
    none = lossy(tmp_path, np.zeros(1000))["loss"]
    assert some.low < 0.02 < some.high and some.identified
    assert (none.value, none.low, none.identified) == (0, None, False) and 0 < none.high < 0.01


def test_messages_without_a_delay_were_lost_where_the_plan_says_so(plan):
    delays = 1e3 * bursts(1600)
    rows = ["" if i % 50 == 7 else f"{delay:.3f}" for i, delay in enumerate(delays)]
    (plan.parent / "rtt.csv").write_text("\n".join(["rtt,x", *(f"{row},1" for row in rows)]) + "\n")
    text = plan.read_text().replace(
        "header: false, columns: {rtt: {column: 1, unit: ms}}", "columns: {rtt: {column: rtt, unit: ms}}"
    )
    plan.write_text(text)
    with pytest.raises(TableError, match="nan: keep, where the message was lost"):
        calibrate(load_plan(plan))
    plan.write_text(text.replace("unit: ms}", "unit: ms, nan: keep}"))
    (result,) = calibrate(load_plan(plan)).results
    loss = next(e for e in result.estimates if e.name == "links.wifi.loss")
    assert loss.value == pytest.approx(1 - np.sqrt(0.98)) and loss.low < 0.0101 < loss.high
