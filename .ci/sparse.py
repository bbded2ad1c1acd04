"""A file for the scripts beside this one."""
import os
import zipfile


class Holes:
    """A file in which zeros take no room."""

    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        if len(data) > 4096 and not any(data):
            self.file.seek(len(data), os.SEEK_CUR)
        else:
            self.file.write(data)
        return len(data)


def sparse(folder, name, mib):
    """A large archive that takes no room. It is a whole one, for what is none is refused."""
    path = os.path.join(folder, name)
    zeros = bytes(4 << 20)
    with open(path, "wb") as file, zipfile.ZipFile(Holes(file), "w") as archive:
        with archive.open("GeneralSceneDescription.xml", "w", force_zip64=True) as member:
            left = mib << 20
            while left:
                mark = left.to_bytes(8, "big")
                member.write(mark)
                piece = zeros[: min(len(zeros), left) - len(mark)]
                member.write(piece)
                left -= len(mark) + len(piece)
    return path
