"""A training in a script without a main guard, whose reading process can't start: `python plain_script.py STORE`."""
import multiprocessing
import sys
from cityseg.config import Run
from cityseg.data import frames
from cityseg.dataset import CropDataset, training_loader

multiprocessing.set_start_method('spawn', force=True)   # as on macOS; each process runs this script anew
crops = CropDataset(frames(sys.argv[1], 'train'), Run(crop_size=(64, 64), workers=1))
next(iter(training_loader(crops, 10)))
