"""Disks that are full under a running program, programs that are killed again and again, and a wall clock that jumps."""
import hashlib
import random
import shutil
import struct

from faults_kit import *

GROUP = ["--interface", "lo", "--mdns-port", "15353"]


def directory(name):
    path = os.path.join(FOLDER, name)
    os.makedirs(path)
    return path


def mounted(name, mib):
    """A disk of so many MiB."""
    path = directory(name)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "mvrx-small", path], check=True)
    return path


def fill(disk, but):
    """Takes what room there is, but for so many bytes, and gives the file to remove."""
    path = os.path.join(disk, "filler")
    room = os.statvfs(disk)
    with open(path, "wb") as file:
        file.write(bytes(max(0, room.f_bavail * room.f_bsize - but)))
    return path


def mvrx(*arguments, code=0, seconds=60):
    done = subprocess.run([MVRX, *arguments], capture_output=True, text=True, timeout=seconds, env={**os.environ, "HOME": os.path.join(FOLDER, "home")})
    assert code is None or done.returncode == code, f"{arguments}: {done.returncode}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
    return done


def sound(data):
    """What `mvrx fsck` finds in a data directory: nothing."""
    done = mvrx("fsck", "--data", data, "--json", code=None)
    assert done.returncode == 0, f"{data}: {done.stdout}{done.stderr}"


def whole(folder, known):
    """Every file in a user's folder is one that was committed, byte by byte; gives which."""
    found = set()
    for name in os.listdir(folder):
        if not name.startswith("."):
            number = known.get(hashlib.sha256(content(os.path.join(folder, name))).digest())
            assert number is not None, f"{name} in {folder} is in part, or nobody's"
            found.add(number)
    return found


def publish(author, name, size, seed):
    """Puts a file into the folder that a station watches, in one step, as applications save."""
    path = show(f"{uuid.uuid4()}.new", size, seed)
    digest = hashlib.sha256(content(path)).digest()
    os.rename(path, os.path.join(author, name))
    return digest


class Crew:
    """A station that watches a folder and one that collects, of one group or of a session."""

    def __init__(self, name, host=None):
        self.folder = directory(name)
        self.saves, self.gets = directory(f"{name}/saves"), directory(f"{name}/gets")
        self.way = ["--host", host] if host else ["--group", name, *GROUP]
        self.known, self.number = {}, 0

    def author(self, data="author", **more):
        author = Running("up", "--name", "Author", "--watch", self.saves, "--data", f"{self.folder}/{data}", *self.way, name="author", **more)
        # What lies in the folder before it looks for the first time is nobody's commit.
        wait("the folder's watcher", 30, lambda: os.path.exists(f"{self.folder}/{data}/watched.json"))
        return author

    def collector(self, data="collector", folder=None, **more):
        return Running("up", "--name", "Collector", "--get", "all", "--dir", folder or self.gets, "--data", f"{self.folder}/{data}", *self.way, name="collector", **more)

    def save(self, size):
        self.number += 1
        self.known[publish(self.saves, f"rig-{self.number}.mvr", size, self.number)] = self.number
        return self.number

    def has(self, *numbers, folder=None):
        return set(numbers) <= whole(folder or self.gets, self.known)


def full_disk():
    """Said in plain words, nothing lost that was acknowledged, and it goes on when there is room."""
    parts = {"host": full_host, "up": full_collector, "get": full_get, "mixer": full_mixer}
    disks = {name: mounted(f"disk-{name}", 8) for name in parts}
    together(*[lambda part=part, disk=disks[name]: part(disk) for name, part in parts.items()])
    for disk in disks.values():
        subprocess.run(["umount", disk], check=True)


def full(running, seconds=30):
    """The program's own words for it."""
    def look():
        return [line for line in running.words().splitlines() if "no space left" in line.lower() or "disk is full" in line.lower()]
    return wait(f"word of a full disk by the {running.name}", seconds, look)[0][:160]


def full_host(small):
    data = os.path.join(small, "host")
    host = Running("host", "--name", "Rack", "--hidden", "--listen", "127.0.0.1:0", "--data", data, name="host")
    url = host.until("host")["urls"][0]
    crew = Crew("full-host", url)
    author = crew.author()
    crew.save(500_000)
    kept = host.until("file_kept")["file"]
    filler = fill(small, 200_000)
    crew.save(500_000)
    words = full(host)
    # What it had is served all the same, and who asks for what it has no room for is told or has it from its author.
    collector = crew.collector()
    wait("the kept file", 30, lambda: crew.has(1))
    os.remove(filler)
    crew.save(500_000)
    host.until("file_kept", wanted=lambda event: event["file"] != kept)
    wait("all files", 60, lambda: crew.has(1, 2, 3))
    for running in (collector, author, host):
        running.stop()
    sound(data)
    assert kept in mvrx("log", "--data", data, "--json").stdout
    say(f"host: \"{words}\"; what it had kept is there, and it keeps again")
    shutil.rmtree(data)


