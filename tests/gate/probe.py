"""The app of a row: prints its state, one fact a line."""

import errno
import hashlib
import os
import socket
import subprocess
import sys
import time


def fact(name, value):
    print(f"{name}: {value}", flush=True)


def connect(address, port, source=None):
    began = time.monotonic()
    try:
        socket.create_connection((address, port), timeout=5, source_address=source).close()
        found = "connected"
    except OSError as error:
        found = errno.errorcode.get(error.errno, type(error).__name__)
    fact(f"connect {address}", found)
    fact(f"connect {address} was quick", time.monotonic() - began < 1)


print("app: started", flush=True)
with open("/proc/self/status") as status:
    for line in status:
        name, _, value = line.partition(":")
        if name in {"Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"}:
            fact(name, " ".join(value.split()))
fact("pid", os.getpid())
fact("HOME", os.environ.get("HOME"))
fact("marker", os.environ.get("EGRESS_FW_LOADED"))
for word in sys.argv[1:]:
    asked, _, rest = word.partition(":")
    match asked:
        case "connect":
            connect(rest, 80)
        case "metadata":
            # The service itself, on this machine: only the firewall can block it.
            service = socket.create_server(("169.254.169.254", 8080))
            # From another address: the refusal must not depend on the blocked one.
            connect("169.254.169.254", 8080, ("127.0.0.1", 0))
            service.close()
        case "nft":
            command = ["/usr/sbin/nft", *rest.split()]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            fact(f"nft {rest}", f"{done.returncode} {done.stdout.splitlines()[0] if done.stdout else ''}")
        case "hash":
            value = os.environ.get(rest)
            fact(rest, hashlib.sha256(value.encode()).hexdigest() if value is not None else None)
        case "env":
            fact(rest, os.environ.get(rest))
        case "read":
            try:
                with open(rest, "rb") as file:
                    fact(f"read {rest}", f"{len(file.read())} bytes")
            except OSError as error:
                fact(f"read {rest}", errno.errorcode[error.errno])
        case _:
            fact("argument", repr(word))
