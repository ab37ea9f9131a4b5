"What the tests of both inspectors look at: predictions with known mistakes, and the inspectors in a browser."
import shutil
from concurrent.futures import ThreadPoolExecutor
import cv2
import numpy as np
import torch
from cityseg.labels import BY_NAME, N_CLASSES, to_label_ids
try:
    from playwright.sync_api import sync_playwright
except ImportError:
    sync_playwright = None

chromium = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
can_browse = bool(chromium and sync_playwright)
road, person, rider = (BY_NAME[name].trainId for name in ('road', 'person', 'rider'))


def coarse_label(label, block):
    "A prediction in blocks of pixels that takes riders for persons, and void for road."
    ids = label[block//2::block, block//2::block].repeat(block, 0).repeat(block, 1)
    ids[ids == rider] = person
    ids[ids >= N_CLASSES] = road
    return ids


def predict_to(folder, frames, blocks):
    "Write such predictions."
    folder.mkdir()
    for frame, block in zip(frames, blocks):
        cv2.imwrite(str(folder/f'{frame.name}_predIds.png'), to_label_ids(coarse_label(frame.label(), block)))
    return folder


class Blurry:
    "A model that knows the answer, but blurred: unsure where classes meet."
    asked = 0

    def __init__(self, frames):
        self.labels = {frame.image().tobytes(): frame.label() for frame in frames}

    def probabilities(self, image):
        self.asked += 1
        ids = torch.from_numpy(coarse_label(self.labels[image.tobytes()], 2)).long()
        p = torch.nn.functional.one_hot(ids, N_CLASSES).permute(2, 0, 1).float()
        return torch.nn.functional.avg_pool2d(p, 9, 1, 4, count_include_pad=False)

    def __call__(self, image):
        return self.probabilities(image).argmax(0)


def browse(address, act, width=1280, height=860, scheme='light'):
    """Open an address, let `act(page)` do and see, and give its result. An error in the page's script is one.

    Playwright's plain interface refuses to run beside a notebook's event loop, so it gets a thread."""
    if not can_browse:
        print('skipped: chromium and playwright are needed')
        return None
    def work_in_thread():
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
            page = browser.new_page(viewport=dict(width=width, height=height), color_scheme=scheme)
            page.set_default_timeout(60_000)
            errors = []
            page.on('pageerror', lambda error: errors.append(str(error)))
            page.goto(address)
            result = act(page)
            assert not errors, errors
            browser.close()
            return result
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work_in_thread).result()


def pixels(data):
    "A picture's file as RGB uint8 [H,W,3]."
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
