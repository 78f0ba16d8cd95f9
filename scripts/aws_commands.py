"""What is wrong with a command of the AWS CLI or of SAM, as far as can be told without an account.

Names, flags and values of the AWS CLI are compared with the models of the services, which the CLI is made of as well
(botocore); those of `sam deploy` with the parameters of the templates.
"""

import functools
import pathlib
import re
import shlex

import botocore.exceptions
import botocore.session
import yaml
from botocore import xform_name

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENDS = ("|", "||", "&&", ";", "&", "(", ")")
# What every command of the CLI takes, with whether a value follows.
GLOBAL = {
    "--cli-binary-format": True, "--cli-input-json": True, "--endpoint-url": True, "--max-items": True,
    "--no-cli-pager": False, "--no-paginate": False, "--output": True, "--page-size": True, "--profile": True,
    "--query": True, "--region": True,
}  # fmt: skip
# What the CLI has beside the models: its flags, with whether a value follows.
OWN = {
    ("cloudformation", "deploy"): {"--stack-name": True, "--template-file": True, "--parameter-overrides": True},
    ("logs", "tail"): {"--follow": False, "--since": True, "--format": True, "--filter-pattern": True},
    ("s3", "cp"): {"--recursive": False},
    ("s3", "ls"): {"--recursive": False},
    ("sso", "login"): {},
}
# Operations that write an answer's body into a file, which is named without a flag.
WITH_FILE = (("lambda", "invoke"),)
# Each has to be refused: else this file is not understood any more.
WRONG = (
    "aws kinesys list-streams",
    "aws kinesis list-stream",
    "aws kinesis increase-stream-retention-period --stream-name a --retention-hours 24",
    "aws kinesis increase-stream-retention-period --stream-name a",
    "aws kinesis increase-stream-retention-period --stream-name a --retention-period-hours long",
    "aws lambda update-event-source-mapping --uuid a --enabled true",
    "aws lambda create-event-source-mapping --function-name a --starting-position OLDEST",
    "aws logs start-query --start-time 1 --end-time",
    "sam deploy --parameter-overrides DeadLeter=new-queue",
    "sam deploy --parameter-overrides MappingEnabled=perhaps",
    "sam deploy --parameter-overrides Timeout=901",
    "sam deploy --parameter-overides Timeout=90",
)


def problems_of(text):
    """What is wrong with the calls of aws and sam in a command."""
    for program, words in calls(text):
        yield from aws_problems(words) if program == "aws" else sam_problems(words)


def check_itself():
    """Ends the program if a wrong command passes."""
    passed = [command for command in WRONG if not list(problems_of(command))]
    if passed:
        raise SystemExit("scripts/aws_commands.py finds nothing wrong with\n" + "\n".join(passed))


def calls(text):
    reader = shlex.shlex(re.sub(r"\\\n", " ", text), posix=True, punctuation_chars="|&;()")
    reader.whitespace_split, reader.commenters = True, "#"
    words = list(reader)
    for place, word in enumerate(words):
        program = word.rsplit("/", 1)[-1]
        before = words[place - 1] if place else ";"
        if program not in ("aws", "sam") or (before not in ENDS and not before.endswith("$") and "=" not in before):
            continue
        rest = words[place + 1 :]
        yield program, rest[: next((index for index, other in enumerate(rest) if other in ENDS or other.startswith(">")), len(rest))]


