"""Alarms ring when they are set to, and simpy alone keeps their time."""

import simpy
from hypothesis import given
from hypothesis import strategies as st

from simulator.serving.traffic.alarm import Alarm


@given(
    st.lists(st.tuples(st.floats(0.1, 5), st.none() | st.floats(0.01, 0.99)), min_size=1),
)
def test_an_alarm_rings_at_its_time_or_is_cancelled_before(settings):
    """Each is set once the last has rung or was cancelled, at that share of its delay."""
    env, rung, wanted = simpy.Environment(), [], []
    alarm = Alarm(env, lambda event: rung.append((env.now, event.processed)))
    for delay_s, cancelled in settings:
        alarm.set(delay_s)
        if cancelled is None:
            wanted.append(env.now + delay_s)
            env.run(until=env.now + delay_s + 0.01)
        else:
            env.run(until=env.now + cancelled * delay_s)
            alarm.cancel()
    env.run()
    assert [at for at, _ in rung] == wanted
    assert all(processed for _, processed in rung)


def test_an_alarm_may_be_set_again_while_it_rings():
    env, rung = simpy.Environment(), []

    def call(_event: simpy.Event) -> None:
        rung.append(env.now)
        if len(rung) < 4:
            alarm.set(1.5)

    alarm = Alarm(env, call)
    alarm.set(1.0)
    env.run()
    assert rung == [1.0, 2.5, 4.0, 5.5]


def test_cancelling_what_is_not_set_does_nothing():
    env = simpy.Environment()
    alarm = Alarm(env, lambda _event: None)
    alarm.cancel()
    alarm.set(1.0)
    env.run()
    alarm.cancel()
    assert env.now == 1.0
