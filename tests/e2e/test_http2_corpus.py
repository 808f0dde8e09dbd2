"""HTTP/2 in front of a backend of HTTP/1.1: the corpus of http2_corpus.py, and the answers of http_corpus_answers.py seen over HTTP/2."""
import re
from concurrent.futures import ThreadPoolExecutor

import http2_corpus
import http_corpus_answers
from h2wire import H2
from harness import free_port
from http_judge import Judge, address, site

ONE_HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}


def octets(fields):
    """A str would be encoded as UTF-8."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]


class Judge2(Judge):
    def run(self):
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(self.one, range(len(self.rows))))
        self.backends.stop()
        return self

    def connect(self, number):
        return H2(self.port, source=address(number))

    def well_formed(self, out):
        for name, value in out["fields"] + out["trailers"]:
            assert name == name.lower() and name not in ONE_HOP, f"a field that HTTP/2 does not know: {name}: {value}"
            assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value), f"a malformed value: {name}: {value!r}"
        lengths = [value for name, value in out["fields"] if name == "content-length"]
        assert len(lengths) < 2, lengths
        if out["reset"] is None and lengths and out["body"]:
            assert int(lengths[0]) == len(out["body"]), f"a length of {lengths} and {len(out['body'])} octets"

    def request(self, number, row):
        _, head, content, trailers = http2_corpus.ROWS[number]
        with self.connect(number) as c:
            stream = c.next_stream
            c.next_stream += 2
            c.send(http2_corpus.frames(c, stream, octets(head), content, octets(trailers) if trailers else None))
            out = c.answer(stream)
            self.well_formed(out)
            right = row.want[0] if isinstance(row.want[0], tuple) else row.want
            seen = "reset" if out["reset"] not in (None, 0) and not out["status"] else out["status"]
            assert seen in right, f"the answer is {seen}, not {right}: {out}"
            if c.closed or out["reset"] == "closed" or any(f.kind == 7 for f in c.frames):
                return
            after = c.answer(c.open(c.get(path="/probe", authority="probe")))
            assert after["status"] == 200 and b"GET /probe HTTP/1.1" in after["body"], f"out of step: {after}"

    def answer(self, number, row):
        head = row.request.startswith(b"HEAD")
        with self.connect(number) as c:
            out = c.answer(c.open(c.get(path="/bad", method="HEAD" if head else "GET")))
            self.well_formed(out)
            whole = out["reset"] is None
            if row.want == "cut":
                assert not whole or out["status"] in (502, 504), f"a broken answer ends as if it were whole: {out}"
            else:
                right = row.want if isinstance(row.want, tuple) else (row.want,)
                assert whole and out["status"] in right, f"the answer is {out}, not {right}"
            if row.body is not None:
                assert out["body"] == row.body, f"the content is {out['body'][:100]!r}, not {row.body[:100]!r}"
            self.backends.said(number)
            last = c.answer(c.open(c.get(path="/next")))
            assert last["status"] == 200 and b"GET /next HTTP/1.1" in last["body"], f"the next answer is out of step: {last}"
        got = self.backends.got[number]
        next_one = [m.connection for m in got if m.first.startswith(b"GET /next")]
        bad = [m.connection for m in got if not m.first.startswith(b"GET /next")]
        if row.reused is False and bad:
            assert next_one[-1] not in bad, "a connection that is out of step is used again"
        if row.reused is True:
            assert next_one[-1] in bad, "a good connection is not used again"


def test_no_request_of_http2_smuggles_anything_to_a_backend_of_http1(genkan):
    rows = [row[0] for row in http2_corpus.ROWS]
    assert len({row.name for row in rows}) == len(rows)
    port = free_port()
    judge = Judge2(rows, port)
    genkan(site(port, judge.backends.ports), workers=1)
    judge.run()
    for number, row in enumerate(rows):
        judge.faults[number] += judge.backends.faults[number]
        judge.judge_backend(number, row)
    report(judge)


def test_answers_of_backends_of_http1_over_http2(genkan):
    plain = (b"GET /bad HTTP/1.1\r\nHost: a\r\n\r\n", b"HEAD /bad HTTP/1.1\r\nHost: a\r\n\r\n")
    rows = [row for row in http_corpus_answers.ROWS if row.request in plain]
    assert len(rows) > 300
    port = free_port()
    judge = Judge2(rows, port)
    genkan(site(port, judge.backends.ports), workers=1)
    report(judge.run())


def report(judge):
    faults = [f"{row.name} [{row.level} {row.rfc}]: {fault}" for row, own in zip(judge.rows, judge.faults) for fault in own]
    assert not faults, f"{len(faults)} deviations in {len(judge.rows)} rows:\n" + "\n".join(faults)