def full_collector(small):
    crew = Crew("full-up")
    # Its data and the folder of the user lie on it.
    gets, data = os.path.join(small, "gets"), os.path.join(small, "data")
    os.makedirs(gets)
    author = crew.author()
    collector = Running("up", "--name", "Collector", "--get", "all", "--dir", gets, "--data", data, *crew.way, name="collector")
    crew.save(500_000)
    wait("the first file", 30, lambda: crew.has(1, folder=gets))
    filler = fill(small, 300_000)
    crew.save(500_000)
    words = full(collector)
    assert whole(gets, crew.known) == {1}
    os.remove(filler)
    crew.save(500_000)
    took = time.monotonic()
    wait("all files by itself", 90, lambda: crew.has(1, 2, 3, folder=gets))
    took = time.monotonic() - took
    for running in (collector, author):
        running.stop()
    sound(data)
    say(f"up: \"{words}\"; {took:.1f} s after there was room all files are in the folder")
    shutil.rmtree(gets)
    shutil.rmtree(data)


def full_get(small):
    crew = Crew("full-get")
    author = crew.author()
    crew.save(500_000)
    author.until("commit_published")
    filler = fill(small, 100_000)
    out = os.path.join(small, "got.mvr")
    done = mvrx("get", "latest", "-o", out, "--data", f"{crew.folder}/getter", *crew.way, code=None)
    assert done.returncode not in (0, 101) and "no space left" in done.stderr.lower(), done
    assert [name for name in os.listdir(small) if name != "filler"] == [], os.listdir(small)
    os.remove(filler)
    mvrx("get", "latest", "-o", out, "--data", f"{crew.folder}/getter", *crew.way)
    assert hashlib.sha256(content(out)).digest() in crew.known
    author.stop()
    os.remove(out)
    say(f"get: \"{done.stderr.strip().splitlines()[-1][:160]}\"; nothing is left of it, and again it works")


def full_mixer(small):
    data = os.path.join(small, "rooms")
    arguments = ["mixer", "serve", "--host", "127.0.0.1", "--port", "0", "--data", data, "--policy", "always", "--disk-retry", "0.2"]
    server = Running(*arguments, name="mixer")
    place = server.until("serving")["addresses"][0].rsplit(":", 1)
    address = (place[0], int(place[1]))
    writer = Room(address, "stage")
    # The room has its content, and others may come in.
    writer.send(5, b"")
    writer.send(LIST_ROOMS, b"")
    writer.heard_of(LIST_ROOMS)
    reader = Room(address, "stage")
    writer.write(0, 100)
    reader.until(100)
    filler = fill(small, 100_000)
    # More than fits; nobody is stopped by it.
    writer.write(100, 400)
    reader.until(400)
    words = wait("word of the full disk", 20, lambda: [line for line in server.said if "no space left" in line.lower() or "disk" in line.lower()])[0].strip()[:160]
    os.remove(filler)
    writer.write(400, 410)
    reader.until(410)
    wait("word that it works", 20, lambda: [line for line in server.said if "again" in line.lower()])
    server.kill()
    server = Running(*arguments, name="mixer")
    place = server.until("serving")["addresses"][0].rsplit(":", 1)
    assert Room((place[0], int(place[1])), "stage").until(410) == list(range(410))
    server.stop()
    say(f"mixer: \"{words}\"; kept again once there was room, and after SIGKILL all 410 commands are there")


class Room:
    """A client of Mixer in a room."""

    def __init__(self, address, room):
        self.stream = socket.create_connection(address, timeout=20)
        name = room.encode()
        text = lambda raw: struct.pack("<I", len(raw)) + raw
        # A room, the versions of Blender and Mixer, whether versions are ignored, whether its commands are wanted.
        self.send(1, text(name) + text(b"3") + text(b"1") + struct.pack("<II", 1, 1))
        self.heard = []

    def send(self, code, payload):
        self.stream.sendall(FRAME.pack(len(payload), 1, code) + payload)

    def write(self, first, end):
        for number in range(first, end):
            self.send(101, struct.pack("<I", number) + bytes(2_000))

    def until(self, count):
        """The numbers of the commands of the room, in order, once there are so many."""
        while len(self.heard) < count:
            self.heard.append(struct.unpack("<I", self.heard_of(101)[:4])[0])
        return self.heard

    def heard_of(self, wanted):
        while True:
            length, _, code = FRAME.unpack(exactly(self.stream, FRAME.size))
            payload = exactly(self.stream, length)
            if code == wanted:
                return payload


def killed():
    """SIGKILL at any moment: to who commits, to who collects, to a session's host. What was acknowledged is there, and at last everybody has everything."""
    rounds = 60 if LONG else 5
    seed = int(os.environ.get("MVRX_SEED", random.randrange(1 << 30)))
    say(f"seed {seed} (MVRX_SEED)")
    together(*[lambda session=session: kills(session, rounds, random.Random(seed + session)) for session in (False, True)])


