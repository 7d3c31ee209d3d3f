"""A Lambda@Edge function that does its worst: what, the last part of the path says.

Modules are imported where they are used: a start costs what Homefront and Python make it cost.
"""

import os
import signal
import sys
import time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
GARBAGE = [b"\0" * 9000, b"GET", b"NONSENSE / HTTP/9\r\n\r\n", b"POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n"]


def handler(event, context):
    wish = event["Records"][0]["cf"]["request"]["uri"].split("/")[-1]
    if wish == "raise":
        raise ValueError("boom")
    if wish == "exit":
        sys.exit(3)
    if wish == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if wish == "killed":
        import subprocess

        subprocess.Popen(["sh", "-c", f"kill -9 {os.getpid()}"])
        signal.pause()
    if wish == "late":
        time.sleep(context.get_remaining_time_in_millis() / 1000)
    if wish == "hang":
        signal.pause()
    while wish == "spin":
        pass
    if wish == "busy":
        time.sleep(0.02)
    if wish == "garbage":
        write_garbage()
    if wish == "unknown":
        ask("DELETE", "next")
    if wish == "twice":
        ask("POST", f"{context.aws_request_id}/response", '{"status": "200", "body": "first"}')
    if wish == "sockets":
        os.closerange(3, 1024)
    if wish == "channel":
        spoil_channel()
    if wish == "print":
        for _ in range(10_240):
            print("x" * 1023)
    if wish == "fork":
        import subprocess

        for _ in range(8):
            subprocess.Popen(["sleep", "1000"], start_new_session=True)
        os._exit(0)
    if wish == "files":
        import tempfile

        for name in "ab":
            file = os.open(f"{tempfile.gettempdir()}/{name}", os.O_CREAT | os.O_WRONLY)
            os.posix_fallocate(file, 0, 300 << 20)
        signal.pause()
    kept = []
    while wish == "memory":
        kept.append(os.urandom(16) * 65536)
    return {"status": "200", "body": wish}


def slow_start_handler(event, context):
    os._exit(3)


def endless_start_handler(event, context):
    return {"status": "200"}


def ask(method, path, body=None):
    import http.client

    client = http.client.HTTPConnection(API)
    client.request(method, f"/2018-06-01/runtime/invocation/{path}", body)
    client.getresponse().read()
    client.close()


def write_garbage():
    import socket

    host, port = API.split(":")
    for garbage in GARBAGE:
        with socket.create_connection((host, int(port))) as other:
            try:
                other.sendall(garbage)
                other.shutdown(socket.SHUT_WR)
                while other.recv(4096):
                    pass
            except OSError:
                pass


def spoil_channel():
    for file in os.listdir("/proc/self/fd"):
        try:
            if int(file) > 2 and os.readlink(f"/proc/self/fd/{file}").startswith("socket:"):
                os.write(int(file), b"\xff" * 64)
        except OSError:
            pass


if os.environ["_HANDLER"].endswith("slow_start_handler"):
    time.sleep(0.5)
if os.environ["_HANDLER"].endswith("endless_start_handler"):
    signal.pause()
