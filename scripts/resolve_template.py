"""What CloudFormation would make of an expanded template: its rules, its conditions and its functions, as far as
template.yaml uses them. Another function stops the check: nothing is passed over in silence.
"""

import re

# What a stack knows of itself.
PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::StackName": "stack",
}

# Stands for what is left out.
NO_VALUE = object()


class Resolver:
    """A template with values for its parameters."""

    def __init__(self, template):
        self._conditions = template.get("Conditions", {})
        self._rules = template.get("Rules", {})
        self._resources = template["Resources"]
        self._parameters = {name: self._value(parameter) for name, parameter in template["Parameters"].items()}

    @staticmethod
    def _value(parameter):
        default = parameter.get("Default", "")
        return default.split(",") if parameter["Type"] == "CommaDelimitedList" else str(default)

    def broken_rules(self):
        """What the rules say against the values."""
        for rule in self._rules.values():
            if self.resolve(rule.get("RuleCondition", True)):
                for assertion in rule["Assertions"]:
                    if not self.resolve(assertion["Assert"]):
                        yield assertion["AssertDescription"]

    def resources(self):
        """The resources that are made, resolved, by their names."""
        return {
            name: self.resolve({key: value for key, value in resource.items() if key in ("Type", "Properties")})
            for name, resource in self._resources.items()
            if "Condition" not in resource or self.condition(resource["Condition"])
        }

    def condition(self, name):
        return self.resolve(self._conditions[name])

    def resolve(self, value):
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (function, argument), = value.items()
            if function in ("Ref", "Condition") or function.startswith("Fn::"):
                return self._call(function.removeprefix("Fn::"), argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _call(self, function, argument):
        match function:
            case "Ref":
                return self._ref(argument)
            case "Condition":
                return self.condition(argument)
            case "If":
                condition, then, otherwise = argument
                return self.resolve(then if self.condition(condition) else otherwise)
            case "Equals":
                left, right = map(self.resolve, argument)
                return str(left) == str(right)
            case "Not":
                return not self.resolve(argument[0])
            case "And":
                return all(map(self.resolve, argument))
            case "Or":
                return any(map(self.resolve, argument))
            case "Join":
                return argument[0].join(self.resolve(argument[1]))
            case "Select":
                return self.resolve(argument[1])[int(argument[0])]
            case "Split":
                return self.resolve(argument[1]).split(argument[0])
            case "Sub":
                text, values = argument if isinstance(argument, list) else (argument, {})
                values = {name: self.resolve(value) for name, value in values.items()}
                return re.sub(r"\$\{([^}]+)\}", lambda name: str(values[name[1]] if name[1] in values else self._ref(name[1])), text)
            case "GetAtt":
                name, attribute = argument if isinstance(argument, list) else argument.split(".")
                return f"{name}.{attribute}"
        raise SystemExit(f"scripts/resolve_template.py does not know Fn::{function}")

    def _ref(self, name):
        if name == "AWS::NoValue":
            return NO_VALUE
        known = {**PSEUDO_PARAMETERS, **self._parameters}
        # The name of a resource stands for the resource.
        return known.get(name, name)
