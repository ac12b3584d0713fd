"""Memory of this process in bytes, as memory.ts has it."""
import re
import resource
import sys


def memory_use():
    try:
        with open("/proc/self/status") as file:
            status = file.read()
    except OSError:
        # macOS counts in bytes.
        unit = 1 if sys.platform == "darwin" else 1024
        return {"peak": unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
    found = dict(re.findall(r"^(VmHWM|RssAnon|RssFile):\s+(\d+) kB$", status, re.M))
    names = {"peak": "VmHWM", "anonymous": "RssAnon", "file": "RssFile"}
    return {name: 1024 * int(found[key]) for name, key in names.items() if key in found}
