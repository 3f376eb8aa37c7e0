"""`vita` and Snakemake in processes that have loaded their libraries already, for tests that start many of them.

A server imports the libraries once and forks a child for every command; a small client stands where the command is
called. The child has the client's working folder, environment, and files, and gets its signals; who kills the client
kills the child. What tests of signals, environments and start-up are about is started anew (`cold_folder`).
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

GIVEN_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
LOADED = (
    *("snakemake.cli", "snakemake.api", "pandas", "tabulate", "matplotlib.pyplot", "scipy.optimize"),
    *("vita.cli.main", "vita.experiments.planning.job_limits", "vita.evaluation.evaluate_file"),
    *("vita.engine.train", "vita.engine.predict_run", "vita.engine.watching.tensorboard"),
    *("vita.model.method", "vita_baselines.ifc.method", "vita.report.tables.score_text"),
)
# Small and without imports of its own, so that it is there within hundredths of a second.
CLIENT = """#!{python} -IS
import array, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
import json
words, environment = [{module!r}, *sys.argv[1:]], dict(os.environ)
given = json.dumps({{"words": words, "folder": os.getcwd(), "environment": environment}})
server.sendmsg([len(given).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
server.sendall(given.encode())
child = int.from_bytes(server.recv(8), "big")
for number in {signals}:
    signal.signal(number, lambda number, frame: os.kill(child, number))
code = server.recv(8)
os._exit(code[0] if code else 255)
"""


class WarmStart:
    """The server's process, and a folder of clients to call in the place of the commands."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="warm"))  # a socket's path has to be short
        address = str(self.folder / "socket")
        signals = [int(one) for one in GIVEN_ON]
        for module in ("vita", "snakemake"):
            client = self.folder / module
            client.write_text(CLIENT.format(python=sys.executable, address=address, module=module, signals=signals))
            client.chmod(0o755)
        self.server = subprocess.Popen([sys.executable, __file__, address], stdout=subprocess.PIPE)
        assert self.server.stdout is not None
        assert self.server.stdout.readline() == b"ready\n"

    def end(self) -> None:
        """Stop the server."""
        self.server.terminate()
        self.server.wait()
        shutil.rmtree(self.folder)


def serve(address: str) -> None:
    """Fork a child for every client, until this process is ended."""
    import importlib  # the server's alone

    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()  # or every child would copy what the collector touches
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    print("ready", flush=True)
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    clients: dict[int, socket.socket] = {}  # by their child's number
    while True:
        for key, _ in waiting.select(timeout=0.01 if clients else None):
            if key.fileobj is listener:
                client, _ = listener.accept()
                child = _fork(client, [listener, *clients.values()])
                clients[child] = client
                waiting.register(client, selectors.EVENT_READ, child)
                client.sendall(child.to_bytes(8, "big"))
            else:  # it says no more: who has called is gone
                os.kill(key.data, signal.SIGKILL)
        _tell_ended(clients, waiting)


def _tell_ended(clients: dict[int, socket.socket], waiting: selectors.BaseSelector) -> None:
    while clients:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        client = clients.pop(child)
        waiting.unregister(client)
        code = os.waitstatus_to_exitcode(status)
        with suppress(OSError):  # it is gone
            client.sendall(bytes([code if code >= 0 else 128 - code]))
        client.close()


def _fork(client: socket.socket, unwanted: list[socket.socket]) -> int:
    """The number of the child, which becomes the client's command."""
    length, files, _, _ = socket.recv_fds(client, 8, 3)
    text = b""
    while len(text) < int.from_bytes(length, "big"):
        text += client.recv(1 << 16)
    child = os.fork()
    if not child:
        for one in (client, *unwanted):
            one.close()
        for wanted, one in enumerate(files):
            os.dup2(one, wanted)
            os.close(one)
        _become(**json.loads(text))
    for one in files:
        os.close(one)
    return child


def _become(words: list[str], folder: str, environment: dict[str, str]) -> NoReturn:
    """Run a module as `python -m` does. words: its name first."""
    os.setpgid(0, 0)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    code: object = None
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
            code = 1
    except BaseException:  # as the interpreter ends by one
        traceback.print_exc()
        code = 1
    # All that an interpreter does at its end, but for taking its modules to pieces, which takes a second.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    serve(sys.argv[1])
