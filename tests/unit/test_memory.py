"""One picture's memory serves the next picture; a huge picture's memory is returned. Each test has its own process."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.linux

FAULTS = """
import resource, sys
from contextlib import nullcontext
from functions.resize.memory import kept_memory
from PIL import Image

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    with kept_memory() if sys.argv[1] == "kept" else nullcontext():
        Image.new("RGB", (4000, 3000), "teal").transpose(Image.Transpose.ROTATE_90)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""
RESIDENT = """
def resident():
    with open("/proc/self/status") as status:
        return int(status.read().partition("VmRSS:")[2].split()[0]) * 1024

before = resident()
"""
HUGE = f"""
from functions.resize.memory import kept_memory
from functions.resize.resample import resample
from PIL import Image
from shared.limits import KEPT_BYTES
{RESIDENT}with kept_memory():
    huge = Image.new("RGBA", (10000, 8000), "teal")
    resample(huge, (400, 320))  # keeps no copy
    assert resident() - before > KEPT_BYTES
    above = [bytearray(1000) for _ in range(10_000)]  # stays, above what is freed
    del huge
print(KEPT_BYTES - (resident() - before))
"""
RETURNED = f"""
import threading
from functions.resize.memory import return_memory
return_memory()
{RESIDENT}def hold():
    for _ in range(20):
        bytearray(3_000_000)
for _ in range(8):
    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
print(resident() - before)
"""


def told(program: str, *arguments: str) -> int:
    command = [sys.executable, "-c", program, *arguments]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_the_next_picture_reuses_the_memory() -> None:
    assert told(FAULTS, "kept") < told(FAULTS, "not kept") / 10


def test_the_function_returns_what_its_threads_held() -> None:
    assert told(RETURNED) < 3_000_000


def test_no_more_memory_is_kept_than_the_limit() -> None:
    assert told(HUGE) > 0
