//! Encrypted sessions: `mvrx host --tls`, `--cert`, and `--pin`, `--ca` of everybody who reaches one.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::{BufRead, Read};
use std::process::Stdio;

use mvrx_station::tls::ClientTls;
use mvrx_station::{CommitDraft, Login, Password, Station};
use serde_json::Value;
use support::{Crew, Running, code, json, stderr};

/// A running host, its URL and its fingerprint.
fn host(crew: &Crew, more: &[&str]) -> (Running, String, String) {
    let mut arguments = vec!["host", "--name", "Rack", "--json", "--listen", "127.0.0.1:0"];
    arguments.extend(more);
    let mut host = crew.start(&arguments);
    let up: Value = serde_json::from_str(&host.until("\"event\":\"host\"")).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (host, text(&up["urls"][0]), text(&up["fingerprint"]))
}

#[test]
// proves: TLS-11, TLS-13
fn a_crew_that_pins_the_hosts_certificate_exchanges_a_file_and_others_are_told_why_not() {
    let crew = Crew::new();
    let data = crew.path("rack");
    let data = data.to_str().unwrap();
    let show = crew.make_show("show.mvr", 1);
    let (running, url, pin) = host(&crew, &["--tls", "--hidden", "--data", data, show.to_str().unwrap()]);
    assert!(url.starts_with("wss://127.0.0.1:") && pin.starts_with("sha256:"), "{url} {pin}");

    let committed = crew.make_show("second.mvr", 2);
    let file = committed.to_str().unwrap();
    let mut author = crew.start(&["commit", file, "-m", "hung", "--host", &url, "--pin", &pin]);
    author.until("second.mvr");
    let target = crew.path("got.mvr");
    let to = target.to_str().unwrap();
    let got = crew.run(&["get", "second.mvr", "--host", &url, "--pin", &pin, "-o", to]);
    assert_eq!(code(&got), 0, "{got:?}");
    assert_eq!(fs::read(&target).unwrap(), fs::read(&committed).unwrap());

    let other = format!("sha256:{}", "ab".repeat(32));
    let wrong = crew.run(&["ls", "--host", &url, "--pin", &other]);
    assert_eq!(code(&wrong), 4, "{wrong:?}");
    let words = stderr(&wrong);
    assert!(words.contains(&other) && words.contains(&pin), "{words}");
    let unknown = crew.run(&["ls", "--host", &url]);
    assert_eq!(code(&unknown), 4, "{unknown:?}");
    assert!(stderr(&unknown).contains("certificate"), "{unknown:?}");
    let plain = crew.run(&["ls", "--host", &url.replace("wss://", "ws://")]);
    assert_eq!(code(&plain), 4, "{plain:?}");
    assert!(stderr(&plain).contains("begins with wss://"), "{plain:?}");
    for (pin, words) in [("sha256:12", "64 hexadecimal digits"), (pin.as_str(), "not encrypted")] {
        let used = crew.run(&["ls", "--host", &url.replace("wss://", "ws://"), "--pin", pin]);
        assert_eq!(code(&used), 2, "{used:?}");
        assert!(stderr(&used).contains(words), "{used:?}");
    }
    // The next start has the same certificate, and shows it as people see it.
    running.kill();
    let mut again =
        crew.start(&["host", "--tls", "--qr", "--hidden", "--data", data, "--listen", "127.0.0.1:0"]);
    again.until(&format!("its certificate is {pin}"));
    again.until(&format!("--pin {pin}"));
    let code = again.until("█");
    assert!(code.chars().count() > 40, "{code}");
}

