"""An app with one defect, selected by its first argument."""

import http.server
import os
import signal
import socket
import sys
import time

WAY, *MORE = sys.argv[1:]
print(f"app: started, {WAY}", flush=True)

# As PID 1 it would not get a signal that it does not catch.
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        redirected = self.path != "/login" and WAY == "redirect"
        self.send_response(302 if redirected else int(MORE[0]) if WAY == "status" else 200)
        if redirected:
            self.send_header("Location", "/login")
        self.end_headers()
        self.wfile.write(b"hello")


def serve(port=8000):
    http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()


def listen(answer):
    server = socket.create_server(("127.0.0.1", 8000))
    held = []
    while True:
        held.append(server.accept()[0])
        if answer is not None:
            held.pop().sendall(answer)


def wait():
    while True:
        signal.pause()


match WAY:
    case "exit":
        sys.exit(int(MORE[0]))
    case "crash":
        os.abort()
    case "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        serve()
    case "silent":
        listen(None)
    case "garbage":
        listen(b"220 ready for mail\r\n")
    case "closes":
        listen(b"")
    case "drips":
        server = socket.create_server(("127.0.0.1", 8000))
        while True:
            held, _ = server.accept()
            try:
                for byte in b"HTTP/1.1 200 OK\r\n\r\n":
                    held.sendall(bytes([byte]))
                    time.sleep(0.2)
            except OSError:
                held.close()
    case "chunked":
        listen(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    case "http10":
        listen(b"HTTP/1.0 200 OK\r\n\r\nok")
    case "endless":
        server = socket.create_server(("127.0.0.1", 8000))
        held = [server.accept()[0]]
        held[0].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + bytes(65536))
        wait()
    case "daemonizes":
        if os.fork() == 0:
            os.setsid()
            serve()
    case "floods":
        sys.stdout.write("x" * 3_000_000 + "\x1b[31m\x07\ninit: fatal: forged\n")
        sys.stdout.flush()
    case "idle":
        wait()
    case "litters":
        # A child that has left the session and does not go when asked to.
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            wait()
        serve()
    case "fork-daemon":
        # A step that leaves a server behind.
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            serve(9000)
    case "deaf-step":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        wait()
    case "fill":
        with open(MORE[0], "wb") as file:
            try:
                while True:
                    file.write(bytes(4096))
                    file.flush()
            except OSError as error:
                print(error.strerror, flush=True)
                os._exit(0)
    case _:
        serve()
