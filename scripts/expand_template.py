"""Expands template.yaml into the CloudFormation template that a deployment would make of it.

A linter of the SAM file alone lets wrong values pass (a BatchSize of 10001, say), since it knows little of
the events below a function. So the linting runs on the expansion, once for each architecture.

Usage: expand_template.py TEMPLATE [PARAMETER=VALUE ...], JSON on stdout.
"""

import json
import os
import sys

from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# Where a deployment would have put the built function. Nothing looks there.
PACKAGE = "s3://bucket/package"


class NoManagedPolicies(ManagedPolicyLoader):
    """The names of managed policies come from IAM otherwise: here is no account, and the template uses none."""

    def __init__(self):
        super().__init__(iam_client=None)

    def load(self):
        return {}


def expand(template_path, parameters):
    with open(template_path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    for name, value in parameters.items():
        if name not in template["Parameters"]:
            raise SystemExit(f"{template_path} has no parameter {name}")
        template["Parameters"][name]["Default"] = value
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = PACKAGE
    # The translator wants to know a region, and looks for one in the configuration of the machine otherwise.
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    return transform(template, parameters, NoManagedPolicies())
