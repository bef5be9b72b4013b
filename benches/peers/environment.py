"""The virtual environment of the peers, and the build of our own program."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REQUIREMENTS = HERE / "requirements.txt"
OURS = "lightgcn"


class NotAvailable(Exception):
    """Why a system cannot be measured here, in one line."""


@dataclass(frozen=True)
class Peer:
    script: str
    packages: tuple
    """What pip installs; requirements.txt has the versions."""
    imports: str
    tasks: tuple


PEERS = {
    "original": Peer(
        script="original_lightgcn.py",
        packages=("torch", "numpy", "scipy"),
        imports="torch, scipy.sparse",
        tasks=("epoch", "evaluate", "evaluate-once", "top20-1024", "top20-1"),
    ),
    "pyg": Peer(
        script="pyg_lightgcn.py",
        packages=("torch", "numpy", "torch_geometric"),
        imports="torch_geometric.nn",
        tasks=("epoch", "evaluate", "top20-1024", "top20-1"),
    ),
    "recbole": Peer(
        script="recbole_lightgcn.py",
        packages=("recbole", "torch", "numpy", "scipy", "pandas", "ray"),
        imports="recbole.trainer, recbole.data",
        tasks=("epoch", "evaluate", "top20-1024", "top20-1"),
    ),
    "implicit": Peer(
        script="implicit_bpr.py",
        packages=("implicit", "numpy", "scipy", "threadpoolctl"),
        imports="implicit.evaluation",
        tasks=("evaluate", "top20-1024", "top20-1"),
    ),
}

OUR_TASKS = ("epoch", "evaluate", "top20-1024", "top20-1")


def python_of(venv):
    return venv / "bin" / "python"


def prepare_venv(venv, interpreter):
    """Makes the environment if it does not exist."""
    if not python_of(venv).exists():
        finish([interpreter, "-m", "venv", str(venv)], "making the virtual environment")


def prepare_peer(peer, venv, install):
    """Installs one peer's packages beside those already there, and imports it."""
    python = str(python_of(venv))
    if install:
        pip = [python, "-m", "pip", "install", "--quiet", "--constraint", str(REQUIREMENTS), *peer.packages]
        finish(pip, "installing")
    finish([python, "-c", f"import {peer.imports}"], "importing")


def build_ours():
    """Builds the example `peer` and returns its path."""
    if shutil.which("cargo") is None:
        raise NotAvailable("cargo was not found")
    build = ["cargo", "build", "--release", "--example", "peer", "-p", "lightgcn", "--features", "flex"]
    finish(build, "building", cwd=ROOT)
    program = target_folder() / "release" / "examples" / "peer"
    if not program.exists():
        raise NotAvailable("the build made no example named peer")
    return program


def target_folder():
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()


def our_version():
    """The version in the workspace's Cargo.toml, and the commit where git knows it."""
    version = "unknown"
    for line in (ROOT / "Cargo.toml").read_text(encoding="utf-8").splitlines():
        if line.startswith("version = "):
            version = line.split('"')[1]
            break
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return version
    return f"{version}+{commit.stdout.strip()}"


def finish(command, doing, cwd=None):
    """Runs a command to its end and returns its output. Its last line of errors is the reason if it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        raise NotAvailable(f"{doing} failed: {error}") from error
    if done.returncode != 0:
        raise NotAvailable(f"{doing} failed: {reason(done.stderr or done.stdout)}")
    return done.stdout


def reason(output):
    """The line that says most about a failure: the last that names an error, or else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["no message"])[-1][:300]
