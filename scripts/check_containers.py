#!/usr/bin/env python3
"""Checks what is in containers/: whether Kubernetes and ECS would take it, and whether it is what the documentation says of it.

The schemas are those of the packages kubernetes-validate and botocore: nothing is asked of a cluster or of AWS.

Usage: check_containers.py
"""

import json
import pathlib
import re
import sys

import botocore.session
import botocore.validate
import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
KUBERNETES_VERSION = "1.33"

# What the table may take at the end, after what is in flight: LAST_COMMIT of src/source/live/commits.rs.
LAST_COMMIT = 10


def main():
    complaints = [*kubernetes(ROOT / "containers/kubernetes.yaml"), *ecs(ROOT / "containers/ecs-task-definition.json")]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if not complaints:
        print("containers/: Kubernetes and ECS would take what is in it")
    return 1 if complaints else 0


def kubernetes(path):
    """Complaints about a file of Kubernetes objects."""
    documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    for document in documents:
        name = f"{path.name}, {document.get('kind')}"
        try:
            kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{name}: {error.message} at {list(error.path)}"
    deployments = [document for document in documents if document["kind"] == "Deployment"]
    if len(deployments) != 1:
        yield f"{path.name}: {len(deployments)} Deployments"
    for deployment in deployments:
        pod = deployment["spec"]["template"]["spec"]
        [container] = pod["containers"]
        security = container["securityContext"]
        is_confined = [
            pod["securityContext"]["runAsNonRoot"],
            security["readOnlyRootFilesystem"],
            not security["allowPrivilegeEscalation"],
            security["capabilities"]["drop"] == ["ALL"],
        ]
        if not all(is_confined):
            yield f"{path.name}: the container is not confined: {is_confined}"
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for probe in ["livenessProbe", "readinessProbe"]:
            if container[probe]["httpGet"]["port"] not in ports:
                yield f"{path.name}: {probe} asks at a port that the container does not name"
        yield from arguments(path.name, container["args"], pod["terminationGracePeriodSeconds"], set(ports.values()))


def ecs(path):
    """Complaints about a task definition."""
    definition = json.loads(path.read_text(encoding="utf-8"))
    model = botocore.session.get_session().get_service_model("ecs")
    report = botocore.validate.ParamValidator().validate(
        definition, model.operation_model("RegisterTaskDefinition").input_shape
    )
    if report.has_errors():
        yield f"{path.name}: {report.generate_report()}"
    [container] = definition["containerDefinitions"]
    if not container["readonlyRootFilesystem"] or container["user"].split(":")[0] in ("0", "root"):
        yield f"{path.name}: the container is not confined"
    ports = {mapping["containerPort"] for mapping in container["portMappings"]}
    yield from arguments(path.name, container["command"], container["stopTimeout"], ports)


def arguments(name, words, time_to_end, ports):
    """Complaints about a command line, beside the time that its process has to end and the ports that are open."""
    flags = dict(word.removeprefix("--").split("=", 1) for word in words if "=" in word)
    drain = re.fullmatch(r"(\d+)s", flags["drain-timeout"])
    if not drain or int(drain[1]) + LAST_COMMIT > time_to_end:
        yield f"{name}: {time_to_end} s to end are too few for --drain-timeout={flags['drain-timeout']}"
    if int(flags["metrics"].rsplit(":", 1)[1]) not in ports:
        yield f"{name}: --metrics={flags['metrics']} is at no port of the container"


if __name__ == "__main__":
    sys.exit(main())
