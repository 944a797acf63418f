#!/usr/bin/env python3
"""Writes crates/aws/src/table/*.rs from AWS's own API models, as botocore ships them.

    pip install -r tools/requirements.txt
    python tools/gen_aws_tables.py            # write
    python tools/gen_aws_tables.py --check    # compare, exit 1 on a difference

Only names, places and constraints are taken, no documentation. A pattern that crates/aws/src/pattern.rs has no
function for, or a shape that the binder has no rule for, ends the run with an error. Needs rustfmt.
"""

import argparse
import difflib
import gzip
import json
import pathlib
import re
import subprocess
import sys

import botocore

VERSION = "1.44.5"
ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLES = ROOT / "crates/aws/src/table"
PATTERNS = ROOT / "crates/aws/src/pattern.rs"

# The operations of IAM that have members in its table: those that are served. The others are rows without, for nobody
# binds them, and their shapes would be twice the table.
IAM = """
    AddUserToGroup AttachGroupPolicy AttachRolePolicy AttachUserPolicy CreateAccessKey CreateGroup CreatePolicy
    CreatePolicyVersion CreateRole CreateUser DeleteAccessKey DeleteGroup DeleteGroupPolicy DeleteLoginProfile
    DeletePolicy DeletePolicyVersion DeleteRole DeleteRolePolicy DeleteUser DeleteUserPolicy DetachGroupPolicy
    DetachRolePolicy DetachUserPolicy GetAccessKeyLastUsed GetGroup GetGroupPolicy GetLoginProfile GetPolicy
    GetPolicyVersion GetRole GetRolePolicy GetUser GetUserPolicy ListAccessKeys ListAccountAliases
    ListAttachedGroupPolicies ListAttachedRolePolicies ListAttachedUserPolicies ListEntitiesForPolicy
    ListGroupPolicies ListGroups ListGroupsForUser ListInstanceProfilesForRole ListMFADevices ListPolicies
    ListPolicyTags ListPolicyVersions ListRolePolicies ListRoleTags ListRoles ListSSHPublicKeys
    ListServiceSpecificCredentials ListSigningCertificates ListUserPolicies ListUserTags ListUsers
    ListVirtualMFADevices PutGroupPolicy PutRolePolicy PutUserPolicy RemoveUserFromGroup SetDefaultPolicyVersion
    TagPolicy TagRole TagUser UntagPolicy UntagRole UntagUser UpdateAccessKey UpdateAssumeRolePolicy UpdateGroup
    UpdateRole UpdateRoleDescription UpdateUser
"""
STS = "AssumeRole GetAccessKeyInfo GetCallerIdentity GetSessionToken"

# file, variant of Service, folder of the model, number of operations, those with members (None: all)
SERVICES = [
    ("iot", "Iot", "iot/2015-05-28", 272, None),
    ("iot_data", "IotData", "iot-data/2015-05-28", 11, None),
    ("jobs_data", "JobsData", "iot-jobs-data/2017-09-29", 5, None),
    ("tunneling", "Tunneling", "iotsecuretunneling/2018-10-05", 8, None),
    ("sts", "Sts", "sts/2011-06-15", 11, set(STS.split())),
    ("iam", "Iam", "iam/2010-05-08", 180, set(IAM.split())),
]
INTEGERS = {"integer": ("i32::MIN as i64", "i32::MAX as i64"), "long": ("i64::MIN", "i64::MAX")}
PLACES = {"uri": "Path", "querystring": "Query", "header": "Header"}


def load(folder):
    path = pathlib.Path(botocore.__file__).parent / "data" / folder / "service-2.json"
    packed = path.with_name(path.name + ".gz")
    return json.loads(gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes())


def patterns():
    """Regular expression to the name of its row in pattern.rs."""
    row = re.compile(r'static (\w+): Pattern =\s*Pattern::new\(\s*(r#"(.*?)"#|r?"(.*?)"),', re.S)
    return {raw or plain: name for name, _, raw, plain in row.findall(PATTERNS.read_text())}


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


