"""The files under `cluster/`, checked without a cloud: each check is shown to fail on a file that is wrong."""

import copy
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "cluster"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
CRDS = os.environ.get("MLRAY_KUBERAY_CRDS", "")
needs_crds = pytest.mark.skipif(not CRDS, reason="MLRAY_KUBERAY_CRDS names no folder with KubeRay's schemas")


def locked(name: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return package → (version, hashes) of a lock file."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for entry in re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text()):
        if pinned := re.match(r"([a-zA-Z0-9._-]+)==([^ \\]+)", entry):
            found[pinned[1]] = (pinned[2], tuple(sorted(re.findall(r"--hash=(\S+)", entry))))
    return found


def changed(value: Any, path: str, to: Any) -> Any:
    """Return a copy of `value` with the entry at `path`, a JSON pointer, replaced, added, or removed when `to` is None."""
    result = copy.deepcopy(value)
    *way, last = (step.replace("~1", "/") for step in path.split("/"))
    spot = result
    for step in way:
        spot = spot[int(step) if isinstance(spot, list) else step]
    if to is None:
        del spot[last]
    else:
        spot[int(last) if isinstance(spot, list) else last] = to
    return result


# -- AWS ---------------------------------------------------------------------------------------------------------------

# What of EC2's RunInstances a node may say; Ray passes the rest on unread, and AWS answers only when it is asked to pay.
NODE_KEYS = {"InstanceType", "ImageId", "MetadataOptions", "BlockDeviceMappings", "InstanceMarketOptions"}


def aws_problems(config: Mapping[str, Any]) -> list[str]:
    """Return what is wrong: Ray's own check first, then what Ray leaves to AWS, then what we ask for."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    try:
        validate_config(prepare_config(copy.deepcopy(dict(config))))
    except Exception as error:  # noqa: BLE001 (jsonschema's, Ray's and ValueError alike: all are a refusal)
        return [str(error).splitlines()[0]]
    book = yaml.safe_load((CLUSTER / "prices" / "aws.yaml").read_text())
    problems = [] if config["provider"]["region"] == book["region"] else ["the price book is another region's"]
    for name, node in config["available_node_types"].items():
        problems += [f"{name}: {problem}" for problem in node_problems(node, book["nodes"])]
    commands = "\n".join(config["head_start_ray_commands"] + config["worker_start_ray_commands"])
    if "--dashboard-host=127.0.0.1" not in commands:
        problems.append("the dashboard is not bound to loopback")
    if "/home/ray/.ray/auth_token" not in config["file_mounts"]:
        problems.append("no token is mounted")
    return problems


def node_problems(node: Mapping[str, Any], prices: Mapping[str, Any]) -> Iterator[str]:
    settings = node["node_config"]
    for key in settings.keys() - NODE_KEYS:
        yield f"node_config has no key '{key}'"
    if not re.fullmatch(r"ami-[0-9a-f]{17}", settings.get("ImageId", "")):
        yield "no AMI; Ray's default is years old"
    if settings.get("MetadataOptions", {}).get("HttpTokens") != "required":
        yield "the metadata service answers without a token"
    instance = prices.get(settings.get("InstanceType", ""))
    if instance is None:
        yield f"'{settings.get('InstanceType')}' is not in the price book"
        return
    if node["resources"] != {"CPU": instance["cpus"], **({"GPU": instance["gpus"]} if "gpus" in instance else {})}:
        yield f"{node['resources']} is not what a {settings['InstanceType']} has"
    if instance.get("gpu") != node["labels"].get("ray.io/accelerator-type"):
        yield f"the accelerator is {instance.get('gpu')}"
    spot = settings.get("InstanceMarketOptions", {}).get("MarketType", "on-demand")
    if spot != node["labels"].get("ray.io/market-type"):
        yield f"the label hides that the market is {spot}"


@pytest.fixture
def aws() -> dict[str, Any]:
    return dict(yaml.safe_load((CLUSTER / "aws.yaml").read_text()))


def test_the_aws_cluster_is_accepted_by_ray_and_fits_the_price_book(aws):
    assert aws_problems(aws) == []


def test_the_aws_cluster_has_cpus_on_demand_and_gpus_on_the_spot_market(aws):
    workers = {
        name: node["labels"] for name, node in aws["available_node_types"].items() if name != aws["head_node_type"]
    }
    assert workers == {
        "cpu": {"ray.io/market-type": "on-demand"},
        "gpu_spot": {"ray.io/market-type": "spot", "ray.io/accelerator-type": "L4"},
    }


@pytest.mark.parametrize(
    ("path", "to", "problem"),
    [
        ("max_worker", 3, "max_worker"),
        ("max_workers", "many", "many"),
        ("head_node_type", "head", "head_node_type"),
        ("provider/type", None, "type"),
        ("available_node_types/cpu/min_workers", 9, "max_workers"),
        ("available_node_types/cpu/resources/CPU", "8", "'8'"),
        ("available_node_types/cpu/spot", True, "spot"),
        ("available_node_types/cpu/node_config/InstanceTyp", "m7i.large", "InstanceTyp"),
        (
            "available_node_types/cpu/node_config/InstanceType",
            "m7i.2xlargee",
            "'m7i.2xlargee' is not in the price book",
        ),
        ("available_node_types/cpu/node_config/ImageId", "latest_dlami", "no AMI"),
        ("available_node_types/cpu/node_config/MetadataOptions", None, "metadata service"),
        ("available_node_types/gpu_spot/resources/GPU", 2, "is not what a g6.xlarge has"),
        ("available_node_types/gpu_spot/labels/ray.io~1accelerator-type", "A10G", "the accelerator is L4"),
        ("available_node_types/gpu_spot/node_config/InstanceMarketOptions", None, "the market is on-demand"),
        ("head_start_ray_commands/1", "ray start --head --dashboard-host=0.0.0.0", "loopback"),
        ("file_mounts", {}, "no token"),
        ("provider/region", "eu-west-1", "another region"),
    ],
)
def test_a_wrong_aws_cluster_is_found(aws, path, to, problem):
    wrong = changed(aws, path, to)
    assert problem in "\n".join(aws_problems(wrong))


# -- Kubernetes --------------------------------------------------------------------------------------------------------


def strict(schema: Any) -> Any:
    """Return a CRD's schema as JSON Schema that also refuses unknown keys, the way `kubectl apply` does."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(item) for key, item in schema.items() if key not in ("default", "nullable")}
    if schema.get("x-kubernetes-int-or-string"):
        result = {key: item for key, item in result.items() if key not in ("anyOf", "pattern")} | {
            "type": ["integer", "string"]
        }
    if (
        "properties" in schema
        and isinstance(schema["properties"], dict)
        and not schema.get("x-kubernetes-preserve-unknown-fields")
    ):
        result.setdefault("additionalProperties", False)
    if schema.get("nullable") and isinstance(result.get("type"), str):
        result["type"] = [result["type"], "null"]
    return result


def with_defaults(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return what the API server would store: nulls dropped, the schema's defaults filled in."""
    if isinstance(value, list):
        return [with_defaults(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    other = schema.get("additionalProperties", {})
    other = other if isinstance(other, dict) else {}
    stored = {key: with_defaults(item, known.get(key, other)) for key, item in value.items() if item is not None}
    missing = {key: part["default"] for key, part in known.items() if "default" in part and key not in stored}
    return {**missing, **stored}


def schema_problems(manifest: Mapping[str, Any]) -> list[str]:
    from jsonschema import Draft7Validator

    name = f"ray.io_{manifest['kind'].lower()}s.v1.json"
    schema = json.loads((Path(CRDS) / name).read_text())["openAPIV3Schema"]
    rules = strict(schema)
    rules["properties"]["metadata"] = {"type": "object"}
    found = Draft7Validator(rules).iter_errors(with_defaults(manifest, schema))
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


def operator_problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield what KubeRay's operator itself refuses, of the parts that we use; its schemas do not say it."""
    name = manifest["metadata"].get("name") or manifest["metadata"].get("generateName", "") + "x"
    if not re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name):
        yield f"'{name}' is not a DNS-1035 label"
    spec = manifest["spec"]
    cluster = spec["rayClusterSpec"] if manifest["kind"] == "RayJob" else spec
    if manifest["kind"] == "RayJob":
        if spec.get("ttlSecondsAfterFinished") and not spec.get("shutdownAfterJobFinishes"):
            yield "ttlSecondsAfterFinished needs shutdownAfterJobFinishes"
        if not spec.get("entrypoint"):
            yield "nothing to run"
    if cluster.get("rayVersion") != locked("requirements.lock")["ray"][0]:
        yield f"rayVersion {cluster.get('rayVersion')} is not the locked one"
    if cluster.get("authOptions", {}).get("mode") != "token":
        yield "no token is asked for"
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    if len({group.get("groupName") for group in groups}) < len(groups):
        yield "two groups have one name"
    for group in groups:
        yield from group_problems(group)


def group_problems(group: Mapping[str, Any]) -> Iterator[str]:
    name = group.get("groupName", "head")
    if not group.get("minReplicas", 0) <= group.get("replicas", 0) <= group.get("maxReplicas", 0):
        yield f"{name}: replicas are not between minReplicas and maxReplicas"
    pod = group["template"]["spec"]
    if not pod.get("securityContext", {}).get("runAsNonRoot"):
        yield f"{name}: runs as root"
    if pod.get("restartPolicy") != "Never":
        yield f"{name}: the v2 autoscaler wants restartPolicy Never"
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    for container in pod["containers"]:
        limits, requests = container["resources"]["limits"], container["resources"]["requests"]
        if limits != requests:
            yield f"{name}: asks for other resources than it is limited to"
        gpu = "nvidia.com/gpu" in limits
        if gpu and "num-gpus" in group.get("rayStartParams", {}):
            yield f"{name}: GPUs in resources and in rayStartParams"
        if container["image"] != f"registry.example.com/mlray:{VERSION}{'-gpu' if gpu else ''}":
            yield f"{name}: image {container['image']}"
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"{name}: no volume '{mount['name']}'"


def manifest(name: str) -> dict[str, Any]:
    documents = yaml.safe_load_all((CLUSTER / "kuberay" / name).read_text())
    return next(document for document in documents if document["apiVersion"] == "ray.io/v1")


MANIFESTS = ["raycluster.yaml", "rayjob.yaml"]


@needs_crds
@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_fits_kuberays_schema(name):
    assert schema_problems(manifest(name)) == []


@needs_crds
@pytest.mark.parametrize(
    ("path", "to", "problem"),
    [
        ("spec/rayVersio", "2.60.0", "rayVersio"),
        ("spec/rayVersion", 2.6, "2.6 is not of type 'string'"),
        ("spec/authOptions/mode", "tokens", "'tokens'"),
        ("spec/workerGroupSpecs/0/maxReplicas", "four", "'four'"),
        ("spec/workerGroupSpecs/0/groupName", None, "'groupName' is a required property"),
        ("spec/workerGroupSpecs/1/template/spec/containers/0/imag", "x", "imag"),
        ("spec/headGroupSpec/template", None, "'template' is a required property"),
        ("spec/headGroupSpec/template/spec/containers", None, "'containers' is a required property"),
    ],
)
def test_a_manifest_that_does_not_fit_the_schema_is_found(path, to, problem):
    assert problem in "\n".join(schema_problems(changed(manifest("raycluster.yaml"), path, to)))


@needs_crds
def test_a_quantity_may_be_a_number_or_a_text():
    cluster = manifest("raycluster.yaml")
    path = "spec/headGroupSpec/template/spec/containers/0/resources/limits/cpu"
    assert schema_problems(changed(cluster, path, 2)) == []
    assert schema_problems(changed(cluster, path, [2])) != []


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_one_that_the_operator_accepts(name):
    assert list(operator_problems(manifest(name))) == []


@pytest.mark.parametrize(
    ("name", "path", "to", "problem"),
    [
        ("raycluster.yaml", "metadata/name", "My_Cluster", "DNS-1035"),
        ("raycluster.yaml", "spec/rayVersion", "2.9.0", "2.9.0"),
        ("raycluster.yaml", "spec/authOptions", {}, "token"),
        ("raycluster.yaml", "spec/workerGroupSpecs/0/minReplicas", 3, "cpu: replicas"),
        ("raycluster.yaml", "spec/workerGroupSpecs/0/groupName", "gpu-spot", "one name"),
        ("raycluster.yaml", "spec/workerGroupSpecs/1/rayStartParams", {"num-gpus": "1"}, "gpu-spot: GPUs"),
        ("raycluster.yaml", "spec/workerGroupSpecs/1/template/spec/containers/0/resources/requests", {}, "limited"),
        ("raycluster.yaml", "spec/workerGroupSpecs/1/template/spec/containers/0/image", "mlray:latest", "mlray:latest"),
        ("raycluster.yaml", "spec/headGroupSpec/template/spec/securityContext", {}, "head: runs as root"),
        ("raycluster.yaml", "spec/headGroupSpec/template/spec/restartPolicy", "Always", "restartPolicy"),
        ("raycluster.yaml", "spec/headGroupSpec/template/spec/volumes", [], "no volume 'workspace'"),
        ("rayjob.yaml", "spec/shutdownAfterJobFinishes", False, "ttlSecondsAfterFinished"),
        ("rayjob.yaml", "spec/entrypoint", "", "nothing to run"),
    ],
)
def test_a_manifest_that_the_operator_would_refuse_is_found(name, path, to, problem):
    assert problem in "\n".join(operator_problems(changed(manifest(name), path, to)))


def test_the_job_and_the_standing_cluster_have_the_same_nodes():
    standing, job = manifest("raycluster.yaml")["spec"], manifest("rayjob.yaml")["spec"]["rayClusterSpec"]
    for cluster in (standing, job):
        for group in cluster["workerGroupSpecs"]:
            del group["maxReplicas"]
    assert job == standing


def test_the_script_that_the_job_runs_is_in_the_image():
    words = manifest("rayjob.yaml")["spec"]["entrypoint"].split()
    assert words[0] == "python"
    assert all((ROOT / word.removeprefix("/home/ray/mlray/")).exists() for word in words[1:])


# -- the image ---------------------------------------------------------------------------------------------------------


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, continued lines joined, comments left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [
        (word.upper(), rest.strip())
        for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())
    ]


def sent(path: str, ignore: str) -> bool:
    """Return whether the builder gets to see `path`: the last pattern that fits it or a folder above it decides."""
    seen = True
    for pattern in (line for line in ignore.splitlines() if line and not line.startswith("#")):
        parents = ["/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 2)]
        if any(fnmatch(parent, pattern.removeprefix("!")) for parent in parents):
            seen = pattern.startswith("!")
    return seen


def image_problems(text: str, ignore: str) -> Iterator[str]:
    steps = instructions(text)
    known = {"FROM", "ARG", "RUN", "COPY", "WORKDIR", "USER", "ENV", "ENTRYPOINT", "CMD"}
    yield from (f"unknown instruction {word}" for word, _ in steps if word not in known)
    base = next((rest for word, rest in steps if word == "FROM"), "")
    if not re.fullmatch(r"python:3\.11-[a-z0-9-]+", base):
        yield f"base '{base}' is not one release of Python 3.11"
    for rest in (rest for word, rest in steps if word == "RUN"):
        for install in re.findall(r"pip install ([^&;]+)", rest):
            if "--require-hashes" not in install and "--no-index" not in install:
                yield f"installs without hashes: {install.strip()}"
    for source in (
        source for word, rest in steps if word == "COPY" for source in rest.split()[:-1] if not source.startswith("--")
    ):
        if not (ROOT / source).exists():
            yield f"copies '{source}', which is not there"
        elif not sent(source, ignore):
            yield f"copies '{source}', which is ignored"
    if [rest for word, rest in steps if word == "USER"][-1:] != ["ray"]:
        yield "runs as root"
    if "RAY_AUTH_MODE=token" not in text:
        yield "Ray would not ask for a token"


DOCKERFILE = (CLUSTER / "Dockerfile").read_text()
IGNORE = (CLUSTER / "Dockerfile.dockerignore").read_text()


def test_the_image_is_made_from_locked_packages_and_runs_as_a_user():
    assert list(image_problems(DOCKERFILE, IGNORE)) == []


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (lambda text: text.replace("python:3.11-slim-bookworm", "python:latest"), "python:latest"),
        (lambda text: text.replace("--require-hashes ", "", 1), "without hashes"),
        (
            lambda text: text.replace("COPY --chown=ray:users mlray", "COPY --chown=ray:users mlrya"),
            "'mlrya', which is not there",
        ),
        (lambda text: text + "\nCOPY tests ./tests\n", "'tests', which is ignored"),
        (lambda text: text.replace("USER ray", "USER root"), "as root"),
        (lambda text: text.replace("USER ray", ""), "as root"),
        (lambda text: text.replace("RAY_AUTH_MODE=token", "RAY_AUTH_MODE=disabled"), "token"),
        (lambda text: text + "\nRNU true\n", "RNU"),
    ],
)
def test_a_wrong_dockerfile_is_found(wrong: Callable[[str], str], problem):
    assert wrong(DOCKERFILE) != DOCKERFILE
    assert problem in "\n".join(image_problems(wrong(DOCKERFILE), IGNORE))


@pytest.mark.parametrize(
    "path", ["jobs/flights/.mlray/keys/signing.key", ".mlray/aws-token", ".git/config", ".venv/bin/python"]
)
def test_state_and_keys_are_never_sent_to_the_builder(path):
    assert not sent(path, IGNORE)


def test_the_images_lock_holds_the_same_files_as_the_developers():
    ours, image = locked("requirements.lock"), locked("cluster/requirements.lock")
    beyond = {name for name in image if name not in ours}
    assert not beyond
    assert {name: pin for name, pin in image.items() if name in ours and ours[name] != pin} == {}
    assert {"pytest", "mypy", "ruff"} & image.keys() == set()
    assert all(hashes for _, hashes in image.values())


def test_the_gpus_xgboost_is_the_release_that_the_tests_run_on():
    gpu = locked("cluster/gpu.lock")
    assert gpu.keys() == {"xgboost", "nvidia-nccl-cu12"}
    assert gpu["xgboost"][0] == locked("requirements.lock")["xgboost-cpu"][0]


@pytest.mark.parametrize(
    "name", ["requirements.lock", "cluster/requirements.lock", "cluster/gpu.lock", ".ci/installer.lock"]
)
def test_a_lock_names_no_package_server(name):
    assert not re.search(r"https?://|^\s*-", (ROOT / name).read_text().replace("\n    --hash", "\n hash"), re.MULTILINE)


def test_the_files_name_the_image_of_this_version(aws):
    assert aws["docker"]["image"] == f"registry.example.com/mlray:{VERSION}"
    assert (
        aws["available_node_types"]["gpu_spot"]["docker"]["worker_image"] == f"registry.example.com/mlray:{VERSION}-gpu"
    )
