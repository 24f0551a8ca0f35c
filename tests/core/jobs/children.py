"""What the tests let child processes do."""

import os
import signal
import time

from core.errors import PictureError


def double(params, report):
    for done in range(3):
        report(done + 1, 3)
    print("a library that prints does not disturb the protocol")
    return {"doubled": params["number"] * 2}


def refuse(params, report):
    raise PictureError(f"{params['name']} is no picture.")


def die(params, report):
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(params, report):
    report(0, 1)
    time.sleep(60)
    return {}
