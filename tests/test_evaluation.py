from __future__ import annotations

import numpy as np
import pytest
from front import SIZES, assert_one_clear_line, call, only
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from pipeline.core.errors import UserError
from pipeline.stages.evaluation import evaluation
from pipeline.stages.evaluation.evaluation import (
    Analogies,
    Evaluation,
    analogies,
    evaluate,
    similarity,
)
from pipeline.stages.vectors.word_vectors import WordVectors

quick = settings(max_examples=50, deadline=None)

# Cosines with "old": new 0.8, young 0, modern -1; and two words alike.
VECTORS = WordVectors(
    ["old", "new", "young", "modern", "twin"],
    np.array([[1, 0], [0.8, 0.6], [0, 2], [-3, 0], [5, 0]], np.float32),
)


class TestSimilarity:
    def test_is_spearman_s_correlation_of_the_cosines(self, file):
        path = file("old twin 9\nold new 5\nold young 6\nold modern 1\n", "men.txt")
        found = similarity(VECTORS, path)
        # Ranks of the cosines 1, .8, 0, -1 and of 9, 5, 6, 1: 1 - 6 * (1 + 1) / (4 * 15).
        assert found.spearman == pytest.approx(0.8)
        assert found.spearman == pytest.approx(
            spearmanr([1, 0.8, 0, -1], [9, 5, 6, 1]).statistic, abs=1e-12
        )
        assert (found.name, found.found, found.total) == ("men", 4, 4)

    def test_counts_pairs_found_of_all(self, file):
        path = file("old new 5\nold young 6\nold elsewhere 1\nnowhere elsewhere 1\n")
        found = similarity(VECTORS, path)
        assert (found.found, found.total) == (2, 4)
        assert found.spearman == pytest.approx(-1)

    def test_words_are_lower_cased_unless_told_not_to(self, file):
        path = file("Old new 5\nOLD young 6\n")
        assert similarity(VECTORS, path).found == 2
        assert similarity(VECTORS, path, lower=False).found == 0

    @pytest.mark.parametrize("content", ["no such 5\nwords here 6\n", "old new 5\nno such 6\n"])
    def test_of_fewer_than_two_pairs_is_not_a_number(self, content, file):
        assert np.isnan(similarity(VECTORS, file(content)).spearman)

    @pytest.mark.filterwarnings("error")
    def test_of_scores_all_equal_is_not_a_number_and_no_warning(self, file):
        path = file("old new 5\nold young 5\n")
        assert np.isnan(similarity(VECTORS, path).spearman)


QUESTIONS = """\
: capital-common-countries
a b c d
b a d c

: family
a b c nowhere
"""


def by_brute_force(vectors, question):
    a, b, c, expected = question
    unit = {w: vectors[w] / max(np.linalg.norm(vectors[w]), 1e-30) for w in vectors.words}
    target = unit[b] - unit[a] + unit[c]
    others = [word for word in vectors.words if word not in {a, b, c}]
    return bool(others) and max(others, key=lambda w: unit[w] @ target) == expected


class TestAnalogies:
    def test_counts_right_answers_of_questions_seen_of_all_in_each_section_and_together(self, file):
        square = WordVectors(
            list("abcde"),
            np.array([[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 1, 1], [-1, -1, -1]], np.float32),
        )
        rows = analogies(square, file(QUESTIONS))
        assert rows == [
            Analogies("pairs", "capital-common-countries", 2, 2, 2, 5),
            Analogies("pairs", "family", 0, 0, 1, 5),
            Analogies("pairs", "total", 2, 2, 3, 5),
        ]
        assert rows[0].accuracy == 1
        assert np.isnan(rows[1].accuracy)

    @quick
    @given(seed=st.integers(0, 999), batch=st.integers(1, 9))
    def test_answers_as_a_search_by_hand_does(self, seed, batch, tmp_path_factory):
        rng = np.random.default_rng(seed)
        words = [f"w{i}" for i in range(12)]
        vectors = WordVectors(words, rng.normal(size=(12, 3)).astype(np.float32))
        questions = [rng.choice(words, 4, replace=False).tolist() for _ in range(20)]
        path = tmp_path_factory.mktemp("questions") / "questions.txt"
        path.write_text("".join(f"{' '.join(question)}\n" for question in questions))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(evaluation, "_BATCH", batch)
            total = analogies(vectors, path)[-1]
        assert total.correct == sum(by_brute_force(vectors, question) for question in questions)
        assert total.seen == total.total == 20

    def test_the_words_of_the_question_are_no_answer(self, file):
        vectors = WordVectors(["a", "b"], np.eye(2, dtype=np.float32))
        total = analogies(vectors, file("a b a b\nb b a a\n"))[-1]
        assert total == Analogies("pairs", "total", 0, 2, 2, 2)

    def test_words_are_lower_cased_unless_told_not_to(self, file):
        vectors = WordVectors(list("abcd"), np.eye(4, dtype=np.float32))
        assert analogies(vectors, file("A B C D\n"))[-1].seen == 1
        assert analogies(vectors, file("A B C D\n"), lower=False)[-1].seen == 0


