#| hide
# Nothing where cityseg is installed; else, as on Kaggle or Colab, cityseg and what it lacks, moving nothing
import importlib.util
import subprocess
import sys
from glob import glob

if not importlib.util.find_spec('cityseg'):
    attached = glob('/kaggle/input/**/cityseg-*.whl', recursive=True)
    source = attached[0] if attached else 'git+https://github.com/cityseg/cityseg'
    pip = '-m pip install -q --no-deps --retries=1 --disable-pip-version-check'
    if subprocess.run([sys.executable, *pip.split(), source], stderr=subprocess.DEVNULL).returncode:
        raise SystemExit('cityseg is not here and cannot be had: switch the internet on in the settings of '
                         "the session, or attach cityseg's wheel")
    from cityseg.session import install_missing
    install_missing(['/kaggle/input'])
