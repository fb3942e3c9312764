"""Leases on a real Ray: two teams, a holder that is killed, and a broker that is killed and comes back."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from mlray.errors import InputError, UnavailableError
from mlray.leases import Resources, Terms

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster(ray_session):
    """The Ray of this run with a broker of its own; half of what may be leased there is one slot."""
    from mlray.leases.on_ray import Desk

    end_broker()
    desk = Desk()
    free = desk.usage().nodes[0].capacity
    yield Resources(cpu=free.cpu / 2)
    end_broker()


def end_broker():
    import ray

    from mlray.leases.broker.on_ray import NAME, NAMESPACE

    try:
        ray.kill(ray.get_actor(NAME, namespace=NAMESPACE), no_restart=True)
    except ValueError:
        return


def broker_process():
    import ray

    from mlray.leases.broker.on_ray import NAME, NAMESPACE

    handle = ray.get_actor(NAME, namespace=NAMESPACE)
    return ray.get(handle.__ray_call__.remote(lambda self: os.getpid()), timeout=60)


def lane_kind():
    import ray

    @ray.remote(num_cpus=0.001, max_concurrency=2)
    class Lane:
        def __init__(self, team, name, slot):
            from mlray.leases.on_ray import Desk

            self.desk, self.team, self.name, self.slot = Desk(), team, name, slot
            self.lease, self.done, self.ending = None, 0, False

        def ready(self):
            return os.getpid()

        def acquire(self, sweep, patience):
            self.lease = self.desk.acquire(self.team, sweep, self.name, None, self.slot, patience)
            return self.lease

        def do(self, what, *arguments):
            return getattr(self.desk, what)(self.lease, *arguments)

        def work(self, sweep, seconds):
            """Pack after pack, until it is told to end."""
            while not self.ending:
                lease = self.desk.acquire(self.team, sweep, self.name, None, self.slot, 5)
                if lease is None:
                    continue
                time.sleep(seconds)
                self.desk.release(lease, seconds)
                self.done += 1
            return self.done

        def count(self):
            return self.done

        def end(self):
            self.ending = True

    return Lane


@pytest.fixture
def lanes(cluster):
    import ray

    started = []
    kind = lane_kind()

    def start(team, number=1):
        found = [kind.remote(team, f"{team}-{len(started) + n}", cluster) for n in range(number)]
        started.extend(found)
        ray.get([lane.ready.remote() for lane in found], timeout=120)
        return found

    yield start
    for lane in started:
        ray.kill(lane)


def call(lane, method, *arguments):
    import ray

    return ray.get(getattr(lane, method).remote(*arguments), timeout=120)


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.fixture
def desk(cluster):
    from mlray.leases.on_ray import Desk

    return Desk()


def waiting(desk, team):
    return sum(sweep.waiting for tenant in desk.usage().tenants if tenant.name == team for sweep in tenant.sweeps)


def test_a_second_team_works_at_once_and_gets_its_half(lanes, desk):
    import ray

    first, second = lanes("first", 2), lanes("second", 2)
    running = [lane.work.remote("sweep-a", 0.2) for lane in first]
    until(lambda: sum(call(lane, "count") for lane in first) >= 8)
    before = sum(call(lane, "count") for lane in first)
    running += [lane.work.remote("sweep-b", 0.2) for lane in second]
    until(lambda: sum(call(lane, "count") for lane in second) >= 20)
    meanwhile = sum(call(lane, "count") for lane in first) - before
    for lane in [*first, *second]:
        call(lane, "end")
    ray.get(running, timeout=60)
    assert 12 <= meanwhile <= 30, "twenty, if all were perfect"
    told = {tenant.name: tenant for tenant in desk.usage().tenants}
    assert told["first"].leases >= told["second"].leases >= 20
    assert told["second"].waited < 2


def test_a_guarantee_pauses_another_team_which_goes_on_afterwards(lanes, desk, cluster):
    first, second = lanes("lender", 2)
    (owner,) = lanes("owner")
    desk.claim("owner", Terms(guarantee=cluster))
    for lane in (first, second):
        assert call(lane, "acquire", "sweep-c", 30)
        assert call(lane, "do", "may_go_on") == "go"
    asked = owner.acquire.remote("sweep-d", 60)
    until(lambda: desk.usage().tenants and waiting(desk, "owner"))
    paused = until(lambda: next((lane for lane in (first, second) if call(lane, "do", "may_go_on") == "pause"), None))
    import ray

    assert ray.get(asked, timeout=60)
    assert [call(lane, "do", "may_go_on") for lane in (first, second)].count("pause") == 1
    assert call(paused, "do", "resume", 0.1) == "pause"
    call(owner, "do", "release", 1.0)
    assert call(paused, "do", "resume", 60) == "go"
    for lane in (first, second):
        call(lane, "do", "release", 1.0)


def test_the_lease_of_a_killed_lane_is_free_again(lanes, desk):
    first, second = lanes("mortal", 2)
    (third,) = lanes("heir")
    assert call(first, "acquire", "sweep-e", 30)
    assert call(second, "acquire", "sweep-e", 30)
    asked = third.acquire.remote("sweep-f", 90)
    os.kill(call(first, "ready"), signal.SIGKILL)
    import ray

    assert ray.get(asked, timeout=100)
    assert call(second, "do", "may_go_on") == "go"


def test_a_broker_that_is_killed_comes_back_and_learns_who_holds_what(lanes, desk):
    import ray

    first, second, third = lanes("keeper", 3)
    assert call(first, "acquire", "sweep-g", 30)
    assert call(second, "acquire", "sweep-g", 30)
    desk.say_stop("sweep-old")
    asked = third.acquire.remote("sweep-g", 120)
    until(lambda: waiting(desk, "keeper"))
    before = broker_process()
    os.kill(before, signal.SIGKILL)
    assert call(first, "do", "may_go_on") == "go"
    assert broker_process() != before
    assert desk.stopped("sweep-old")
    told = until(
        lambda: next((t for t in desk.usage().tenants if t.name == "keeper" and sum(s.lanes for s in t.sweeps) == 2), 0)
    )
    assert told.sweeps[0].waiting <= 1
    assert not ray.wait([asked], timeout=5)[0], "nothing is free: both were announced"
    call(second, "do", "release", 1.0)
    assert ray.get(asked, timeout=100)


def test_a_broker_that_is_gone_for_good_is_replaced(lanes, desk):
    (lane,) = lanes("patient")
    assert call(lane, "acquire", "sweep-h", 30)
    end_broker()
    assert call(lane, "do", "may_go_on") == "go"
    assert not desk.stopped("sweep-h")
    until(lambda: [t for t in desk.usage().tenants if t.name == "patient" and t.held.cpu])


def test_a_stopped_sweep_hears_it_and_waits_no_longer(lanes, desk):
    import ray

    first, second, third = lanes("stopping", 3)
    assert call(first, "acquire", "sweep-i", 30)
    assert call(second, "acquire", "sweep-i", 30)
    asked = third.acquire.remote("sweep-i", 120)
    until(lambda: waiting(desk, "stopping"))
    desk.say_stop("sweep-i")
    assert ray.get(asked, timeout=30) is None
    assert call(first, "do", "may_go_on") == "stop"
    assert desk.stopped("sweep-i")
    for lane in (first, second):
        call(lane, "do", "release", 1.0)
    until(lambda: not any(tenant.sweeps for tenant in desk.usage().tenants if tenant.name == "stopping"))


def test_lanes_rest_until_they_are_woken(desk):
    woken = []
    thread = threading.Thread(target=lambda: woken.append(desk.rest("pool-1", 120)))
    thread.start()
    until(lambda: (desk.wake("pool-1"), woken)[1])
    thread.join()
    assert woken == [True]
    assert desk.rest("pool-2", 0.2) is False
    desk.wake("pool-2")
    assert desk.rest("pool-2", 60) is True, "a call between two rests is heard"
    assert desk.rest("pool-2", 0.2) is False, "but once only"


def test_what_can_never_be_granted_is_refused_with_the_reason(desk):
    with pytest.raises(InputError, match=r"needs 1000 CPUs; its node has"):
        desk.acquire("greedy", "sweep-j", "lane", None, Resources(cpu=1000), 10)


def test_what_sweeps_could_use_is_asked_of_the_autoscaler_and_taken_back(desk):
    import json

    from ray.autoscaler._private.constants import AUTOSCALER_RESOURCE_REQUEST_CHANNEL
    from ray.experimental.internal_kv import _internal_kv_get

    def asked():
        return json.loads(_internal_kv_get(AUTOSCALER_RESOURCE_REQUEST_CHANNEL) or "[]")

    need = Resources(cpu=1, gpu=0.5)
    assert desk.want("rich", "sweep-k", 12, need, money_left=2.4, price_per_second=0.005) == 4
    until(lambda: [bundle.get("GPU") for bundle in asked()].count(0.5) == 4)
    assert desk.want("rich", "sweep-k", 0, need) == 0
    until(lambda: asked() == [])


def test_a_desk_arrives_elsewhere_as_a_fresh_one(desk):
    import pickle

    assert pickle.loads(pickle.dumps(desk))._claims == {}
    assert desk.may_go_on("unknown") == "stop"
    assert desk.resume("unknown", 1) == "stop"
    desk.release("unknown")


def test_the_operators_file_has_the_last_word(ray_session, tmp_path):
    """In a broker that is no actor, since the environment of an actor's process is the cluster's."""
    code = """
