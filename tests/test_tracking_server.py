@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server")).start()
    yield server
    server.kill()


def test_make_ui_opens_the_store_that_runs_go_to():
    makefile = (Path(__file__).parent.parent / "Makefile").read_text("utf-8")
    assert f"mlflow ui --backend-store-uri {DEFAULT_URI}\n" in makefile


def test_a_run_on_a_server_is_there_with_its_files(server, tmp_path):
    done = call(tmp_path, *SIZES, *QUICK, f"tracking.uri={server.uri}")
    assert done.returncode == 0, done.stderr
    assert only(tmp_path, "outputs/runs/*/result.json")
    (tracked_run,) = runs(server.uri)
    assert tracked_run.info.status == "FINISHED"
    files = {item.path for item in MlflowClient(server.uri).list_artifacts(tracked_run.info.run_id)}
    assert {"result.json", "report", "vectors"} <= files


KILLER = """
from dataclasses import dataclass
from pathlib import Path
import os, signal
import numpy as np
from pipeline import WordVectors

@dataclass
class Killer:
    number: int = 0

    def make(self, corpus, vocabulary):
        if Path("server").exists():
            os.killpg(int(Path("server").read_text()), signal.SIGKILL)
            Path("server").unlink()
        matrix = np.random.default_rng(self.number).normal(size=(len(vocabulary.words), 3))
        return WordVectors(vocabulary.words, matrix.astype(np.float32))
"""


def test_a_server_that_is_killed_in_mid_run_costs_nothing_but_one_command(server, tmp_path):
    (tmp_path / "mine.py").write_text(KILLER)
    (tmp_path / "server").write_text(str(server.process.pid))
    (tmp_path / "conf" / "vectors").mkdir(parents=True)
    (tmp_path / "conf" / "vectors" / "killer.yaml").write_text("_target_: mine.Killer\n")
    where = ["tracking.experiment=killed", f"tracking.uri={server.uri}", "hydra.sweep.dir=F"]
    jobs = ["--config-dir", "conf", "vectors=killer", "+vectors.number=0,1"]
    done = call(tmp_path, "-m", *jobs, *SIZES, "sweep.strengths=[1]", "report.words=[]", *where)
    server.kill()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].endswith("python -m pipeline upload F")
    assert len(list(tmp_path.glob("F/*/result.json"))) == 2
    assert pd.read_csv(tmp_path / "F" / "comparison.csv")["status"].tolist() == ["done", "done"]

    server.start()
    command = [sys.executable, "-m", "pipeline", "upload", "F"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    whole, count = sent = facts(server.uri, "killed")
    assert count == 3
    names = ["vectors.number=0", "vectors.number=1"]
    for name in names:
        status, _, points, datasets, _, models = whole[name]
        assert (status, datasets, models, max(points)) == ("FINISHED", 3, 1, 1)
    (parent,) = [run for run in runs(server.uri, "killed") if run.info.run_name not in names]
    assert parent.info.status == "FINISHED"
    assert {"comparison.csv", "comparison.png"} <= set(whole[parent.info.run_name][4])

    upload(tmp_path / "F")
    assert facts(server.uri, "killed") == sent
