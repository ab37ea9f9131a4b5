"A process that packs the train split of a city: `python packer.py HOW CITY OUT`, where HOW is plain or killed."
import os
import signal
import sys
from cityseg import store
from cityseg.data import frames


def write_until_killed(out, entries, label_set, complete, write=store._write_manifest):
    "Write the manifest, and be killed when it is to hold a fourth frame."
    if len(entries) > 3:
        os.kill(os.getpid(), signal.SIGKILL)
    write(out, entries, label_set, complete)


if __name__ == '__main__':
    how, city, out = sys.argv[1:]
    if how == 'killed':   # with a manifest after each frame
        store._write_manifest = write_until_killed
        store.time.monotonic = iter(range(0, 10**6, 100)).__next__
    store.pack(frames(city, 'train'), out, workers=1 if how == 'killed' else None)
