//! Reads an .mvr file: summary, check, difference of two revisions, rig plan.
