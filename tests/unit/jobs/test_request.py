from pathlib import Path

import pytest

import mlray.jobs
from mlray.errors import InputError
from mlray.jobs import JobState, JobStatus, check_request, dashboard_address, job_request, metadata, runtime_env
from mlray.records import JobRequest


def request(**changes):
    facts = {"name": "train", "entrypoint": "python jobs/train.py jobs/flights", "tenant": "ana", "project": "flights"}
    return JobRequest(**{**facts, **changes})


def test_what_the_package_shows_is_what_it_lists():
    visible = {
        name for name in vars(mlray.jobs) if not name.startswith("_") and name not in {"request", "script", "on_ray"}
    }
    assert visible == set(mlray.jobs.__all__)


def test_a_project_becomes_the_command_that_a_person_would_type():
    made = job_request(Path("jobs/flights"), "train", arguments=["--until", "2013-04-01"], tenant="ana", id="night-7")
    assert made.entrypoint == "python -m mlray.cli train jobs/flights --until 2013-04-01"
    assert (made.name, made.project, made.tenant, made.id) == ("train-flights", "flights", "ana", "night-7")


def test_arguments_with_blanks_and_quotes_reach_the_shell_whole():
    made = job_request("my project", arguments=["a b", "c'd; rm x"])
    assert made.entrypoint == "python -m mlray.cli run 'my project' 'a b' 'c'\"'\"'d; rm x'"


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"entrypoint": "  "}, "nothing to run"),
        ({"id": "a/b"}, "'a/b'"),
        ({"id": "-rf"}, "'-rf'"),
        ({"id": "x" * 101}, "x" * 101),
        ({"resources": {"CPU": -1}}, "-1 CPU"),
        ({"resources": {"GPU": float("nan")}}, "nan GPU"),
        ({"hours": -0.5}, "-0.5 hours"),
    ],
    ids=["blank", "slash", "dash first", "long", "negative", "not a number", "negative hours"],
)
def test_a_wrong_request_is_named_with_its_value(changes, seen):
    with pytest.raises(InputError, match=r".") as caught:
        check_request(request(**changes))
    assert seen in caught.value.problem
    assert caught.value.remedy


def test_a_good_request_comes_back_trimmed():
    assert check_request(request(entrypoint=" python x.py\n", id="a.b-c_1")).entrypoint == "python x.py"


def test_metadata_says_who_and_how_much_as_text():
    said = metadata(request(resources={"GPU": 1, "CPU": 4.0}, hours=2.5, priority=3))
    assert said == {
        "mlray.name": "train",
        "mlray.tenant": "ana",
        "mlray.project": "flights",
        "mlray.priority": "3",
        "mlray.hours": "2.5",
        "mlray.resources.CPU": "4.0",
        "mlray.resources.GPU": "1",
    }


def test_the_environment_leaves_this_machines_state_and_keys_behind(tmp_path):
    made = runtime_env(tmp_path)
    assert made["working_dir"] == str(tmp_path.resolve())
    assert {".git/", ".venv/", ".mlray/"} <= set(made["excludes"])
    assert made["env_vars"] == {"MLRAY_RAY": "auto", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}


def test_the_environments_own_programs_come_first_where_the_cluster_has_them(tmp_path):
    assert runtime_env(tmp_path, Path("/clone/.venv/bin"))["env_vars"]["PATH"] == "/clone/.venv/bin:${PATH}"


def test_a_folder_that_is_not_there_is_refused_before_anything_is_sent(tmp_path):
    with pytest.raises(InputError, match="is not a folder"):
        runtime_env(tmp_path / "gone")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("http://127.0.0.1:8265", "http://127.0.0.1:8265"),
        ("https://ray.example.com/", "https://ray.example.com"),
        ("http://[::1]:8265/jobs", "http://[::1]:8265"),
    ],
)
def test_an_address_loses_what_the_jobs_api_does_not_want(given, wanted):
    assert dashboard_address(given) == wanted


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("10.0.0.5:6379", "http://10.0.0.5:8265"),
        ("ray://head:10001", "http://head:8265"),
        ("http://head:port", "http://head:8265"),
        ("http://head:99999", "http://head:8265"),
        ("auto", "http://auto:8265"),
        ("", "http://HOST:8265"),
    ],
)
def test_another_kind_of_address_is_answered_with_the_right_one(given, meant):
    with pytest.raises(InputError) as caught:
        dashboard_address(given)
    assert f"'{given}'" in caught.value.problem
    assert meant in caught.value.remedy


def test_the_last_three_states_are_final():
    assert [state.value for state in JobState if state.final] == ["SUCCEEDED", "FAILED", "STOPPED"]


def test_a_status_reads_as_one_line_and_survives_json():
    status = JobStatus("night-7", JobState.FAILED, "python x.py", message="exit code 3", exit_code=3)
    assert str(status) == "night-7 FAILED: exit code 3"
    assert str(JobStatus("night-7", JobState.RUNNING, "python x.py")) == "night-7 RUNNING: python x.py"
    assert JobStatus.from_json(status.to_json()) == status
