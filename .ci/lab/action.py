#!/usr/bin/env python3
"""Runs the step of action.yml as a runner does, with releases that a server on loopback has.

    ruby -ryaml -rjson -e 'puts YAML.load_file("action.yml").to_json' | .ci/lab/action.py SERVER REPOSITORY

SERVER stands for https://github.com. REPOSITORY is OWNER/NAME; the releases of `OWNER/forged` have wrong checksums.
"""

import gzip
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ACTION = json.load(sys.stdin)
SERVER, REPOSITORY = sys.argv[1:]
ROOT = Path.cwd()
PAGE = f"{SERVER}/{REPOSITORY}/releases/download/"
ARCH = {"x86_64": "X64", "aarch64": "ARM64"}[platform.machine()]
# A gh that finds no proof for the repository `OWNER/unproven`.
GH = '#!/bin/sh\necho "gh $*" >&2\ncase "$*" in "attestation verify "*" --repo "*/fetchpool) ;; *) exit 1 ;; esac\n'


class Step:
    """One run of the step, in a workspace of its own."""

    def __init__(self, repository=REPOSITORY, arch=ARCH, has_gh=True, **inputs):
        self.workspace = Path(tempfile.mkdtemp(dir=SCRATCH))
        (self.workspace / "urls.txt").write_text(PAGE + "\n")
        # Its last eight bytes are missing.
        (self.workspace / "cut.gz").write_bytes(gzip.compress(PAGE.encode() + b"\n", 0)[:-8])
        temp = Path(tempfile.mkdtemp(dir=SCRATCH))
        if has_gh:
            (temp / "gh").write_text(GH)
            (temp / "gh").chmod(0o755)
        context = {"github.action_repository": repository, "github.token": "token"}
        for name, given in ACTION["inputs"].items():
            assert name in inputs or not given.get("required"), name
            context[f"inputs.{name}"] = inputs.pop(name, given.get("default", ""))
        assert not inputs, f"no such inputs: {inputs}"
        (step,) = ACTION["runs"]["steps"]
        # Only `env` may have expressions: in `run` they would be read as shell code.
        assert ACTION["runs"]["using"] == "composite" and step["shell"] == "bash" and "${{" not in step["run"]
        env = {name: expand(value, context) for name, value in step["env"].items()}
        runner = {"RUNNER_OS": "Linux", "RUNNER_ARCH": arch, "RUNNER_TEMP": temp, "GITHUB_ACTION_PATH": ROOT}
        runner |= {"GITHUB_SERVER_URL": SERVER, "GITHUB_OUTPUT": temp / "output", "GITHUB_STEP_SUMMARY": temp / "summary"}
        env = os.environ | runner | env | {"PATH": f"{temp}:{os.environ['PATH']}"}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        ended = subprocess.run(command, cwd=self.workspace, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.status, self.said = ended.returncode, ended.stdout + ended.stderr
        written = (temp / "output").read_text() if (temp / "output").exists() else ""
        steps = dict(line.split("=", 1) for line in written.splitlines())
        context = {f"steps.{step['id']}.outputs.{name}": value for name, value in steps.items()}
        self.outputs = {name: expand(output["value"], context) for name, output in ACTION["outputs"].items()}
        self.summary = (temp / "summary").read_text() if (temp / "summary").exists() else ""

    def records(self):
        return [json.loads(line) for line in (self.workspace / self.outputs["records"]).read_text().splitlines()]

    def refuses(self, why):
        assert self.status == 2 and why in self.said, f"{why}: status {self.status}: {self.said}"
        assert not (self.workspace / "fetchpool.jsonl").exists()
        print(f"refused: {why}")


def expand(text, context):
    return re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda found: str(context.get(found[1], "")), text)


def files():
    """Lists and reports that fail, and names of files."""
    step = Step(list="cut.gz")
    assert step.status == 2 and [row["url"] for row in step.records()] == [PAGE], step.said
    assert "<html" in (step.workspace / step.outputs["report"]).read_text()

    step = Step(list="urls.txt", args="--fields\nstatus")
    assert step.status == 0 and step.outputs["report"] == "", step.said
    assert not (step.workspace / "fetchpool.html").exists()

    step = Step(list="urls.tx\n")
    assert step.status == 2 and step.records() == [] and "urls.tx" in step.said, step.said
    assert Step(list="urls.txt\n").status == 0 and Step(list=f"{PAGE}\n").status == 0
    assert Step(list="urls.txt", records="no/such/place").status == 2

    step = Step(list="urls.txt", records="a\nstatus=7")
    assert step.status == 2 and not any(step.outputs.values()) and "line breaks" in step.said, step.said


def main():
    step = Step(list="urls.txt")
    assert step.status == 0 and step.outputs["status"] == "0", step.said
    assert [row["url"] for row in step.records()] == [PAGE]
    assert "gh attestation verify fetchpool-" in step.said
    report = (step.workspace / step.outputs["report"]).read_text()
    assert report.lower().startswith("<!doctype html>"), report[:99]
    print(step.summary)

    step = Step(list=f"{PAGE}\n{PAGE}missing", args="--fields\nurl,ok\n-j\n2", report="", records="some records.jsonl")
    assert step.status == 1 and step.outputs == {"records": "some records.jsonl", "report": "", "status": "1"}, step.said
    assert sorted(row["ok"] for row in step.records()) == [False, True]
    assert not (step.workspace / "fetchpool.html").exists()

    step = Step(list="$(touch pwned)\n`touch pwned`; touch pwned", args='--user-agent="; touch pwned; $(touch pwned)', report="")
    assert step.status == 1 and len(step.records()) == 2 and not (step.workspace / "pwned").exists(), step.said
    step = Step(list="urls.txt", args="--wrong")
    assert step.outputs["status"] == "2" and not step.outputs["report"], step.said
    assert not (step.workspace / "fetchpool.html").exists()
    files()

    Step(list="urls.txt", arch="ARM").refuses("no release for Linux on ARM")
    owner = REPOSITORY.split("/")[0]
    Step(list="urls.txt", repository=f"{owner}/none").refuses("cannot be downloaded")
    Step(list="urls.txt", repository=f"{owner}/forged").refuses("is not what SHA256SUMS says")
    Step(list="urls.txt", repository=f"{owner}/unproven").refuses(f"--repo {owner}/unproven")
    # A hosted runner always has one.
    if not shutil.which("gh"):
        step = Step(list="urls.txt", has_gh=False)
        assert step.status == 0 and "::warning::gh is not here" in step.said, step.said
    step = Step(list="urls.txt", repository="", program=sys.executable, args="--no-such-option")
    assert "unknown option --no-such-option" in step.said, step.said
    print("the action ends as fetchpool does, and refuses what is not the release")


with tempfile.TemporaryDirectory() as SCRATCH:
    main()
