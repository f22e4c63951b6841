#!/usr/bin/env python3
"""Checks that cargo binstall finds every archive of a release, and the program in it: .ci/lab/binstall.py ARTEFACTS

Fills in the templates of Cargo.toml as cargo binstall does, for each target of release.yml.
"""

import re
import sys
import tarfile
import tomllib
from pathlib import Path

artefacts = Path(sys.argv[1])
package = tomllib.loads(Path("Cargo.toml").read_text())["package"]
templates = package["metadata"]["binstall"]
targets = re.findall(r"\{ target: ([a-z0-9_-]+)", Path(".github/workflows/release.yml").read_text())
assert len(targets) == 5, targets
assert templates["pkg-fmt"] == "tgz"

for target in targets:
    values = {"repo": "REPO", "version": package["version"], "target": target, "bin": "fetchpool"}
    values["binary-ext"] = ".exe" if "windows" in target else ""
    url, program = (
        re.sub(r"\{ ([a-z-]+) \}", lambda found: values[found[1]], templates[key]) for key in ("pkg-url", "bin-dir")
    )
    directory, _, file = url.rpartition("/")
    assert directory == f"REPO/releases/download/v{package['version']}", url
    assert (artefacts / file).is_file(), f"no release has {file}"
    if tarfile.is_tarfile(artefacts / file):
        assert program in tarfile.open(artefacts / file).getnames(), f"{file} has no {program}"
        print(f"cargo binstall: {program} in {url}")