#[test]
// proves: TLS-04
fn who_pins_two_hosts_reaches_each_and_no_third() {
    let crew = Crew::new();
    let (_one, first, pin) =
        host(&crew, &["--tls", "--hidden", "--data", crew.path("one").to_str().unwrap()]);
    let (_two, second, other) =
        host(&crew, &["--tls", "--hidden", "--data", crew.path("two").to_str().unwrap()]);
    let (_three, third, _) =
        host(&crew, &["--tls", "--hidden", "--data", crew.path("three").to_str().unwrap()]);
    for url in [&first, &second] {
        let listed = crew.run(&["ls", "--host", url, "--pin", &pin, "--pin", &other]);
        assert_eq!(code(&listed), 0, "{listed:?}");
    }
    let refused = crew.run(&["ls", "--host", &third, "--pin", &pin, "--pin", &other]);
    assert_eq!(code(&refused), 4, "{refused:?}");
    assert!(stderr(&refused).contains(&format!("pinned is {pin} or {other}")), "{refused:?}");
}

#[test]
// proves: TLS-07
fn a_plain_host_behind_wss_is_named() {
    let crew = Crew::new();
    let (_host, url, pin) = host(&crew, &["--hidden"]);
    assert_eq!(pin, "");
    let pin = format!("sha256:{}", "00".repeat(32));
    let asked = crew.run(&["ls", "--host", &url.replace("ws://", "wss://"), "--pin", &pin]);
    assert_eq!(code(&asked), 4, "{asked:?}");
    assert!(stderr(&asked).contains("begins with ws://"), "{asked:?}");
}

#[test]
// proves: TLS-11
fn a_session_that_is_found_by_itself_is_reached_by_its_pin() {
    let crew = Crew::new();
    let (_host, url, pin) = host(&crew, &["--tls", "--group", "Rig"]);
    let listed = crew.run(&["ls", "--host", "auto", "--group", "Rig", "--pin", &pin, "--json"]);
    assert_eq!(code(&listed), 0, "{listed:?}");
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
    let at = json(&listed)["session"].as_str().unwrap().to_owned();
    assert!(at.starts_with("wss://") && at.ends_with(&format!(":{port}/")), "{at}");
}

#[test]
// proves: TLS-11
fn a_session_that_is_announced_without_encryption_is_not_the_pinned_one() {
    let crew = Crew::new();
    let (_host, _, _) = host(&crew, &["--group", "Rig"]);
    let pin = format!("sha256:{}", "ab".repeat(32));
    for command in ["ls", "up"] {
        let refused = crew.run(&[command, "--host", "auto", "--group", "Rig", "--pin", &pin]);
        assert_eq!(code(&refused), 2, "{refused:?}");
        assert!(stderr(&refused).contains("is not encrypted"), "{refused:?}");
    }
}

#[test]
// proves: PWD-12
fn a_password_is_told_to_no_host_that_was_only_found() {
    let crew = Crew::new();
    let file = crew.path("secret");
    fs::write(&file, "open sesame\n").unwrap();
    let file = file.to_str().unwrap();
    let (_host, _, pin) = host(&crew, &["--tls", "--group", "Rig", "--password-file", file]);
    let looking = ["ls", "--host", "auto", "--group", "Rig", "--password-file", file, "--json"];
    for more in [&[][..], &["--password-in-the-clear"], &["--ca", file]] {
        let refused = crew.run(&[&looking[..], more].concat());
        assert_eq!(code(&refused), 2, "{refused:?}");
        assert!(stderr(&refused).contains("say which host it is by --pin"), "{refused:?}");
    }
    let listed = crew.run(&[&looking[..], &["--pin", &pin]].concat());
    assert_eq!(code(&listed), 0, "{listed:?}");
}