def constant(name):
    """OpenTunnelRequest -> OPEN_TUNNEL_REQUEST"""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    words = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", words)
    return re.sub(r"[^A-Za-z0-9_]", "_", words).upper()


class Table:
    """The rows of one service."""

    def __init__(self, variant, folder, count, served, regexes):
        self.variant, self.served, self.regexes = variant, served, regexes
        self.model = load(folder)
        self.shapes = self.model["shapes"]
        self.checks, self.faults, self.names = {}, {}, {}
        self.patterned = False
        if len(self.model["operations"]) != count:
            sys.exit(f"{folder}: {len(self.model['operations'])} operations, expected {count}")

    def named(self, name, kind):
        """A constant that no other shape of this file has."""
        wanted = constant(name)
        if self.names.setdefault((kind, wanted), name) != name:
            sys.exit(f"two shapes would both be called {wanted}")
        return wanted

    def check(self, name):
        """The constant for a shape; writes its row on first use."""
        wanted = self.named(name, "check")
        if name not in self.checks:
            self.checks[name] = None  # a shape may contain itself
            self.checks[name] = f"static {wanted}: Check = {self.rule(name, self.shapes[name])};"
        return wanted

    def rule(self, name, shape):
        kind = shape["type"]
        low, high = shape.get("min"), shape.get("max")
        size = f"min: {low or 0}, max: {'u32::MAX' if high is None else high}"
        if kind == "string":
            return f"Check::Text({self.text(name, shape)})"
        if kind in INTEGERS:
            least, most = INTEGERS[kind]
            least, most = least if low is None else low, most if high is None else high
            return f"Check::Integer {{ min: {least}, max: {most} }}"
        if kind in ("double", "float"):
            return "Check::Double"
        if kind == "boolean":
            return "Check::Boolean"
        if kind == "timestamp":
            return "Check::Timestamp"
        if kind == "blob":
            return f"Check::Blob {{ {size} }}"
        if kind == "list":
            return f"Check::List {{ {size}, item: &{self.check(shape['member']['shape'])} }}"
        if kind == "map":
            key, value = (self.check(shape[part]["shape"]) for part in ("key", "value"))
            return f"Check::Map {{ {size}, key: &{key}, value: &{value} }}"
        if kind == "structure":
            return f"Check::Structure(&[{self.members(shape)}])"
        sys.exit(f"{name}: no rule for a shape of type {kind}")

    def text(self, name, shape):
        if "enum" in shape:
            text = f"Text::one_of(&[{', '.join(map(quoted, shape['enum']))}])"
        elif "min" in shape or "max" in shape:
            text = f"Text::sized({shape.get('min', 0)}, {shape.get('max', 'u32::MAX')})"
        else:
            text = "Text::any()"
        if "pattern" in shape:
            if shape["pattern"] not in self.regexes:
                sys.exit(f"{name}: pattern.rs has no function for {shape['pattern']}")
            self.patterned = True
            text += f".like(&pattern::{self.regexes[shape['pattern']]})"
        return text + (".sensitive()" if shape.get("sensitive") else "")

    def members(self, shape):
        return "\n".join(self.member(shape, name, member) + "," for name, member in shape.get("members", {}).items())

    def member(self, shape, name, member):
        place = PLACES.get(member.get("location"), "Body")
        wire = member.get("locationName", name)
        inner = self.shapes[member["shape"]]
        if place == "Header":
            wire = wire.lower()
            place = "JsonHeader" if member.get("jsonvalue") else place
        elif shape.get("payload") == name:
            place = "Payload"
        if place not in ("Body", "Payload") and inner["type"] in ("list", "map", "structure", "blob"):
            sys.exit(f"{name}: the binder reads no {inner['type']} from a {place}")
        required = name in shape.get("required", [])
        text = f"{'need' if required else 'may'}({quoted(name)}, &{self.check(member['shape'])})"
        if place == "Body" and wire == name:
            return text
        return f"{text}.at(Place::{place}, {quoted(wire)})"

    def path(self, operation):
        """The path; a last label of text that may hold slashes takes the whole rest (ARNs and topics, sent raw)."""
        path = operation["http"]["requestUri"]
        if "?" in path or "input" not in operation:
            return path
        for member in self.shapes[operation["input"]["shape"]].get("members", {}).values():
            inner = self.shapes[member["shape"]]
            free = inner["type"] == "string" and not {"pattern", "enum", "max"} & inner.keys()
            if member.get("location") == "uri" and free and path.endswith("{" + member["locationName"] + "}"):
                return path[:-1] + "+}"
        return path

    def fault(self, name):
        error = self.shapes[name].get("error", {})
        status = error.get("httpStatusCode", 500 if self.shapes[name].get("fault") else 400)
        code = error.get("code", name)
        wanted = self.named(name, "fault")
        self.faults[name] = f"const {wanted}: Fault = Fault {{ name: {quoted(code)}, status: {status} }};"
        return wanted

    def operation(self, name, row):
        http = row["http"]
        bound = self.served is None or name in self.served
        shape = self.shapes[row["input"]["shape"]] if bound and "input" in row else {}
        faults = ", ".join(self.fault(error["shape"]) for error in row.get("errors", []) if bound)
        return (
            f"Operation {{ name: {quoted(name)}, service: Service::{self.variant}, "
            f"method: Method::{http['method'].capitalize()}, path: {quoted(self.path(row))}, "
            f"status: {http.get('responseCode', 200)}, members: &[{self.members(shape)}], faults: &[{faults}] }},"
        )

    def text_of_file(self):
        rows = [self.operation(name, row) for name, row in sorted(self.model["operations"].items())]
        crate = ["use crate::pattern;"] * self.patterned + ["use crate::service::Service;"]
        used = "\n".join([*rows, *self.checks.values(), *self.faults.values()])
        types = ["Check", "Fault", "Method", "Operation", "Place", "Text", "may", "need"]
        types = [kind for kind in types if re.search(rf"\b{kind}\b(::|\(| {{)", used)]
        head = [
            f"// Generated by tools/gen_aws_tables.py from botocore {VERSION}; do not edit.",
            "",
            f"//! The operations of `{self.model['metadata'].get('signingName', self.model['metadata']['endpointPrefix'])}`,"
            f" API version {self.model['metadata']['apiVersion']}.",
            "",
            *crate,
            f"use crate::table::{{{', '.join(types)}}};",
            "",
            "/// By name, ascending.",
            "pub static OPERATIONS: &[Operation] = &[",
        ]
        checks = [self.checks[name] for name in sorted(self.checks, key=constant)]
        faults = [self.faults[name] for name in sorted(self.faults, key=constant)]
        return "\n".join([*head, *rows, "];", "", *faults, "", *checks, ""])


def formatted(text):
    command = ["rustfmt", "--edition", "2024", "--config-path", str(ROOT), "--emit", "stdout"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    arguments = parser.parse_args()
    if botocore.__version__ != VERSION:
        sys.exit(f"botocore {VERSION} is wanted (tools/requirements.txt), this is {botocore.__version__}")
    regexes = patterns()
    differs = False
    for file, variant, folder, count, served in SERVICES:
        text = formatted(Table(variant, folder, count, served, regexes).text_of_file())
        path = TABLES / f"{file}.rs"
        if not arguments.check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            differs = True
            old = path.read_text().splitlines() if path.exists() else []
            lines = difflib.unified_diff(old, text.splitlines(), str(path), "generated", lineterm="")
            print("\n".join(list(lines)[:40]))
    sys.exit("run tools/gen_aws_tables.py and commit the result" if differs else 0)


if __name__ == "__main__":
    main()
