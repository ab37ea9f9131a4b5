"A process that packs the train split of a city: `python packer.py HOW CITY OUT`, where HOW is plain or killed."
import os
import signal
import sys
from cityseg import store
from cityseg.data import frames


def encode_until_killed(frame, seen=[], encode=store._encode_frame):
    "Encode frames, and be killed at the fifth; five more of them go into the estimate of disk space."
    seen.append(frame)
    if len(seen) > 9:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode(frame)


if __name__ == '__main__':
    how, city, out = sys.argv[1:]
    if how == 'killed':   # with a manifest after each frame
        store._encode_frame = encode_until_killed
        store.time.monotonic = iter(range(0, 10**6, 100)).__next__
    store.pack(frames(city, 'train'), out, workers=1 if how == 'killed' else None)