import asyncio, os, ray
from mlray.leases import Terms
from mlray.leases.broker.on_ray import Broker
ray.init(os.environ["ADDRESS"], namespace="elsewhere", log_to_driver=False)
broker = Broker()
async def main():
    print((await broker.claim("a", Terms(weight=9))).weight, (await broker.claim("b", Terms(weight=9))).weight)
    with open(os.environ["MLRAY_SHARES"], "w") as file: file.write("tenants: {a: {wait: 3}}")
    os.utime(os.environ["MLRAY_SHARES"], (1, 1))
    broker._read_shares()
    print((await broker.claim("a", Terms(weight=9))).weight, "did you mean 'weight'" in (await broker.usage()).fault)
asyncio.run(main())
"""
    shares = tmp_path / "shares.yaml"
    shares.write_text("tenants: {a: {weight: 2}}")
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MLRAY_SHARES": str(shares), "ADDRESS": ray_session.address},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert said.stdout.split() == ["2.0", "1.0", "2.0", "True"]


def test_a_desk_starts_no_ray_of_its_own_and_loads_nothing_heavy():
    code = """
import sys
from mlray.leases import Resources
from mlray.leases.on_ray import Desk
try:
    Desk().acquire("a", "s", "l", None, Resources(cpu=1), 1)
except Exception as error:
    print(type(error).__name__)
import ray
print(ray.is_initialized(), *({"pandas", "xgboost", "mlflow", "optuna", "sklearn"} & set(sys.modules)))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert said.stdout.split() == [UnavailableError.__name__, "False"]
