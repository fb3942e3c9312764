"""`mlray contract`: drafted, shown, mapped, compared, shared; and rows taken up again."""

import json

import pytest

from mlray.data import Store, ingest, scan_here
from mlray.spec import parse_contract, read_spec
from tests.unit.data.samples import LATER, NOON

CONTRACT = "contracts/orders.odcs.yaml"


@pytest.fixture
def drafted(mlray, shop):
    """The example project with a contract of its own."""
    made = mlray("contract", "show", shop)
    assert made.exit_code == 0, made.stderr
    (shop / "contracts").mkdir()
    (shop / CONTRACT).write_text(made.stdout, encoding="utf-8")
    text = (shop / "mlray.yaml").read_text(encoding="utf-8")
    head, _, rest = text.partition("  time:")
    tail = rest[rest.index("  target:") :]
    (shop / "mlray.yaml").write_text(f"{head}  contract: {CONTRACT}\n{tail}", encoding="utf-8")
    return shop


def read(shop):
    spec = read_spec(shop)
    store = Store(spec.root / "store")
    return ingest(
        spec.data, spec.folder, store, until=LATER, now=NOON, run=scan_here, progress=lambda done, total, note="": None
    )


def test_a_contract_is_drafted_from_a_file(mlray, shop, tmp_path):
    made = mlray(
        "contract", "infer", shop / "data" / "orders.csv", "--key", "order_id", "-o", tmp_path / "c" / "o.yaml"
    )
    again = mlray("contract", "infer", shop / "data" / "orders.csv", "-o", tmp_path / "c" / "o.yaml")

    assert made.exit_code == 0, made.stderr
    data = parse_contract((tmp_path / "c" / "o.yaml").read_text(encoding="utf-8"), "o").data
    assert (data.time, data.key) == ("ordered_at", ("order_id",))
    assert data.columns["kind"].allowed == ("book", "dress", "lamp", "shirt", "shoes")
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert mlray("contract", "infer", shop / "data" / "orders.csv").stdout.startswith("apiVersion:")


ROWS = "".join(
    f"2024-01-{day:02d}{{0}}{day}{{0}}{word}{{0}}{day}{{1}}5\n" for day in range(1, 29) for word in ("köln", "ulm")
)
HEADER = "at{0}number{0}city{0}price\n"


@pytest.mark.parametrize(
    ("name", "between", "point", "encoding", "said"),
    [
        ("rows.csv", ";", ",", "cp1252", {"delimiter": ";", "encoding": "cp1252", "decimal": ","}),
        ("rows.csv", "\t", ".", "utf-16", {"delimiter": "\t", "encoding": "utf-16"}),
        ("rows.tsv", "\t", ".", "utf-8", {}),
        ("rows.csv", ",", ".", "utf-8", {}),
    ],
    ids=["semicolons", "UTF-16", "tabs by name", "the usual"],
)
def test_how_a_text_is_written_is_found_and_goes_into_the_contract(
    mlray, tmp_path, name, between, point, encoding, said
):
    (tmp_path / name).write_bytes((HEADER + ROWS).format(between, point).encode(encoding))

    made = mlray("contract", "infer", tmp_path / name, "-o", tmp_path / "c.yaml")

    assert made.exit_code == 0, made.stderr
    data = parse_contract((tmp_path / "c.yaml").read_text(encoding="utf-8"), "c").data
    found = {key: value for one in data.mappings for key, value in one.model_dump(exclude_defaults=True).items()}
    assert found == ({"files": "*", **said} if said else {})
    assert list(data.columns) == ["at", "number", "city", "price"]
    assert data.columns["price"].type == "number"
    version = ingest(
        data.model_copy(update={"source": name}), tmp_path, Store(tmp_path / "store"), until=LATER, now=NOON,
        run=scan_here, progress=lambda *_: None,
    )  # fmt: skip
    assert (version.rows, version.quality.rejected) == (56, 0)


def test_a_source_that_is_written_otherwise_is_mapped_with_its_separator(mlray, shop):
    file = shop / "data" / "orders.csv"
    text = file.read_text(encoding="utf-8")
    (shop / "data" / "late.csv").write_text(text.replace(",", ";"), encoding="cp1252")

    accepted = mlray("contract", "map", shop / "data" / "late.csv", shop, "--accept", "--json")

    assert accepted.exit_code == 0, accepted.stderr
    assert json.loads(accepted.stdout)["mapping"] == {"files": "late.csv", "delimiter": ";"}
    text = (shop / "mlray.yaml").read_text(encoding="utf-8")
    (shop / "mlray.yaml").write_text(text.replace("orders.csv", "*.csv"), encoding="utf-8")
    assert read(shop).quality.seen == 2 * lines_of(file)


