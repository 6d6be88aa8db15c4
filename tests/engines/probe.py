# The app of the table: it prints what it finds itself with, one `name: value` a line.
# Words it is given: stat:PATH, write:PATH (a file in a directory), owners:PATH (of all that is below), exit:CODE.
import errno
import os
import stat
import sys


def show(name, value):
    print(f"{name}: {value}", flush=True)


def attempt(name, action, *arguments):
    try:
        action(*arguments)
        show(name, "ok")
    except OSError as error:
        show(name, errno.errorcode[error.errno])


def reopen(name):
    # As an app does whose log file is /dev/stdout.
    with open(name, "w") as stream:
        stream.write(f"through {name}\n")


def write(directory):
    path = os.path.join(directory, "written by the app")
    with open(path, "w") as file:
        file.write("x")
    os.remove(path)


def owner(path):
    facts = os.lstat(path)
    return f"{facts.st_uid}:{facts.st_gid}"


def owners(top):
    found = {owner(top)}
    for where, directories, files in os.walk(top):
        found.update(owner(os.path.join(where, name)) for name in directories + files)
    return " ".join(sorted(found))


show("app", "started")
with open("/proc/self/status") as lines:
    for name, value in (line.split(":", 1) for line in lines):
        if name in ("Uid", "Gid", "Groups", "NoNewPrivs", "Threads") or name.startswith(("Cap", "Sig")):
            show(name, " ".join(value.split()))
show("pid", os.getpid())
show("parent", open(f"/proc/{os.getppid() or 1}/comm").read().strip())
for name in ("HOME", "USER", "LOGNAME", "NEWS"):
    show(name, os.environ.get(name, "(unset)"))
show("cwd", os.getcwd())
mask = os.umask(0)
os.umask(mask)
show("umask", f"{mask:04o}")
numbers = sorted(os.listdir("/proc/self/fd"), key=int)
show("descriptors", " ".join(number for number in numbers if os.path.lexists(f"/proc/self/fd/{number}")))
show("terminal", os.isatty(1))
attempt("setuid(0)", os.setuid, 0)
attempt("setgroups()", os.setgroups, [])
attempt("open /dev/stdout", reopen, "/dev/stdout")
attempt("open /dev/stderr", reopen, "/dev/stderr")
code = 0
for word in sys.argv[1:]:
    verb, what = word.split(":", 1)
    if verb == "stat":
        facts = os.lstat(what)
        show(what, f"{stat.filemode(facts.st_mode)} {owner(what)}")
    elif verb == "write":
        attempt(f"write {what}", write, what)
    elif verb == "owners":
        show(f"owners {what}", owners(what))
    elif verb == "exit":
        code = int(what)
sys.exit(code)
