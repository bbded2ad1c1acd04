"""Sessions of WebSocket mode in the ordinary DNS: knot serves a zone on loopback, the binary finds what is in it. Usage: unicast.py MVRX. Needs root."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

MVRX = sys.argv[1]
NS = f"mxdns{os.getpid() % 10000}"
UUID = "4aa291a1-1a62-45fe-aabc-e90e5e2399a8"

MANY = "\n".join(f"_mvrxchange._tcp.many PTR i{n}._mvrxchange._tcp.many\ni{n}._mvrxchange._tcp.many SRV {n} 0 {8000 + n} rack" for n in range(100))
ZONE = f"""$ORIGIN venue.example.
$TTL 60
@ SOA ns admin 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
_mvrxchange._tcp PTR FOH\\032desk._mvrxchange._tcp
_mvrxchange._tcp PTR Dotted\\.1._mvrxchange._tcp
Default._mvrxchange._tcp PTR FOH\\032desk._mvrxchange._tcp
FOH\\032desk._mvrxchange._tcp SRV 10 0 8080 rack
FOH\\032desk._mvrxchange._tcp TXT "path=/show" "StationName=FOH desk" "StationUUID={UUID}"
Dotted\\.1._mvrxchange._tcp SRV 20 0 8081 alias
rack A 10.1.2.3
rack AAAA fd00::3
alias CNAME rack
plain A 10.1.2.9
_mvrxchange._tcp.closed SRV 0 0 1 .
_mvrxchange._tcp.lost SRV 0 0 1 nowhere
{MANY}
"""


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def mvrx(name, code=0):
    command = ["ip", "netns", "exec", NS, MVRX, "groups", "--json", "--domain", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (name, done)
    return json.loads(done.stdout).get("sessions")


def urls(name):
    return [session["url"] for session in mvrx(name)]


def cases(server):
    deadline = time.monotonic() + 30
    while True:
        command = ["ip", "netns", "exec", NS, MVRX, "groups", "--json", "--domain", "venue.example"]
        if subprocess.run(command, capture_output=True).returncode == 0:
            break
        assert server.poll() is None and time.monotonic() < deadline, "knot does not answer"
        time.sleep(0.1)
    begun = time.monotonic()
    first, second = mvrx("venue.example")
    took = time.monotonic() - begun
    assert first == {"name": "FOH desk", "url": "ws://rack.venue.example:8080/show", "station": UUID, "addresses": ["10.1.2.3:8080", "[fd00::3]:8080"]}, first
    assert second["url"] == "ws://alias.venue.example:8081/" and second["addresses"][0] == "10.1.2.3:8081" and second["name"].lower() == "dotted.1", second
    print(f"  ok  a domain leads to {first['url']} at {', '.join(first['addresses'])}, after {took * 1000:.0f} ms")
    assert urls("wss://venue.example/other")[0] == "wss://rack.venue.example:8080/other"
    assert urls("Default._mvrxchange._tcp.venue.example") == ["ws://rack.venue.example:8080/show"]
    assert urls("FOH desk._mvrxchange._tcp.venue.example") == ["ws://rack.venue.example:8080/show"]
    assert urls("Dotted\\.1._mvrxchange._tcp.venue.example") == ["ws://alias.venue.example:8081/"]
    print("  ok  so do a URL, a group's service and an instance, one with a dot in its name")
    assert urls("ws://plain.venue.example/a") == ["ws://plain.venue.example:80/a"]
    assert urls("ws://plain.venue.example:4242") == ["ws://plain.venue.example:4242/"]
    print("  ok  a URL without a service is its host")
    assert len(urls("many.venue.example")) == 32
    print("  ok  an answer of 100 instances, too long for one datagram, is read as far as the limit")
    for name in ["plain.venue.example", "nothing.venue.example", "ws://nothing.venue.example", "closed.venue.example", "lost.venue.example"]:
        mvrx(name, 5)
    mvrx("http://venue.example", 2)
    print("  ok  what is not there, not offered or without an address is told, exit code 5; what is no name, 2")
    server.kill()
    server.wait()
    begun = time.monotonic()
    mvrx("venue.example", 4)
    print(f"  ok  a server that does not answer is told after {time.monotonic() - begun:.1f} s, exit code 4")


def main():
    folder = tempfile.mkdtemp(prefix="mvrx-dns-")
    os.makedirs(f"/etc/netns/{NS}")
    server = None
    try:
        with open(f"/etc/netns/{NS}/resolv.conf", "w") as file:
            file.write("nameserver 127.0.0.1\n")
        run("ip", "netns", "add", NS)
        run("ip", "-n", NS, "link", "set", "lo", "up")
        with open(f"{folder}/venue.example.zone", "w") as file:
            file.write(ZONE)
        with open(f"{folder}/knot.conf", "w") as file:
            file.write(f"""server:
    rundir: {folder}
    user: root
    listen: 127.0.0.1@53
database:
    storage: {folder}
template:
  - id: default
    storage: {folder}
    file: "%s.zone"
zone:
  - domain: venue.example
log:
  - target: stderr
    any: error
""")
        server = subprocess.Popen(["ip", "netns", "exec", NS, "knotd", "-c", f"{folder}/knot.conf"])
        print("unicast DNS:")
        cases(server)
    finally:
        if server and server.poll() is None:
            server.kill()
            server.wait()
        subprocess.run(["ip", "netns", "del", NS], check=False)
        shutil.rmtree(f"/etc/netns/{NS}", ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


main()
