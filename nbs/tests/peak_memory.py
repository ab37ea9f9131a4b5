"""Predict one full frame and print how much memory that took, MiB.

python peak_memory.py ARCHITECTURE OPTIONS_AS_JSON"""
import json
import resource
import sys
import numpy as np
from cityseg.config import Run
from cityseg.inference import Predictor
from cityseg.model import build_model

architecture, options = sys.argv[1:]
run = Run(architecture=architecture, encoder='tu-mobilenetv3_large_100', encoder_weights='none')
image = np.random.default_rng(0).integers(0, 256, (1024, 2048, 3), np.uint8)
Predictor(build_model(run), 'cpu', **json.loads(options))(image)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024)
