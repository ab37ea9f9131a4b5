"Installs cityseg; every value comes from settings.ini."
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup

here = Path(__file__).parent
parser = ConfigParser(interpolation=None, delimiters=['='])
parser.read(here/'settings.ini', encoding='utf-8')
settings = parser['DEFAULT']
fast = settings['fast_requirements'].split()
dev = settings['dev_requirements'].split()

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
    package_data={settings['lib_path']: ['*.html']},
    python_requires=f">={settings['min_python']}",
    install_requires=settings['requirements'].split(),
    extras_require={'fast': fast, 'dev': dev + fast},
    entry_points={'console_scripts': settings['console_scripts'].split()},
)