#[test]
// proves: TLS-05
fn a_certificate_of_ones_own_is_checked_by_its_authority() {
    let crew = Crew::new();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (cert, key) = (crew.path("cert.pem"), crew.path("key.pem"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let (_host, url, _) = host(&crew, &["--hidden", "--cert", cert, "--key", key]);
    let listed = crew.run(&["ls", "--host", &url, "--ca", cert, "--json"]);
    assert_eq!(code(&listed), 0, "{listed:?}");
    // The name in the URL has to be the certificate's.
    let renamed = crew.run(&["ls", "--host", &url.replace("127.0.0.1", "localhost"), "--ca", cert]);
    assert_eq!(code(&renamed), 4, "{renamed:?}");
    assert!(stderr(&renamed).contains("not for localhost but for"), "{renamed:?}");
    // What is no certificate, or lacks its key, is told before anything listens.
    let wrong = crew.run(&["host", "--cert", key, "--key", key]);
    assert_eq!(code(&wrong), 2, "{wrong:?}");
    assert!(stderr(&wrong).contains("there is no certificate in it"), "{wrong:?}");
    assert_eq!(code(&crew.run(&["host", "--cert", cert])), 2);
}

#[test]
// proves: TLS-11
fn a_bridge_reaches_an_encrypted_session() {
    let crew = Crew::new();
    let (_host, url, pin) = host(&crew, &["--tls", "--hidden"]);
    let data = crew.path("bridge");
    let data = data.to_str().unwrap();
    let mut bridge = crew.start(&["bridge", "--host", &url, "--pin", &pin, "--data", data]);
    bridge.until("the session has us");
}

#[test]
// proves: PWD-04, PWD-05
fn a_password_opens_the_session_and_guessing_is_refused_while_who_is_in_stays() {
    let crew = Crew::new();
    let (right, wrong) = (crew.path("right"), crew.path("wrong"));
    fs::write(&right, "open sesame\nnot this line\n").unwrap();
    fs::write(&wrong, "open barley\n").unwrap();
    let (right, wrong) = (right.to_str().unwrap(), wrong.to_str().unwrap());
    let (mut host, url, pin) = host(&crew, &["--tls", "--hidden", "--password-file", right]);
    let asks = |more: &[&str]| {
        let mut arguments = vec!["ls", "--host", &url, "--pin", &pin, "--wait", "1"];
        arguments.extend(more);
        crew.command(&arguments)
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let login = Login::new(Password::new("open sesame").unwrap(), &url.parse().unwrap());
    let trust = ClientTls::pinned(pin.parse().unwrap()).unwrap();
    let member = Station::builder("A").session(&url).login(login).trust(trust);
    let (member, _events) = runtime.block_on(member.spawn()).unwrap();
    host.until("\"station_joined\"");
    let by_environment = asks(&[]).env("MVRX_PASSWORD", "open sesame").output().unwrap();
    assert_eq!(code(&by_environment), 0, "{by_environment:?}");
    let none = asks(&[]).output().unwrap();
    assert_eq!(code(&none), 4, "{none:?}");
    assert!(stderr(&none).contains("wants a password"), "{none:?}");
    let mut refused = String::new();
    for _ in 0..6 {
        let guessed = asks(&["--password-file", wrong]).output().unwrap();
        assert_eq!(code(&guessed), 4, "{guessed:?}");
        refused = stderr(&guessed);
        assert!(!refused.contains("barley") && !refused.contains("sesame"), "{refused}");
        if refused.contains("after too many wrong ones") {
            break;
        }
        assert!(refused.contains("does not take our password"), "{refused}");
    }
    assert!(refused.contains("after too many wrong ones"), "{refused}");
    // Whoever is in is not asked again. Its address is let in by no password now: what it says is heard only if it never left.
    assert_eq!(code(&asks(&["--password-file", right]).output().unwrap()), 4);
    let show = crew.make_show("late.mvr", 3);
    runtime.block_on(member.commit(CommitDraft::from_path(&show))).unwrap();
    host.until("late.mvr");
    let of_it =
        |line: &&String| line.contains("\"event\":\"station_") && line.contains(&member.uuid().to_string());
    assert_eq!(host.heard.iter().find(of_it), None, "it was in once, and stayed");
    // Nobody says a password where others can read it, unless told.
    for arguments in [vec!["host", "--hidden"], vec!["ls", "--host", "ws://127.0.0.1:9/"]] {
        let refused = crew.command(&arguments).env("MVRX_PASSWORD", "x").output().unwrap();
        assert_eq!(code(&refused), 2, "{refused:?}");
        assert!(stderr(&refused).contains("--password-in-the-clear"), "{refused:?}");
    }
}

/// What must be nowhere: the password, and as the handshake says it (`mvrx:open sesame` in base64).
const SAID: [&str; 2] = ["open sesame", "bXZyeDpvcGVuIHNlc2FtZQ=="];

#[test]
// proves: PWD-13
fn no_log_of_any_level_has_the_password() {
    let crew = Crew::new();
    let right = crew.path("right");
    fs::write(&right, "open sesame\n").unwrap();
    let right = right.to_str().unwrap();
    let log = crew.path("host.log");
    let mut host = crew.command(&["host", "--json", "--listen", "127.0.0.1:0", "--tls", "--hidden"]);
    host.args(["--password-file", right]).env("MVRX_LOG", "trace").stdout(Stdio::piped());
    let mut host = Running::of(host.stderr(fs::File::create(&log).unwrap()));
    let up: Value = serde_json::from_str(&host.until("\"event\":\"host\"")).unwrap();
    let (url, pin) = (up["urls"][0].as_str().unwrap(), up["fingerprint"].as_str().unwrap());
    let mut ls = crew.command(&["ls", "--host", url, "--pin", pin, "--wait", "1", "--password-file", right]);
    let listed = ls.env("MVRX_LOG", "trace").output().unwrap();
    assert_eq!(code(&listed), 0, "{listed:?}");
    let told = [stderr(&listed), fs::read_to_string(&log).unwrap()];
    for (told, handshake) in told.iter().zip(["Client handshake done", "Server handshake done"]) {
        assert!(told.contains(handshake), "this is no log of any level: {told}");
        let shown = told.lines().find(|line| SAID.iter().any(|said| line.contains(said)));
        assert_eq!(shown, None);
    }
}

#[test]
#[cfg(target_os = "linux")]
// proves: PWD-05
fn the_list_of_processes_has_the_files_name_and_not_the_password() {
    let crew = Crew::new();
    let right = crew.path("right");
    fs::write(&right, "open sesame\n").unwrap();
    let right = right.to_str().unwrap();
    let (host, url, pin) = host(&crew, &["--tls", "--hidden", "--password-file", right]);
    let mut up = crew.start(&["up", "--name", "A", "--host", &url, "--pin", &pin, "--password-file", right]);
    up.until("joined the session");
    for running in [&host, &up] {
        let listed = fs::read(format!("/proc/{}/cmdline", running.child.id())).unwrap();
        let listed = String::from_utf8(listed).unwrap().replace('\0', " ");
        assert!(listed.contains(right), "{listed}");
        assert!(!SAID.iter().any(|said| listed.contains(said)), "{listed}");
    }
}

#[test]
#[cfg(unix)]
// proves: PWD-05
fn a_password_that_is_no_text_is_refused_and_no_open_session_begins() {
    use std::os::unix::ffi::OsStrExt;
    let crew = Crew::new();
    let latin = std::ffi::OsStr::from_bytes(b"caf\xe9");
    for arguments in [
        vec!["host", "--tls", "--hidden", "--listen", "127.0.0.1:0"],
        vec!["ls", "--host", "wss://127.0.0.1:9/"],
    ] {
        let mut command = crew.command(&arguments);
        command.env("MVRX_PASSWORD", latin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A host that starts would stay.
        let mut told = String::new();
        let mut errors = child.stderr.take().unwrap();
        let stays = std::io::BufReader::new(child.stdout.take().unwrap()).lines().next();
        if stays.is_some() {
            child.kill().unwrap();
        }
        assert!(stays.is_none(), "{stays:?}");
        errors.read_to_string(&mut told).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(2), "{told}");
        assert!(told.contains("MVRX_PASSWORD is no text"), "{told}");
    }
}

#[cfg(target_os = "linux")]
#[test]
// proves: AUD-05
fn a_host_whose_audit_file_has_no_room_says_so_and_serves_on() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 1);
    let (mut host, url, _) = host(&crew, &["--hidden", "--audit", "/dev/full", show.to_str().unwrap()]);
    let to = crew.path("got.mvr");
    let got = crew.run(&["get", "show.mvr", "--host", &url, "-o", to.to_str().unwrap()]);
    assert_eq!(code(&got), 0, "{got:?}");
    assert_eq!(fs::read(&to).unwrap(), fs::read(&show).unwrap());
    let told: Value = serde_json::from_str(&host.until("\"event\":\"audit_fails\"")).unwrap();
    assert!(told["reason"].as_str().unwrap().contains("No space left"), "{told}");
    let listed = crew.run(&["ls", "--host", &url]);
    assert_eq!(code(&listed), 0, "{listed:?}");
}

#[test]
// proves: ACC-03
fn a_commit_that_its_host_refuses_waits_for_nobody_to_fetch_it() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 1);
    let (_host, url, _) = host(&crew, &["--hidden", "--largest", "100"]);
    let refused =
        crew.run(&["commit", show.to_str().unwrap(), "-m", "x", "--host", &url, "--until-fetched", "1"]);
    assert_eq!(code(&refused), 4, "{refused:?}");
    let words = stderr(&refused);
    assert!(words.contains("does not take it") && words.contains("up to 100 bytes"), "{words}");
}

