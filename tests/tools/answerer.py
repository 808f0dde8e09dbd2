"""answerer.py NAME PORT: answers every HTTP request on every address with NAME, and closes. As little as a server can be."""
import socket
import sys
import threading


def answer(connection, name):
    with connection:
        try:
            connection.settimeout(2)
            connection.recv(4096)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(name), name))
        except OSError:
            pass


def main():
    name, port = sys.argv[1].encode(), int(sys.argv[2])
    listener = socket.create_server(("0.0.0.0", port), backlog=1024)
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, name), daemon=True).start()


main()
