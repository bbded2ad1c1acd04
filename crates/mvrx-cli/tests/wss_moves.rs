//! Moves into encrypted sessions and out of them: whom they are told the password, and who stays where it was.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use support::{Crew, Running, code, json, stderr, stdout};

/// A running host, its URL and its fingerprint.
fn host(crew: &Crew, name: &str, more: &[&str]) -> (Running, String, String) {
    let mut arguments = vec!["host", "--name", name, "--json", "--hidden", "--listen", "127.0.0.1:0"];
    arguments.extend(["--moves", "always"]);
    arguments.extend(more);
    let mut host = crew.start(&arguments);
    let up: Value = serde_json::from_str(&host.until("\"event\":\"host\"")).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (host, text(&up["urls"][0]), text(&up["fingerprint"]))
}

/// A file of a password, and its path.
fn password(crew: &Crew, name: &str, text: &str) -> String {
    let path = crew.path(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A station that follows whoever leads.
fn up(crew: &Crew, name: &str, more: &[&str]) -> Running {
    let data = crew.path(name);
    let mut arguments = vec!["up", "--name", name, "--data", data.to_str().unwrap(), "--moves", "always"];
    arguments.extend(more);
    let mut up = crew.start(&arguments);
    up.until(&format!("{name} is up"));
    up
}

/// What each station of this name answered to who led, in words.
fn answer(told: &Value, name: &str) -> String {
    let of = |answer: &&Value| answer["name"] == name;
    let found = told["answers"].as_array().unwrap().iter().find(of);
    let found = found.unwrap_or_else(|| panic!("{name} is not in {told}"));
    format!("{} {}", found["answer"].as_str().unwrap(), found["reason"].as_str().unwrap_or_default())
}

#[test]
// proves: PWD-10
fn a_group_moves_into_a_session_with_a_password_and_back_and_who_does_not_know_it_stays() {
    let crew = Crew::new();
    let right = password(&crew, "right", "open sesame\n");
    let wrong = password(&crew, "wrong", "open barley\n");
    let (_rack, url, pin) = host(&crew, "Rack", &["--tls", "--password-file", &right]);
    let other = format!("sha256:{}", "ab".repeat(32));
    let mut a = up(&crew, "A", &["--pin", &pin, "--password-file", &right]);
    let mut b = up(&crew, "B", &["--pin", &pin, "--password-file", &wrong]);
    let mut c = up(&crew, "C", &["--pin", &other, "--password-file", &right]);
    let mut d = up(&crew, "D", &["--pin", &pin]);

    // Who leads has to come in itself, and nobody moves where it does not.
    let led = |more: &[&str]| {
        let mut arguments = vec!["move", "--to", &url, "--name", "Boss", "--wait", "8"];
        arguments.extend(more);
        crew.run(&arguments)
    };
    for (more, words) in [
        (vec!["--pin", &pin, "--password-file", &wrong], "does not take our password"),
        (vec!["--pin", &other, "--password-file", &right], pin.as_str()),
        (vec!["--pin", &pin], "wants a password"),
    ] {
        let refused = led(&more);
        assert_eq!(code(&refused), 4, "{refused:?}");
        assert!(stderr(&refused).contains(words), "{words}: {refused:?}");
    }
    let moved = led(&["--pin", &pin, "--password-file", &right, "--json"]);
    assert_eq!(code(&moved), 1, "{moved:?}");
    let told = json(&moved);
    assert_eq!(answer(&told, "A"), "moved ");
    assert!(answer(&told, "B").contains("does not take our password"), "{told}");
    assert!(answer(&told, "C").contains(&pin) && answer(&told, "C").contains(&other), "{told}");
    assert!(answer(&told, "D").contains("wants a password"), "{told}");
    a.until(&format!("now in the session at {url}"));
    for stays in [&mut b, &mut c, &mut d] {
        stays.until("not moved to");
    }
    let listed = json(&crew.run(&["ls", "--json", "--wait", "5"]));
    let mut names: Vec<_> =
        listed["stations"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["B", "C", "D"], "{listed}");

    // And back.
    let reach = ["--host", &url, "--pin", &pin, "--password-file", &right, "--wait", "8", "--name", "Boss"];
    let back = crew.run(&[&["move", "--to-group", "Default"][..], &reach].concat());
    assert!(stdout(&back).contains("A: it has moved"), "{back:?}");
    a.until("now in the group Default");
}

#[test]
// proves: PWD-10
fn a_session_without_encryption_moves_into_one_with_it() {
    let crew = Crew::new();
    let right = password(&crew, "right", "open sesame\n");
    let (_plain, from, _) = host(&crew, "Plain", &[]);
    let (_rack, url, pin) = host(&crew, "Rack", &["--tls", "--password-file", &right]);
    let reach = ["--host", &from, "--pin", &pin, "--password-file", &right];
    let mut a = up(&crew, "A", &reach);
    // A bare name beside --pin is one of wss.
    let bare = url.trim_start_matches("wss://").trim_end_matches('/');
    let moved = crew.run(&[&["move", "--to", bare, "--wait", "8", "--name", "Boss"][..], &reach].concat());
    assert!(stdout(&moved).contains("A: it has moved"), "{moved:?}");
    a.until(&format!("now in the session at {url}"));
    // The next start is there.
    drop(a);
    let mut a = up(&crew, "A", &["--pin", &pin, "--password-file", &right]);
    a.until("joined the session");
}

#[test]
// proves: PWD-10
fn a_session_by_its_authority_is_told_the_password_that_was_given_for_its_url() {
    let crew = Crew::new();
    let right = password(&crew, "right", "open sesame\n");
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (cert, key) = (crew.path("cert.pem"), crew.path("key.pem"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let (_rack, url, _) = host(&crew, "Rack", &["--cert", cert, "--key", key, "--password-file", &right]);
    let mut a = up(&crew, "A", &["--ca", cert, "--password-at", &url, &right]);
    // The authority vouches for this host as well, and nobody here has named it.
    let mut b = up(&crew, "B", &["--ca", cert, "--password-at", "wss://127.0.0.1:9/", &right]);
    let lead = ["move", "--to", &url, "--name", "Boss", "--wait", "8", "--json"];
    let moved = crew.run(&[&lead[..], &["--ca", cert, "--password-file", &right]].concat());
    let told = json(&moved);
    assert_eq!(answer(&told, "A"), "moved ");
    assert!(answer(&told, "B").contains("wants a password"), "{told}");
    a.until(&format!("now in the session at {url}"));
    b.until("not moved to");
}

/// All that is said to the host at `url` by who reaches it through this one, which is at the URL that comes back.
fn overheard(url: &str) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("ws://{}/", listener.local_addr().unwrap());
    let behind = url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let host = TcpStream::connect(&behind).unwrap();
            let (mut back, mut to) = (host.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut back, &mut to));
            let heard = Arc::clone(&heard);
            std::thread::spawn(move || pass_on(client, host, &heard));
        }
    });
    (at, said)
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, heard: &Mutex<Vec<u8>>) {
    let mut piece = [0; 4_096];
    while let Ok(n @ 1..) = from.read(&mut piece) {
        heard.lock().unwrap().extend_from_slice(&piece[..n]);
        if to.write_all(&piece[..n]).is_err() {
            return;
        }
    }
}

