"""Processor time of the exports of a module, in several engines in turns.

measure.py RUNS MODULE EXPORT:SHORT:LONG:UNIT... -- NAME=COMMAND...

Each command is run with the export and how often, and its figure is the difference of a long and a short run for each time, in ns or what
`UNIT` divides that by; minimum and median of all runs. `{module}` in a command is the module without its ending.
"""

import os
import shlex
import statistics
import sys


def processor_time(command):
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.execvp(command[0], command)
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        raise RuntimeError(f"{shlex.join(command)} ended with {status}")
    return usage.ru_utime + usage.ru_stime


def main():
    split = sys.argv.index("--")
    runs, module, *exports = sys.argv[1:split]
    engines = [engine.split("=", 1) for engine in sys.argv[split + 1 :]]
    stem = os.path.splitext(module)[0]
    for export in exports:
        name, short, long, unit = export.split(":")
        figures = {engine: [] for engine, _ in engines}
        for _ in range(int(runs)):
            for engine, command in engines:
                words = [word.replace("{module}", stem).replace("{export}", name) for word in shlex.split(command)]
                took = processor_time([*words, long]) - processor_time([*words, short])
                figures[engine].append(took * 1e9 / (int(long) - int(short)) / float(unit))
        row = (f"{engine} {min(all):.2f} ({statistics.median(all):.2f})" for engine, all in figures.items())
        print(f"{name}: {', '.join(row)}", flush=True)


main()