class TestStage:
    def test_gives_a_number_a_file_and_a_section_as_metrics(self, file):
        pairs = file("old new 5\nold young 6\nold elsewhere 1\n", "men.txt")
        questions = file(": the same\nold new twin new\n: other\nold new twin away\n", "q.txt")
        asked = Evaluation([str(pairs)], [str(questions)])
        found = {m.name: m.value for m in evaluate(VECTORS, asked).metrics()}
        assert found == {
            "evaluation/men_found": 2,
            "evaluation/men_spearman": pytest.approx(-1),
            "evaluation/q_seen": 1,
            "evaluation/q_candidates": 5,
            "evaluation/q/the-same_accuracy": 0,
            "evaluation/q_accuracy": 0,
        }

    def test_sections_that_are_alike_or_called_total_have_numbers_of_their_own(self, file):
        names = ["total", "capital.common", "capital.world", "a b", "a (b", "?!"]
        questions = file("".join(f": {name}\nold new twin new\n" for name in names), "q.txt")
        found = [m.name for m in evaluate(VECTORS, Evaluation([], [str(questions)])).metrics()]
        sections = [n for n in found if n.endswith("_accuracy")]
        assert sections == [
            f"evaluation/q{section}_accuracy"
            for section in (
                *(
                    "/total-section-",
                    "/capital.common",
                    "/capital.world",
                    "/a-b",
                    "/a-b-2",
                    "/-",
                    "",
                ),
            )
        ]

    def test_on_the_words_of_other_vectors_answers_are_searched_among_them_alone(self, file):
        questions = file("old new young modern\nold new young twin\n", "q.txt")
        other = file("old 1 1\nnew 1 1\nyoung 1 1\nmodern 1 1\nelse 1 1\n", "other.txt")
        config = Evaluation([], [str(questions)], vocabulary=[str(other)])
        total = evaluate(VECTORS, config).analogies[-1]
        assert (total.seen, total.total, total.candidates) == (1, 2, 4)
        assert evaluate(VECTORS, config).describe().endswith("(1 of 2 questions, 4 candidates)")
        with pytest.raises(UserError, match=r"evaluation\.vocabulary.*the vocabulary that 'vocab'"):
            evaluate(VECTORS, Evaluation([], [str(questions)], vocabulary=["vocab"]))

    def test_writes_tables(self, file, tmp_path):
        pairs = file("old new 5\nold young 6\n", "men.txt")
        evaluate(VECTORS, Evaluation([str(pairs)])).save(tmp_path / "evaluation")
        table = (tmp_path / "evaluation" / "similarity.csv").read_text()
        assert table.splitlines()[0] == "name,spearman,found,total"
        assert not (tmp_path / "evaluation" / "analogies.csv").exists()

    def test_names_of_files_become_names_that_metrics_can_have(self, file):
        pairs = file("old new 5\nold young 6\n", "rare words (2013)=ü.txt")
        names = [m.name for m in evaluate(VECTORS, Evaluation([str(pairs)])).metrics()]
        assert names[0] == "evaluation/rare-words-2013-_found"

    def test_two_files_of_one_name_are_refused(self):
        with pytest.raises(UserError, match="two files are called 'men'"):
            Evaluation(["a/men.txt", "b/men.txt"])

    def test_is_for_every_source_and_pretrained_vectors_know_its_words(self, file, tmp_path):
        pairs = file("good bad 5\nunheard unseen 6\ngood unseen 1\n", "men.txt")
        glove = file("good 1 0\nbad 0 1\nunheard 1 1\nunseen 2 1\nuseless 1 0\n", "g.txt")
        done = call(
            tmp_path,
            *("-m", "vectors=random,glove", f"glove={glove}", "tracking=off"),
            *(*SIZES, "sweep.strengths=[1]", "report.words=[]"),
            f"evaluation.similarity=[{pairs}]",
        )
        assert done.returncode == 0, done.stderr
        jobs = sorted((tmp_path / "outputs" / "multiruns").glob("*/[01]"))
        tables = [(job / "evaluation" / "similarity.csv").read_text() for job in jobs]
        assert [table.split(",")[-2] for table in tables] == ["1", "3"]

    def test_a_broken_file_is_told_of_before_anything_is_trained(self, file, tmp_path):
        pairs = file("good bad 5\ngood bad\n", "men.txt")
        done = call(tmp_path, "tracking=off", f"evaluation.similarity=[{pairs}]")
        assert_one_clear_line(done, f"{pairs}, line 2")
        assert not (only(tmp_path, "outputs/runs/*") / "vectors").exists()
