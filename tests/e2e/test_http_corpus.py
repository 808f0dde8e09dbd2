"""The corpora of raw HTTP/1.1: every row of http_corpus_*.py, judged from outside (http_judge.py); whole and in segments."""
import http_corpus_answers
import http_corpus_framing
import http_corpus_lines
import http_corpus_meaning
import pytest
from harness import free_port
from http_judge import Judge, site

CORPORA = {"lines and fields of requests": http_corpus_lines, "where the content of requests ends": http_corpus_framing,
           "what requests mean": http_corpus_meaning, "answers of backends": http_corpus_answers}


@pytest.mark.parametrize("size", [0, 1], ids=["whole", "octet by octet"])
@pytest.mark.parametrize("name", CORPORA)
def test_every_row(genkan, name, size):
    rows = CORPORA[name].ROWS
    assert len(rows) >= 200 and len({row.name for row in rows}) == len(rows)
    port = free_port()
    judge = Judge(rows, port, size)
    g = genkan(site(port, judge.backends.ports), workers=1)
    faults = judge.run()
    assert g.running()
    assert not faults, f"{len(faults)} deviations in {len(rows)} rows:\n" + "\n".join(faults)