def aws_problems(words):
    if len(words) < 2:
        yield f"`aws {' '.join(words)}` names no operation"
        return
    service, operation, *arguments = words
    own = OWN.get((service, operation))
    if own is not None:
        yield from (f"`aws {service} {operation}` has no {flag}" for flag, _ in flags_of(arguments) if flag not in {**own, **GLOBAL})
        return
    operations = operations_of(service)
    if operations is None:
        yield f"`aws {service}` does not exist"
        return
    model = operations.get(operation)
    if model is None:
        yield f"`aws {service} {operation}` does not exist"
        return
    members = model.input_shape.members if model.input_shape else {}
    by_flag = {f"--{xform_name(name, '-')}": (name, shape) for name, shape in members.items()}
    given = set()
    for flag, value in flags_of(arguments):
        if flag in GLOBAL:
            if GLOBAL[flag] != (value is not None):
                yield f"{flag} {'needs a value' if value is None else 'takes no value'}"
            continue
        positive = "--" + flag.removeprefix("--no-") if flag.startswith("--no-") and flag not in by_flag else flag
        name, shape = by_flag.get(positive, (None, None))
        if shape is None or (positive != flag and shape.type_name != "boolean"):
            yield f"`aws {service} {operation}` has no {flag}"
            continue
        given.add(name)
        yield from (f"`aws {service} {operation}`: {flag} {problem}" for problem in value_problems(shape, value))
    left_out = [name for name in (model.input_shape.required_members if model.input_shape else []) if name not in given]
    if left_out and "--cli-input-json" not in arguments:
        yield f"`aws {service} {operation}` needs --{xform_name(left_out[0], '-')}"
    if (service, operation) in WITH_FILE and (not arguments or arguments[-1].startswith("--")):
        yield f"`aws {service} {operation}` needs a file for the answer"


def flags_of(arguments):
    """Each flag with its first value; none: another flag follows, or nothing."""
    for place, word in enumerate(arguments):
        if word.startswith("--"):
            flag, sign, value = word.partition("=")
            following = arguments[place + 1] if place + 1 < len(arguments) else None
            yield flag, value if sign else following if following and not following.startswith("--") else None


def value_problems(shape, value):
    if shape.type_name == "boolean":
        # The CLI has a flag for each of the two, without a value.
        if value in ("true", "false"):
            yield f"takes no value: without it, or with --no- for false"
        return
    if value is None:
        yield "needs a value"
    elif shape.type_name in ("integer", "long") and not re.fullmatch(r"-?\d+|.*\$.*|[A-Z_]+", value):
        yield f"is a number, and {value!r} is none"
    elif getattr(shape, "enum", None) and value not in shape.enum and "$" not in value and shape.type_name == "string":
        yield f"takes one of {', '.join(shape.enum)}, and not {value!r}"


@functools.cache
def operations_of(service):
    """The operations of a service, by the names that the CLI has for them; none: there is no such service."""
    try:
        model = session().get_service_model(service)
    except botocore.exceptions.UnknownServiceError:
        return None
    return {xform_name(name, "-"): model.operation_model(name) for name in model.operation_names}


@functools.cache
def session():
    return botocore.session.Session()


# The flags of `sam` that the pages use.
SAM = {
    "build": {"--template"},
    "deploy": {"--guided", "--parameter-overrides", "--stack-name", "--template", "--resolve-s3"},
}


def sam_problems(words):
    command, *arguments = words or [""]
    if command not in SAM:
        yield f"`sam {command}` is not one that the pages use: {', '.join(SAM)}"
        return
    template = next((value for flag, value in flags_of(arguments) if flag == "--template"), "template.yaml")
    overriding = False
    for word in arguments:
        if word.startswith("--"):
            overriding = word == "--parameter-overrides"
            if word not in SAM[command]:
                yield f"`sam {command}` has no {word}"
        # A file of parameters is looked at where it is made.
        elif overriding and not word.startswith("file://"):
            yield from parameter_problems(template, *word.partition("=")[::2])


def parameter_problems(template, name, value):
    parameter = parameters_of(template).get(name)
    if parameter is None:
        yield f"{template} has no parameter {name}"
    elif value == "..." or "$" in value:
        return
    elif "AllowedValues" in parameter and value not in map(str, parameter["AllowedValues"]):
        yield f"{name} of {template} takes one of {parameter['AllowedValues']}, and not {value!r}"
    elif "AllowedPattern" in parameter and not re.search(parameter["AllowedPattern"], value):
        yield f"{name} of {template} does not take {value!r}"
    elif parameter["Type"] == "Number":
        if not re.fullmatch(r"-?\d+", value) or not parameter.get("MinValue", 0) <= int(value) <= parameter.get("MaxValue", int(value)):
            yield f"{name} of {template} does not take {value!r}"


@functools.cache
def parameters_of(template):
    return yaml.load((ROOT / template).read_text(), Loader=Loader)["Parameters"]


class Loader(yaml.SafeLoader):
    """Passes over what is CloudFormation's own: it is not looked at here."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