#[cfg(unix)]
#[test]
// proves: PWD-14
fn secrets_in_files_that_others_can_read_are_told_of_and_used() {
    use std::os::unix::fs::PermissionsExt;
    let crew = Crew::new();
    let mode =
        |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let (words, blanks) = (crew.path("password"), crew.path("blanks"));
    // As some editors write it: with a mark at the beginning, and a line break of theirs.
    fs::write(&words, "\u{feff}s\u{e9}same\r\n\r\n").unwrap();
    fs::write(&blanks, "sesame \n").unwrap();
    mode(&words, 0o600);
    mode(&blanks, 0o600);
    let data = crew.path("rack");
    let (_host, url, pin) = host(
        &crew,
        &["--tls", "--hidden", "--data", data.to_str().unwrap(), "--password-file", words.to_str().unwrap()],
    );
    let ls = |file: &std::path::Path| {
        crew.run(&["ls", "--host", &url, "--pin", &pin, "--password-file", file.to_str().unwrap()])
    };
    let quiet = ls(&words);
    assert_eq!((code(&quiet), stderr(&quiet).contains("read by others")), (0, false), "{quiet:?}");
    mode(&words, 0o640);
    let told = ls(&words);
    assert_eq!((code(&told), stderr(&told).matches("can be read by others").count()), (0, 1), "{told:?}");
    let wrong = ls(&blanks);
    assert_eq!(code(&wrong), 4, "{wrong:?}");
    assert!(stderr(&wrong).contains("blanks before or behind it"), "{wrong:?}");
    // The key of a certificate, and passwords of stations.
    let pem = fs::read_to_string(data.join("host-tls.pem")).unwrap();
    let (cert, stations) = (crew.path("cert.pem"), crew.path("stations"));
    fs::write(&cert, pem).unwrap();
    mode(&cert, 0o644);
    fs::write(&stations, "11111111-1111-4111-8111-111111111111 = barley\n").unwrap();
    mode(&stations, 0o604);
    let (cert, stations) = (cert.to_str().unwrap(), stations.to_str().unwrap());
    let arguments = [
        "host",
        "--hidden",
        "--listen",
        "203.0.113.1:1",
        "--cert",
        cert,
        "--key",
        cert,
        "--stations",
        stations,
    ];
    let told = stderr(&crew.run(&arguments));
    assert_eq!(told.matches("can be read by others").count(), 2, "{told}");
    assert!(!told.contains("barley"), "{told}");
}
