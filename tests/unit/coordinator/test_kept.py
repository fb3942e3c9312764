import os

from mlray.coordinator.cluster import Kept, birth, read_kept


def own(address="127.0.0.1:1"):
    return Kept(os.getpid(), birth(os.getpid()), address)


def test_a_keeper_is_found_while_it_runs(tmp_path):
    own().write(tmp_path / "ray.json")
    assert read_kept(tmp_path / "ray.json") == own()


def test_a_keeper_forgets_only_itself(tmp_path):
    file = tmp_path / "ray.json"
    own("127.0.0.1:2").write(file)
    own("127.0.0.1:1").forget(file)
    assert file.exists()
    own("127.0.0.1:2").forget(file)
    assert not file.exists()
    own().forget(file)


def test_a_number_that_another_process_got_later_is_no_keeper(tmp_path):
    Kept(os.getpid(), 1.0, "127.0.0.1:1").write(tmp_path / "ray.json")
    assert read_kept(tmp_path / "ray.json") is None


def test_a_damaged_file_names_no_keeper(tmp_path):
    file = tmp_path / "ray.json"
    for content in ("", "{}", "[]", '{"pid": "x", "started": 1, "address": ""}'):
        file.write_text(content)
        assert read_kept(file) is None
