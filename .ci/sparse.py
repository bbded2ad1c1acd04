"""A file for the scripts beside this one."""
import os


def sparse(folder, name, mib):
    """A large file that takes no room; it begins as a zip archive does, for what is none at all is refused."""
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.truncate(mib << 20)
        for at in range(0, mib << 20, 64 << 20):
            file.seek(at)
            file.write(at.to_bytes(8, "big"))
        file.seek(0)
        file.write(b"PK\x03\x04")
    return path
