"""The corpora of raw HTTP/1.1: every row of http_corpus_*.py, judged from outside (http_judge.py)."""
import http_corpus_answers
import http_corpus_framing
import http_corpus_lines
import http_corpus_meaning
from http_judge import Judge, site
from harness import free_port


def judge(genkan, rows, more=""):
    port = free_port()
    one = Judge(rows, port)
    g = genkan(site(port, one.backends.ports, more), workers=1)
    faults = one.run()
    assert g.running()
    assert not faults, f"{len(faults)} deviations in {len(rows)} rows:\n" + "\n".join(faults)


def test_lines_and_fields_of_requests(genkan):
    judge(genkan, http_corpus_lines.ROWS)


def test_where_the_content_of_requests_ends(genkan):
    judge(genkan, http_corpus_framing.ROWS)


def test_what_requests_mean(genkan):
    judge(genkan, http_corpus_meaning.ROWS)


def test_answers_of_backends(genkan):
    judge(genkan, http_corpus_answers.ROWS)
