#!/usr/bin/env python3
"""Runs Chromium in a network of its own, whose only way out is a Unix socket: `alone.py SOCKET CHROMIUM ARGUMENT…`.

Chromium gives up its connections whenever an interface of its machine comes or goes, as other tests make them do. And
whatever it might want to ask a foreign host gets nowhere.
"""

import os
import socket
import subprocess
import sys
import threading
import time

PORT = 3128


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def relay(listener, path):
    while True:
        inside, _ = listener.accept()
        outside = socket.socket(socket.AF_UNIX)
        outside.connect(path)
        for pair in ((inside, outside), (outside, inside)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def main():
    path, program, *arguments = sys.argv[1:]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    listener = socket.create_server(("127.0.0.1", PORT), backlog=128)
    browser = os.getpid()
    if os.fork() == 0:
        # The pipes over which Chromium is driven are its own.
        os.closerange(3, listener.fileno())
        threading.Thread(target=relay, args=(listener, path), daemon=True).start()
        while os.getppid() == browser:
            time.sleep(0.5)
        os._exit(0)
    os.execv(program, [program, f"--proxy-server=http://127.0.0.1:{PORT}", "--proxy-bypass-list=<-loopback>", *arguments])


main()
