#!/usr/bin/env python3
"""Compares what mvrx-file reads with what pymvr reads, an independent reader of MVR files.

Usage: same_as_pymvr.py INSPECT_JSON MAKE_MVR [MVR...]

INSPECT_JSON and MAKE_MVR are the examples of this crate; generated files are always compared, files named on the command line
as well. Exits 1 on the first difference.
"""
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import pymvr

KINDS = {
    "Fixture": "fixture",
    "Truss": "truss",
    "Support": "support",
    "VideoScreen": "video-screen",
    "Projector": "projector",
    "SceneObject": "scene-object",
    "GroupObject": "group-object",
    "FocusPoint": "focus-point",
}
LISTS = [
    "fixtures", "trusses", "supports", "video_screens", "projectors", "scene_objects", "group_objects", "focus_points",
]


def walk(child_list, counts, fixtures):
    if child_list is None:
        return
    for name in LISTS:
        for thing in getattr(child_list, name, None) or []:
            kind = KINDS[type(thing).__name__]
            counts[kind] += 1
            if kind == "fixture":
                fixtures.append(thing)
            walk(getattr(thing, "child_list", None), counts, fixtures)


def by_pymvr(path):
    counts, fixtures = collections.Counter(), []
    with pymvr.GeneralSceneDescription(path) as file:
        layers = list(file.scene.layers or [])
        for layer in layers:
            walk(layer.child_list, counts, fixtures)
        modes = collections.Counter(((f.gdtf_spec or "").strip(), (f.gdtf_mode or "").strip()) for f in fixtures)
        starts = collections.Counter(a.universe for f in fixtures for a in (f.addresses.addresses if f.addresses else []))
        return {
            "version": [int(file.version_major), int(file.version_minor)],
            "layers": [layer.name or "" for layer in layers],
            "objects": dict(counts),
            "device_types": {" | ".join(key): count for key, count in modes.items()},
            "starts": {str(universe): count for universe, count in starts.items()},
        }


def without_ending(spec):
    return spec[: -len(".gdtf")] if spec.lower().endswith(".gdtf") else spec


def by_us(inspect, path):
    summary = json.loads(subprocess.run([inspect, path, "--json"], check=True, capture_output=True).stdout)
    return {
        "version": [summary["version"]["major"], summary["version"]["minor"]],
        "layers": [layer["name"] for layer in summary["layers"]],
        "objects": {entry["kind"]: entry["count"] for entry in summary["objects"]},
        "device_types": {
            " | ".join((device["gdtf"], device["mode"])): device["count"]
            for device in summary["device_types"]
            if device["kind"] == "fixture"
        },
        # pymvr reads address 0, which means "not patched", as 1.
        "starts": {str(u["number"]): u["devices"] for u in summary["universes"]} if summary["unpatched"] == 0 else None,
    }


def folded(facts):
    """pymvr adds the ending .gdtf where a file leaves it out."""
    types = collections.Counter()
    for key, count in facts["device_types"].items():
        spec, mode = key.split(" | ", 1)
        types[without_ending(spec) + " | " + mode] += count
    return {**facts, "device_types": dict(types)}


def main():
    inspect, make, *paths = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for index, arguments in enumerate((["1", "12", "1"], ["2", "200", "8"], ["3", "76", "4", "1"], ["3", "76", "4", "0", "second"])):
            path = str(pathlib.Path(folder) / f"generated-{index}.mvr")
            subprocess.run([make, path, *arguments], check=True)
            paths.append(path)
        for path in paths:
            ours, theirs = folded(by_us(inspect, path)), folded(by_pymvr(path))
            if ours["starts"] is None:
                theirs["starts"] = None
            if ours != theirs:
                sys.exit(f"{path}:\n  we    {ours}\n  pymvr {theirs}")
            print(f"{pathlib.Path(path).name}: the same: {ours['objects']}")


if __name__ == "__main__":
    main()
