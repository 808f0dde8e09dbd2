"""A syslog receiver as a process of its own: syslog_receiver.py WAY PORT FILE [CERT KEY]. Each message becomes a line of FILE."""
import socket
import ssl
import sys
import threading


def frames(connection, out):
    """RFC 6587 3.4.1: MSG-LEN SP SYSLOG-MSG."""
    data = b""
    while True:
        try:
            part = connection.recv(65536)
        except OSError:
            return
        if not part:
            return
        data += part
        while b" " in data[:12]:
            size, _, rest = data.partition(b" ")
            if not size.isdigit():
                out.write(b"NOT A FRAME: " + data[:100] + b"\n")
                return
            if len(rest) < int(size):
                break
            out.write(rest[:int(size)] + b"\n")
            data = rest[int(size):]


def main():
    way, port, file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    out = open(file, "ab", buffering=0)
    if way == "udp":
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        s.bind(("127.0.0.1", port))
        print("listening", flush=True)
        while True:
            out.write(s.recv(65536) + b"\n")
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(16)
    context = None
    if way == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[4], sys.argv[5])
    print("listening", flush=True)
    while True:
        connection, _ = s.accept()
        if context:
            try:
                connection = context.wrap_socket(connection, server_side=True)
            except OSError:
                continue
        threading.Thread(target=frames, args=(connection, out), daemon=True).start()


main()
