//! The Mixer protocol: codec, commands, and a sans-IO room server and client.
