"""A training whose reading process is killed: `python killed_reader.py STORE`.

In a process of its own, since torch may report the death once more, wherever Python then is."""
import multiprocessing
import os
import signal
import sys
from cityseg.config import Run
from cityseg.data import frames
from cityseg.dataset import CropDataset, training_loader

if __name__ == '__main__':
    crops = CropDataset(frames(sys.argv[1], 'train'), Run(crop_size=(64, 64), workers=1))
    for _ in training_loader(crops, 10_000):
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)