def lines_of(file):
    return len(file.read_text(encoding="utf-8").splitlines()) - 1


def test_what_the_source_says_already_is_not_mapped_again(mlray, shop):
    file = shop / "data" / "orders.csv"
    file.write_text(file.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")
    text = (shop / "mlray.yaml").read_text(encoding="utf-8")
    changed = text.replace("source: data/orders.csv", "source: {files: data/orders.csv, delimiter: ';'}")
    assert changed != text
    (shop / "mlray.yaml").write_text(changed, encoding="utf-8")

    assert "Nothing needs to be mapped" in mlray("contract", "map", file, shop).stdout


def test_a_contract_that_is_shown_can_be_used_in_place_of_the_short_form(mlray, shop, drafted):
    checked = mlray("check", drafted)

    assert checked.exit_code == 0, checked.stderr
    assert mlray("contract", "show", drafted / CONTRACT).stdout.startswith("apiVersion:")
    assert json.loads(mlray("contract", "show", drafted, "--json").stdout)["time"] == "ordered_at"


def test_what_a_contract_says_of_itself_is_shown(mlray, drafted):
    text = (drafted / CONTRACT).read_text(encoding="utf-8")
    told = "status: active\ndescription:\n  purpose: What the shop sold"
    (drafted / CONTRACT).write_text(
        text.replace("status: draft", told).replace("version: 1.0.0", "version: 2.1.0"), encoding="utf-8"
    )
    shown = mlray("contract", "show", drafted).stdout

    assert "status: active" in shown
    assert "purpose: What the shop sold" in shown
    assert "version: 2.1.0" in shown


def test_what_is_wrong_with_a_contract_ends_with_two(mlray, drafted):
    good = mlray("contract", "lint", drafted / CONTRACT)
    told = json.loads(mlray("contract", "lint", "--project", drafted, "--json").stdout)
    text = (drafted / CONTRACT).read_text(encoding="utf-8")
    (drafted / CONTRACT).write_text(text.replace("logicalType: timestamp", "logicalType: timestmp"), encoding="utf-8")
    bad = mlray("contract", "lint", drafted / CONTRACT)

    assert good.exit_code == 0
    assert "Nothing is wrong with 'rows' 1.0.0." in good.stdout
    assert told["ok"]
    assert bad.exit_code == 2
    assert "did you mean 'timestamp'?" in bad.stderr


def test_a_change_is_told_with_the_projects_that_it_breaks(mlray, drafted, tmp_path):
    text = (drafted / CONTRACT).read_text(encoding="utf-8")
    old = tmp_path / "old.yaml"
    old.write_text(text.replace("name: items", "name: item_count"), encoding="utf-8")

    told = mlray("contract", "diff", old, drafted / CONTRACT, "--within", tmp_path)
    as_json = json.loads(mlray("contract", "diff", old, drafted, "--json").stdout)
    same = mlray("contract", "diff", drafted / CONTRACT, drafted)

    assert "column 'item_count' is gone: breaks readers, callers" in told.stdout
    assert f"{drafted}: column 'items' is new" in told.stdout
    assert "reads the source again" in told.stdout
    assert [one["breaks"] for one in as_json["changes"]] == [["readers", "callers"], ["writers", "callers"]]
    assert "Both say the same" in same.stdout


def test_of_a_project_that_a_change_does_not_concern_it_is_said_that_nothing_breaks(mlray, drafted, tmp_path):
    text = (drafted / CONTRACT).read_text(encoding="utf-8")
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(text.replace("name: items", "name: item_count"), encoding="utf-8")
    new.write_text(text.replace("name: items", "name: pieces"), encoding="utf-8")

    same = mlray("contract", "diff", drafted / CONTRACT, drafted, "--within", tmp_path)
    elsewhere = mlray("contract", "diff", old, new, "--within", tmp_path)

    assert f"{drafted}: nothing breaks" in same.stdout
    assert "breaks" in elsewhere.stdout.splitlines()[0]
    assert f"{drafted}: nothing breaks" in elsewhere.stdout


def test_a_mapping_is_proposed_and_written_only_when_accepted(mlray, drafted):
    read(drafted)
    text = (drafted / "data" / "orders.csv").read_text(encoding="utf-8")
    new = drafted / "data" / "late.csv"
    new.write_text(text.replace("delivery_days", "deliveryDays").replace(",price,", ",price_usd,"), encoding="utf-8")
    before = (drafted / CONTRACT).read_text(encoding="utf-8")

    told = mlray("contract", "map", new, drafted)
    assert told.exit_code == 0, told.stderr
    assert "rename: {price_usd: price, deliveryDays: delivery_days}" in told.stdout
    assert (drafted / CONTRACT).read_text(encoding="utf-8") == before
    accepted = mlray("contract", "map", new, drafted, "--accept", "--json")
    assert accepted.exit_code == 0, accepted.stderr
    assert json.loads(accepted.stdout)["mapping"]["rename"] == {"deliveryDays": "delivery_days", "price_usd": "price"}
    (mapping,) = parse_contract((drafted / CONTRACT).read_text(encoding="utf-8"), "x").data.mappings
    assert mapping.files == "late.csv"


def test_a_mapping_goes_into_a_project_without_a_contract_of_its_own(mlray, shop):
    text = (shop / "data" / "orders.csv").read_text(encoding="utf-8")
    (shop / "data" / "late.csv").write_text(text.replace("discount", "Discount_"), encoding="utf-8")

    accepted = mlray("contract", "map", shop / "data" / "late.csv", shop, "--accept")

    assert accepted.exit_code == 0, accepted.stderr
    text = (shop / "mlray.yaml").read_text(encoding="utf-8")
    (shop / "mlray.yaml").write_text(text.replace("orders.csv", "*.csv"), encoding="utf-8")
    assert read_spec(shop).data.mappings[0].rename == {"Discount_": "discount"}
    nothing = mlray("contract", "map", shop / "data" / "orders.csv", shop, "--accept")
    assert "Nothing needs to be mapped" in nothing.stdout


def test_a_workspace_shares_contracts(mlray, drafted, tmp_path):
    pushed = mlray("contract", "push", "--project", drafted, "--author", "ana", "--note", "first")
    again = json.loads(mlray("contract", "push", "--project", drafted, "--json").stdout)
    listed = json.loads(mlray("contract", "list", "--project", drafted, "--json").stdout)
    table = mlray("contract", "list", "rows", "--project", drafted)
    of_project = json.loads(mlray("contract", "list", drafted, "--json").stdout)
    missing = mlray("contract", "list", "nope", "--project", drafted)
    pulled = mlray("contract", "pull", "rows@v1", tmp_path / "mine.yaml", "--project", drafted)

    assert "rows@v1 is in the workspace" in pushed.stdout
    assert again["ref"] == "rows@v1"
    assert [one["author"] for one in listed] == ["ana"]
    assert of_project == listed
    assert "rows@v1" in table.stdout
    assert missing.exit_code == 2
    assert pulled.exit_code == 0, pulled.stderr
    assert mlray("contract", "diff", "rows@v1", tmp_path / "mine.yaml", "--project", drafted).stdout.startswith("Both")
    assert mlray("contract", "show", "nope@v1", "--project", drafted).exit_code == 2


def test_what_is_pushed_again_is_told_and_a_note_is_never_lost(mlray, drafted):
    def push(*more):
        told = mlray("contract", "push", "--project", drafted, *more)
        assert told.exit_code == 0, told.stderr
        return told.stdout

    first = push("--author", "ana")
    again = push("--author", "ben")
    noted = push("--author", "ben", "--note", "agreed with the shop")
    repeated = push("--author", "ben", "--note", "agreed with the shop")
    log = json.loads(mlray("contract", "list", "rows", "--project", drafted, "--json").stdout)

    assert first.startswith("rows@v1 is in the workspace;")
    assert "rows@v1 is this contract already, pushed by ana on 20" in again
    assert "nothing was added" in again
    assert noted.startswith("rows@v2 is in the workspace, for its note: the text is as it was;")
    assert "rows@v2 is this contract already, pushed by ben" in repeated
    assert "(agreed with the shop)" in repeated
    assert [(one["author"], one["note"]) for one in log] == [("ana", ""), ("ben", "agreed with the shop")]
    assert log[0]["text"] == log[1]["text"]
    assert json.loads(push("--json"))["new"] is False


def test_rows_that_were_set_aside_are_taken_up_after_a_fix(mlray, drafted):
    text = (drafted / CONTRACT).read_text(encoding="utf-8")
    narrow = text.replace(
        "{name: kind, logicalType: string, required: true}",
        "{name: kind, logicalType: string, required: true, enum: [{value: book}, {value: dress}]}",
    )
    assert narrow != text
    (drafted / CONTRACT).write_text(narrow, encoding="utf-8")
    first = read(drafted)
    (drafted / CONTRACT).write_text(text, encoding="utf-8")

    taken = json.loads(mlray("data", "replay", "--project", drafted, "--json").stdout)
    more = mlray("data", "replay", "--project", drafted)

    assert first.quality.rejected > 0
    assert taken == {"version": "rows@v2", "taken": first.quality.rejected, "set_aside": 0}
    assert "No row passes yet; 0 stay set aside" in more.stdout
