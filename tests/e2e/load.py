"""Constant load for tests of change: clients that keep their connection, clients that open a new one each time, and every failure."""
import http.client
import os
import socket
import threading
import time


class Load:
    """with Load(port) as load: ...; assert load.failures == []. A client repeats nothing: one error is one failure."""

    def __init__(self, port, kept=4, fresh=2, path="/load", expect=(200,)):
        self.port, self.path, self.expect = port, path, expect
        self.failures, self.served, self.ending = [], 0, threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.keep) for _ in range(kept)] + [threading.Thread(target=self.renew) for _ in range(fresh)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for t in self.threads:
            t.join()

    def one(self, connection):
        connection.request("GET", self.path)
        answer = connection.getresponse()
        answer.read()
        with self.lock:
            self.served += 1
            if answer.status not in self.expect:
                self.failures.append(f"status {answer.status}")
        return answer.will_close

    def fail(self, error):
        with self.lock:
            self.failures.append(f"{time.monotonic():.3f} {error!r}")

    def keep(self):
        connection = None
        while not self.ending.is_set():
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                    connection.connect()
                    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.one(connection):
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.fail(error)
                connection = None
        if connection:
            connection.close()

    def renew(self):
        while not self.ending.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                self.one(connection)
            except (OSError, http.client.HTTPException) as error:
                self.fail(error)
            connection.close()


def alive(pid):
    """False for a process that has ended, also when nobody has asked for its status yet."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
