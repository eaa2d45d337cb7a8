"""Run eight jobs on a real Ray cluster of two nodes, in a separate environment.

    python benchmarks/ray_cluster.py .venv-ray

The environment is created if it is missing: Ray's launcher needs other versions than
`constraints.txt`. Both nodes run on this machine with two workers each, and stop with the script.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JOBS = ["vectors=skipgram,cbow", "seed=1,2,3,4", "corpus.train=600", "vectors.epochs=5"]


def make_environment(folder: Path) -> Path:
    """Install the project and the launcher; return the environment's Python."""
    python = folder / "bin" / "python"
    if not (folder / "bin" / "ray").exists():
        venv.create(folder, with_pip=True)
        wanted = ["-e", str(ROOT), "hydra-core<1.4", "hydra-ray-launcher>=1.2", "ray[default]<3"]
        subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True)
    return python


def run() -> None:
    """Start the cluster, run the jobs on it, and check that all results are there."""
    from ray.cluster_utils import Cluster  # installed only in that environment

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    try:
        cluster.add_node(num_cpus=2)
        cluster.wait_for_nodes()
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pipeline", "-m", *JOBS, "hydra/launcher=ray"]
            command += [f"hydra.launcher.ray.init.address={cluster.address}"]
            # The launcher sets this by default, but a running cluster refuses it.
            command += ["+hydra.launcher.ray.init.object_store_memory=null"]
            command += [f"hydra.sweep.dir={folder}/F", f"cache.path={folder}/cache"]
            command += [f"tracking.uri=sqlite:///{folder}/mlflow.db"]
            subprocess.run(command, check=True, cwd=folder)
            with (Path(folder) / "F" / "comparison.csv").open(newline="") as file:
                done = [row["status"] for row in csv.DictReader(file)]
            if done != ["done"] * 8:
                sys.exit(f"not all jobs ended well: {done}")
            print("8 jobs on 2 nodes: all done")
    finally:
        cluster.shutdown()


def main() -> None:
    """Create the environment and run the jobs in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("environment", type=Path, nargs="?", default=Path(".venv-ray"))
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        run()
    else:
        python = make_environment(args.environment.absolute())
        sys.exit(subprocess.run([python, __file__, "--inside"], check=False).returncode)


if __name__ == "__main__":
    main()
