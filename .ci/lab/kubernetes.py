"""Validates the manifest of docs/SCALING.md, strictly, against the schemas of the oldest and the newest Kubernetes of
kubernetes-validate. Manifests with one mistake must be refused."""

import copy
import re
import sys

import yaml
from kubernetes_validate import ValidationError, validate
from kubernetes_validate.utils import all_versions

sys.dont_write_bytecode = True

from scaling.recipe import RECIPES


def refusal(manifest, version):
    """Why a manifest does not fit the schema; None if it does."""
    try:
        validate(manifest, version, strict=True)
    except ValidationError as error:
        return error.message


def mistakes(manifest):
    """The manifest with one mistake each, and a part of its refusal."""
    for change, reason in [
        (lambda job: job["spec"].update(completion=16), "'completion' was unexpected"),
        (lambda job: job["spec"].update(completions="16"), "'16' is not of type"),
        (lambda job: job["spec"].pop("template"), "'template' is a required property"),
        (lambda job: container(job).update(arg=[]), "'arg' was unexpected"),
    ]:
        changed = copy.deepcopy(manifest)
        change(changed)
        yield changed, reason


def container(job):
    return job["spec"]["template"]["spec"]["containers"][0]


def main():
    manifest = yaml.safe_load(RECIPES["Kubernetes: an Indexed Job"][-1])
    versions = all_versions()[0], all_versions()[-1]
    for version in versions:
        assert not (found := refusal(manifest, version)), f"Kubernetes {version}: {found}"
        for changed, reason in mistakes(manifest):
            assert reason in (found := str(refusal(changed, version))), f"{found}, and not {reason}"
    shards = re.findall(r"--shard \S+/(\d+)", container(manifest)["args"][0])
    assert shards == [str(manifest["spec"]["completions"])], "completions is not the N of --shard"
    print(f"ok: the manifest fits Kubernetes {versions[0]} and {versions[1]}")


if __name__ == "__main__":
    main()
