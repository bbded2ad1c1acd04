"""Sees a station of ours by python-zeroconf, tells what it saw, and announces one of its own until it is killed."""
import json
import socket
import time

from zeroconf import ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

TYPE = "_mvrxchange._tcp.local."


class Listener(ServiceListener):
    def add_service(self, zc, service_type, name):
        info = zc.get_service_info(service_type, name, timeout=5000)
        if info and name.startswith("Desk"):
            txt = {k.decode(): (v or b"").decode() for k, v in info.properties.items()}
            found = {"name": name, "port": info.port, "server": info.server, "addresses": info.parsed_addresses(), "txt": txt}
            print("found", json.dumps(found), flush=True)

    def update_service(self, *_):
        pass

    def remove_service(self, *_):
        pass


zc = Zeroconf(interfaces=["10.77.0.2"])
ServiceBrowser(zc, TYPE, Listener())
own = ServiceInfo(
    TYPE,
    f"Pythons.Default.{TYPE}",
    addresses=[socket.inet_aton("10.77.0.2")],
    port=4243,
    properties={"StationName": "Pythons", "StationUUID": "b0000000-0000-4000-8000-000000000001"},
    server="pythons.local.",
)
zc.register_service(own)
time.sleep(600)