#[test]
// proves: PWD-10
fn who_is_led_to_a_strangers_session_tells_it_no_password_now_or_at_the_next_start() {
    let crew = Crew::new();
    let right = password(&crew, "right", "open sesame\n");
    let (_evil, behind, _) = host(&crew, "Evil", &[]);
    let (url, said) = overheard(&behind);
    let pin = format!("sha256:{}", "ab".repeat(32));
    let data = crew.path("A");
    let with_all = ["--pin", &pin, "--password-file", &right, "--password-in-the-clear"];
    let mut a = up(&crew, "A", &with_all);
    let moved = crew.run(&["move", "--to", &url, "--name", "Boss", "--wait", "8"]);
    assert_eq!(code(&moved), 0, "{moved:?}");
    a.until(&format!("now in the session at {url}"));
    drop(a);
    // Where it was led is no word of the person who starts it.
    let mut a = up(&crew, "A", &with_all);
    a.until("joined the session");
    drop(a);
    let heard = || String::from_utf8_lossy(&said.lock().unwrap()).to_ascii_lowercase();
    // Nor without a certificate, with the password in its environment.
    let named = ["up", "--name", "A", "--data", data.to_str().unwrap(), "--password-in-the-clear"];
    let mut a = crew.start_with(crew.command(&named).env("MVRX_PASSWORD", "open sesame"));
    a.until("joined the session");
    drop(a);
    assert!(heard().matches("get / http/1.1").count() >= 4, "{}", heard());
    assert!(!heard().contains("authorization"), "{}", heard());
    // One that a person here names is told it.
    let mut a =
        crew.start(&[&["up", "--host", &url, "--data", data.to_str().unwrap()][..], &with_all[2..]].concat());
    a.until("joined the session");
    assert!(heard().contains("authorization"), "{}", heard());
}

#[test]
// proves: PWD-10
fn a_password_that_nobody_would_be_told_is_a_mistake() {
    let crew = Crew::new();
    let right = password(&crew, "right", "open sesame\n");
    let folder: &Path = crew.folder.path();
    let data = folder.join("data");
    for command in ["up", "ls"] {
        let mut arguments = vec![command, "--password-file", &right];
        if command == "up" {
            arguments.extend(["--data", data.to_str().unwrap()]);
        }
        let said = crew.run(&arguments);
        assert_eq!(code(&said), 2, "{said:?}");
        assert!(stderr(&said).contains("--host"), "{said:?}");
    }
    for (at, words) in [("http://rack/", "http://rack/"), ("ws://rack/", "--password-in-the-clear")] {
        let said = crew.run(&["up", "--data", data.to_str().unwrap(), "--password-at", at, &right]);
        assert_eq!(code(&said), 2, "{said:?}");
        assert!(stderr(&said).contains(words), "{said:?}");
    }
}
