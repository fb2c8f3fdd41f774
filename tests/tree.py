# SPDX-License-Identifier: Apache-2.0
"""The files of the checkout, new ones too, without git: a tree from an archive has none."""

import os

LEFT_OUT = {".git", "__pycache__", ".pytest_cache"}


def files(root):
    """The paths below `root`, sorted; what builds and tests make is left out, as .gitignore has it."""
    found = []
    for folder, folders, names in os.walk(root):
        at_top = os.path.samefile(folder, root)
        folders[:] = [name for name in folders if name not in LEFT_OUT and not (at_top and name == "build")]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names
                  if name not in LEFT_OUT and not name.endswith(".pyc")]
    return sorted(found)