def kills(session, rounds, dice):
    data = os.path.join(FOLDER, "killed-host")
    host, url = None, None
    if session:
        host = Running("host", "--name", "Rack", "--hidden", "--listen", "127.0.0.1:42480", "--data", data, name="host")
        url = host.until("host")["urls"][0]
    crew = Crew(f"killed-{session}", url)
    author, collector = crew.author(), crew.collector()
    published, kept, kills = set(), set(), 0
    for _ in range(rounds):
        for _ in range(2):
            crew.save(dice.randrange(20_000, 3_000_000))
        time.sleep(dice.random() * 1.5)
        victim = dice.choice([author, collector, *([host] if session else [])])
        victim.kill()
        kills += 1
        published |= {event["file"] for event in author.of("commit_published")}
        kept |= {event["file"] for event in host.of("file_kept")} if session else set()
        whole(crew.gets, crew.known)
        for running, folder in ((author, "author"), (collector, "collector")):
            if victim is running and os.path.exists(f"{crew.folder}/{folder}"):
                sound(f"{crew.folder}/{folder}")
        if victim is host:
            sound(data)
            host = Running("host", "--name", "Rack", "--hidden", "--listen", "127.0.0.1:42480", "--data", data, name="host")
        elif victim is author:
            author = crew.author()
        else:
            collector = crew.collector()
    begun = time.monotonic()
    wait("everything with everybody", 120, lambda: crew.has(*range(1, crew.number + 1)))
    took = time.monotonic() - begun
    for running in filter(None, (collector, author, host)):
        running.stop()
    published |= {event["file"] for event in author.of("commit_published")}
    listed = mvrx("log", "--data", f"{crew.folder}/author", "--json").stdout
    assert all(file in listed for file in published), published
    if session:
        listed = mvrx("log", "--data", data, "--json").stdout
        assert all(file in listed for file in kept), kept
    for folder in ("author", "collector"):
        sound(f"{crew.folder}/{folder}")
    say(f"{'a session' if session else 'a group'}: {kills} kills, {len(published)} acknowledged commits of {crew.number} files, none lost, all collected {took:.1f} s after the last")


class Clock:
    """A wall clock that one program has for itself."""

    def __init__(self, name):
        here = os.path.dirname(os.path.abspath(__file__))
        self.file, library = os.path.join(FOLDER, f"wall-{name}"), os.path.join(FOLDER, f"wall-{name}.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, os.path.join(here, "clock.c"), "-ldl"], check=True)
        self.set(0)
        self.environment = {"LD_PRELOAD": library, "MVRX_CLOCK": self.file}

    def set(self, seconds):
        if not os.path.exists(self.file):
            with open(self.file, "wb") as file:
                file.write(bytes(8))
        with open(self.file, "r+b") as file:
            file.write(struct.pack("<q", int(seconds)))


def clock():
    """The wall clock of one jumps, years ahead and back, and to before 1970: files are exchanged, nobody is taken for gone."""
    together(*[lambda session=session: jumps_of(session) for session in (False, True)])


def jumps_of(session):
    ours = Clock(f"{session}")
    host, url = None, None
    if session:
        host = Running("host", "--name", "Rack", "--hidden", "--listen", "127.0.0.1:0", "--data", os.path.join(FOLDER, "clock-hosts"), environment=ours.environment, name="host")
        url = host.until("host")["urls"][0]
    crew = Crew(f"clock-{session}", url)
    author = crew.author(environment=ours.environment)
    collector = crew.collector()
    crew.save(100_000)
    wait("the first file", 30, lambda: crew.has(1))
    jumps, longest = [86_400, 10 * YEAR, -10 * YEAR, -3_600, 0, -80 * YEAR, 0] if LONG else [10 * YEAR, -80 * YEAR], 0
    for jump in jumps:
        ours.set(jump)
        begun = time.monotonic()
        number = crew.save(100_000)
        wait(f"a file after a jump to {jump}", 30, lambda: crew.has(number))
        longest = max(longest, time.monotonic() - begun)
        told = author.events[-1].get("at_unix_ms", 0) / 1000 - time.time()
        assert session or abs(told - jump) < 60 or time.time() + jump < 0, f"the clock did not jump: {told}, not {jump}"
    stations = list(filter(None, (author, collector, host)))
    for running in stations:
        gone = [event["event"] for event in running.events if event["event"] in ("station_left", "station_unreachable", "host_lost")]
        assert not gone, f"{running.name}: {gone}"
    for running in stations:
        running.stop()
    sound(f"{crew.folder}/author")
    assert sum(1 for line in mvrx("log", "--data", f"{crew.folder}/author").stdout.splitlines() if "rig-" in line) == crew.number
    say(f"{'a session' if session else 'a group'}: {len(jumps)} jumps of the wall clock, each followed by a file within {longest:.1f} s, nobody gone, all {crew.number} in the log")


YEAR = 365 * 86_400
