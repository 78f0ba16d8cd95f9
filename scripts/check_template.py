#!/usr/bin/env python3
"""Checks what a template comes to for sets of parameters, as in scripts/template_cases.yaml.

Each is expanded and linted (the SAM file by itself lets wrong values pass), its rules are asked, and the role's
permissions have to be just the ones that the case names. A case with `refused` has to be refused, for that reason.

Usage: check_template.py TEMPLATE CASES
"""

import json
import logging
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import yaml
from cfnlint import api
from cfnlint.config import ManualArgs

from expand_template import expand
from resolve_template import Resolver


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    template_path, cases_path = sys.argv[1:]
    with open(cases_path, encoding="utf-8") as file:
        cases = yaml.safe_load(file)
    # Linting is all computing: one process for each processor.
    with ProcessPoolExecutor(initializer=prepare) as processes:
        found = processes.map(partial(problems_of, template_path, cases["always"]), cases["cases"])
        problems = [problem for of_case in found for problem in of_case]
    for problem in problems:
        print(f"{template_path}, {problem}", file=sys.stderr)
    if problems:
        raise SystemExit(1)
    print(f"{len(cases['cases'])} sets of parameters come to what they should")


def prepare():
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    # It says of each expansion that it counted something and told nobody.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)


def problems_of(template_path, always, case):
    return [f"{case['name']}: {problem}" for problem in check(template_path, case, always)]


def check(template_path, case, always):
    """What is wrong with a case."""
    expanded = expand(template_path, case.get("parameters", {}))
    resolver = Resolver(expanded)
    refusals = [*lint(expanded), *resolver.broken_rules()]
    if "refused" in case:
        if not any(case["refused"] in refusal for refusal in refusals):
            yield f"it is not refused for {case['refused']!r}, but for {refusals or 'nothing'}"
        return
    yield from refusals
    if refusals:
        return
    resources = resolver.resources()
    expected = {**always, **case.get("policies", {})}
    for role, policies in {"FunctionRole": expected, **case.get("roles", {})}.items():
        yield from wrong_grants(policies, dict(grants(resources[role])))
    for name in case.get("makes", []):
        if name not in resources:
            yield f"there is no {name}"
    for name in case.get("makes_not", []):
        if name in resources:
            yield f"there is {name}"
    variables = resources["KinesieveFunction"]["Properties"]["Environment"]["Variables"]
    for name, value in case.get("variables", {}).items():
        if str(variables.get(name)) != str(value):
            yield f"{name} is {variables.get(name)!r}, not {value!r}"
    for name, value in case.get("mapping", {}).items():
        mapping = resources["Mapping"]["Properties"]
        if mapping.get(name) != value:
            yield f"the mapping's {name} is {mapping.get(name)!r}, not {value!r}"
    for resource, properties in case.get("properties", {}).items():
        for name, value in properties.items():
            found = resources[resource]["Properties"].get(name)
            if found != value:
                yield f"{name} of {resource} is {found!r}, not {value!r}"


def wrong_grants(expected, granted):
    for policy in sorted({*expected, *granted}):
        if expected.get(policy) != granted.get(policy):
            yield f"{policy} grants {json.dumps(granted.get(policy), indent=2)}, not {json.dumps(expected.get(policy), indent=2)}"


def lint(template):
    matches = api.lint(json.dumps(template), config=ManualArgs(regions=["eu-west-1"]))
    return [f"{'/'.join(map(str, match.path or []))}: {match.message} ({match.rule.id})" for match in matches]


def grants(role):
    """The statements of each policy, as `ACTION, ACTION on RESOURCE`."""
    for policy in role["Properties"]["Policies"]:
        yield policy["PolicyName"], [
            f"{', '.join(as_list(statement['Action']))} on {', '.join(as_list(statement['Resource']))}"
            for statement in policy["PolicyDocument"]["Statement"]
        ]


def as_list(value):
    return value if isinstance(value, list) else [value]


if __name__ == "__main__":
    main()
