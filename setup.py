"Installs cityseg; every value comes from settings.ini."
import os
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup

here = Path(__file__).parent
parser = ConfigParser(interpolation=None, delimiters=['='])
parser.read(here/'settings.ini', encoding='utf-8')
settings = parser['DEFAULT']
export = settings['export_requirements'].split()
fast = settings['fast_requirements'].split()
kaggle = settings['kaggle_requirements'].split()
dev = settings['dev_requirements'].split()
needed = settings['requirements'].split()
if os.environ.get('CITYSEG_LIGHT'):   # for who only pushes kernels: pip install -e '.[kaggle]'
    needed = []

setup(
    name=settings['lib_name'],
    version=settings['version'],
    description=settings['description'],
    license='MIT',
    author=settings['author'],
    author_email=settings['author_email'],
    url=settings['git_url'],
    keywords=settings['keywords'],
    long_description=(here/'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    package_dir={'': '.'},  # an editable install then is a path, found before a folder that is named alike
    packages=[settings['lib_path']],
    package_data={settings['lib_path']: ['*.html', '*.css', '*.js']},
    python_requires=f">={settings['min_python']}",
    install_requires=needed,
    extras_require={'export': export, 'fast': fast, 'kaggle': kaggle, 'dev': dev + export + fast + kaggle},
    entry_points={'console_scripts': settings['console_scripts'].split()},
)
