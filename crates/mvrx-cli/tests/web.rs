//! The page and the API of the binary: where they are, whose the token is, and that they can be left out.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use support::{Crew, Running};

fn event(running: &mut Running, name: &str) -> Value {
    serde_json::from_str(&running.until(&format!("\"event\":\"{name}\""))).unwrap()
}

fn ask(at: &str, method: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {at}\r\n{headers}\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

// proves: WEB-01, WEB-02
#[test]
fn up_and_host_tell_where_their_page_is_and_keep_the_token_to_their_user() {
    let crew = Crew::new();
    for (command, told) in [("up", "up"), ("host", "host")] {
        let data = crew.folder(&format!("data-{command}"));
        let mut arguments = vec![command, "--json", "--data", data.to_str().unwrap(), "--name", "Desk"];
        if command == "host" {
            arguments.extend(["--listen", "127.0.0.1:0", "--hidden"]);
        }
        let mut running = crew.start_with(crew.command(&arguments).env_remove("MVRX_WEB"));
        let station = event(&mut running, told)["station"].clone();
        let web = event(&mut running, "web");
        let (at, url) = (web["address"].as_str().unwrap(), web["url"].as_str().unwrap());
        assert!(at.starts_with("127.0.0.1:"), "{web}");
        let token = std::fs::read_to_string(data.join("web-token")).unwrap();
        assert_eq!(url, format!("http://{at}/#token={token}"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = data.join("web-token").metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let status = ask(at, "GET", "/api/v1/status", "");
        let body: Value = serde_json::from_str(status.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!((&body["station"], body["name"].as_str()), (&station, Some("Desk")), "{status}");
        assert_eq!(body["kind"], if command == "host" { "host" } else { "station" });
        assert!(ask(at, "GET", "/", "").contains("<!doctype html>"));
        let refused = ask(at, "PUT", "/api/v1/settings", "Content-Length: 0\r\n");
        assert!(refused.starts_with("HTTP/1.0 401"), "{refused}");
    }
}

#[test]
fn a_bridge_tells_both_sides_and_has_nothing_else() {
    let crew = Crew::new();
    let start = |arguments: &[&str]| {
        let mut running = crew.start_with(crew.command(arguments).env_remove("MVRX_WEB"));
        let web = event(&mut running, "web");
        (running, web["address"].as_str().unwrap().to_owned())
    };
    let host_data = crew.folder("host");
    let host =
        ["host", "--json", "--data", host_data.to_str().unwrap(), "--listen", "127.0.0.1:0", "--hidden"];
    let mut hosting = crew.start_with(&mut crew.command(&host));
    let url = event(&mut hosting, "host")["urls"][0].as_str().unwrap().to_owned();
    let station_data = crew.folder("station");
    let up = ["up", "--json", "--data", station_data.to_str().unwrap(), "--name", "Desk"];
    let _up = crew.start_with(&mut crew.command(&up));
    let data = crew.folder("bridge");
    let (mut bridge, at) =
        start(&["bridge", "--json", "--data", data.to_str().unwrap(), "--host", &url, "--name", "Bridge"]);
    let appeared = event(&mut bridge, "station_appeared");
    let body = |path: &str| -> Value {
        let text = ask(&at, "GET", path, "");
        serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    let status = body("/api/v1/status");
    assert_eq!((status["kind"].as_str(), status["bridge"]["joined"].as_bool()), (Some("bridge"), Some(true)));
    let stations = body("/api/v1/stations");
    let shown = stations["stations"].as_array().unwrap();
    assert!(shown.iter().any(|station| station["station"] == appeared["station"]), "{stations}");
    for path in ["/api/v1/commits", "/api/v1/history", "/api/v1/settings", "/api/v1/transfers"] {
        let refused = ask(&at, "GET", path, "");
        assert!(refused.starts_with("HTTP/1.0 404") && refused.contains("this is a bridge"), "{refused}");
    }
    assert!(ask(&at, "GET", "/metrics", "").contains("mvrx_bridge_joined 1"));
}

#[test]
fn no_page_is_served_where_none_is_wished_for_and_one_that_cannot_be_is_told() {
    let crew = Crew::new();
    // The option goes before the environment.
    let data = crew.folder("data");
    let start = |more: &[&str]| {
        let arguments = ["up", "--json", "--data", data.to_str().unwrap()];
        crew.start_with(crew.command(&[&arguments, more].concat()).env("MVRX_WEB", "127.0.0.1:0"))
    };
    let mut running = start(&["--no-web"]);
    let up = event(&mut running, "up");
    assert!(up["station"].is_string());
    running.until("joined_group");
    assert!(!running.heard.iter().any(|line| line.contains("\"web\"")), "{:#?}", running.heard);
    assert!(!data.join("web-token").exists());
    drop(running);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("--web={}", taken.local_addr().unwrap());
    let refused = crew.run(&["up", "--data", data.to_str().unwrap(), &at]);
    assert_eq!(support::code(&refused), 1);
    assert!(support::stderr(&refused).contains("in use"), "{}", support::stderr(&refused));
}
