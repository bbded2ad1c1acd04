//! The configuration file: what it says is in force unless somebody says otherwise, and what is wrong with it is told before anything starts.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::{Crew, code, json, stderr, stdout};

struct Desk(tempfile::TempDir);

impl Desk {
    fn with(text: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.says(text);
        desk
    }

    fn says(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("config.toml")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mvrx"));
        command.args(arguments).env_clear().env("HOME", self.0.path()).env("MVRX_CONFIG", self.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

/// The first value of an option and where it comes from.
fn row(shown: &Value, option: &str) -> (Option<String>, String) {
    let options = shown["options"].as_array().unwrap();
    let row =
        options.iter().find(|row| row["option"] == option).unwrap_or_else(|| panic!("{option}: {shown}"));
    (row["values"][0].as_str().map(ToOwned::to_owned), row["source"].as_str().unwrap().to_owned())
}

#[test]
fn an_option_goes_before_the_environment_before_the_file_before_the_default() {
    let desk = Desk::with(
        "group = \"File\"\nname = 'Outside'\n[up]\nname = 'Up'\nget = 'all'\n[host]\nkeep = 2000\n",
    );
    let show = |arguments: &[&str], group: Option<&str>| {
        let mut all = vec!["config", "show", "--json"];
        all.extend(arguments);
        let mut command = desk.command(&all);
        if let Some(group) = group {
            command.env("MVRX_GROUP", group);
        }
        let output = command.output().unwrap();
        assert_eq!(code(&output), 0, "{output:?}");
        json(&output)
    };
    let is = |shown: &Value, option: &str| row(shown, option);
    let of = |value: &str, source: &str| (Some(value.to_owned()), source.to_owned());
    let file = show(&[], None);
    assert_eq!(file["command"], "up");
    assert_eq!(file["path"], desk.path().to_str().unwrap());
    assert_eq!((is(&file, "group"), is(&file, "name")), (of("File", "file"), of("Up", "file")));
    assert_eq!((is(&file, "get"), is(&file, "whole")), (of("all", "file"), of("2", "default")));
    assert_eq!(is(&file, "peer"), (None, "not set".to_owned()));
    assert_eq!(is(&show(&["up"], Some("Env")), "group"), of("Env", "environment"));
    assert_eq!(is(&show(&["up", "--group", "Word"], Some("Env")), "group"), of("Word", "option"));
    assert_eq!(is(&show(&["up", "-gWord", "--get=none"], None), "get"), of("none", "option"));
    let host = show(&["host", "--tls"], None);
    assert_eq!((is(&host, "keep"), is(&host, "name")), (of("2000", "file"), of("Outside", "file")));
    assert_eq!(is(&host, "tls"), of("true", "option"));
    // An option that excludes what the file says goes before it as well.
    desk.says("session = 'wss://rack/'\n");
    assert_eq!(is(&show(&[], None), "host"), of("wss://rack/", "file"));
    assert_eq!(is(&show(&["up", "--peer", "127.0.0.1:9"], None), "host"), (None, "not set".to_owned()));
    let people = stdout(&desk.run(&["config", "show"]));
    assert!(people.contains("config.toml") && people.contains("wss://rack/  (file, line 1)"), "{people}");
}

#[test]
fn a_file_that_is_wrong_is_told_with_its_line_and_nothing_starts() {
    let desk = Desk::with("");
    let cases = [
        ("gruop = 'A'", "line 1: there is no `gruop` outside of the sections; did you mean `group`?"),
        ("\n[up]\nlisten = 'here'", "line 3: invalid value 'here' for '--listen <IP:PORT>'"),
        ("[up]\nget = 'some'", "line 2: invalid value 'some' for '--get <GET>'"),
        ("[up]\nmessage = 'x'", "the following required arguments were not provided: --watch <DIR>"),
        ("session = 'ws://a'\npeer = '127.0.0.1:9'", "cannot be used with"),
        ("[up]\nmixer-room-password = ['a=b']", "does not belong into this file: a password"),
        ("group = \"A", "line 1: this is no TOML"),
    ];
    for (text, words) in cases {
        desk.says(text);
        for arguments in [["up", "--json"], ["config", "check"]] {
            let output = desk.run(&arguments);
            assert_eq!(code(&output), 2, "{text}: {output:?}");
            let told = stderr(&output);
            assert!(told.contains(words) && told.contains("nothing was started"), "{text}: {told}");
        }
        assert_eq!(json(&desk.run(&["up", "--json"]))["exit_code"], 2);
        assert!(!desk.0.path().join(".local").exists(), "{text}: something was started");
    }
    // One that is said to be there has to be; without one there is nothing to be wrong.
    fs::remove_file(desk.path()).unwrap();
    let missing = desk.run(&["log"]);
    assert!(code(&missing) == 2 && stderr(&missing).contains("cannot be read"), "{missing:?}");
    let none = desk.run(&["--config=", "log"]);
    assert_eq!(code(&none), 0, "{none:?}");
    let none = desk.command(&["config", "check"]).env("MVRX_CONFIG", "").output().unwrap();
    assert!(code(&none) == 0 && stdout(&none).contains("no configuration file"), "{none:?}");
    // What is wrong on the command line is told as ever.
    desk.says("[up]\nget = 'all'");
    let wrong = desk.run(&["up", "--nonsense"]);
    assert!(code(&wrong) == 2 && stderr(&wrong).contains("unexpected argument '--nonsense'"), "{wrong:?}");
    assert!(stdout(&desk.run(&["config", "check"])).contains("right, 1 option, 0 rules, 0 commands"));
    desk.says("[[fetch]]\nto = 'nowhere'");
    let folder = desk.run(&["config", "check"]);
    assert!(code(&folder) == 2 && stderr(&folder).contains("line 1: the folder"), "{folder:?}");
}

#[test]
fn rules_and_commands_are_shown_and_no_argument_of_a_command() {
    let desk = Desk::with(
        "[[fetch]]\nprovider = ['grandMA*', 'Capture']\nmax = '500M'\nto = '.'\n\
         [[exec]]\ncommand = ['tell', '--token', 'hunter2']\non = 'saved'\n",
    );
    let people = stdout(&desk.run(&["config", "show"]));
    assert!(people.contains("provider grandMA* or Capture, at most 500 MB: is fetched into"), "{people}");
    assert!(people.contains("exec   tell at saved, for 30 s at most  (file, line 5)"), "{people}");
    let shown = desk.run(&["config", "show", "--json"]);
    assert!(!stdout(&shown).contains("hunter2") && !people.contains("hunter2"));
    let shown = json(&shown);
    assert_eq!((&shown["fetch"][0]["max"], &shown["fetch"][0]["line"]), (&500_000_000.into(), &1.into()));
    assert_eq!(
        (&shown["exec"][0]["command"], &shown["exec"][0]["limit_ms"]),
        (&"tell".into(), &30_000.into())
    );
}

#[test]
fn no_password_is_shown() {
    let desk = Desk::with("[up]\nmixer = 'localhost'\n");
    let arguments = ["config", "show", "--json", "up", "--mixer-room-password", "hall=hunter2"];
    for arguments in [&arguments[..], &["config", "show", "up", "--mixer-room-password=hall=hunter2"]] {
        let shown = desk.command(arguments).env("MVRX_PASSWORD", "hunter2").output().unwrap();
        assert_eq!(code(&shown), 0, "{shown:?}");
        let text = stdout(&shown);
        assert!(!text.contains("hunter2") && text.contains("MVRX_PASSWORD"), "{text}");
        assert!(text.contains("mixer-room-password"), "{text}");
    }
}

#[test]
fn a_station_starts_where_the_file_says_and_where_an_option_says_instead() {
    let crew = Crew::new();
    let folder = crew.folder(".config").join("mvrx");
    fs::create_dir(&folder).unwrap();
    let usual = folder.join("config.toml");
    fs::write(&usual, "group = 'Stage'\nname = 'Desk 7'\nany-file = true\n[up]\ndata = '~/kept'\nget = 'all'\ndir = 'shows'\n")
        .unwrap();
    let on_linux = cfg!(target_os = "linux");
    let start = |arguments: &[&str]| {
        let mut command = crew.command(arguments);
        if !on_linux {
            command.env("MVRX_CONFIG", &usual);
        }
        crew.start_with(&mut command)
    };
    // Meant from the folder of the file.
    let output = crew.command(&["up"]).env("MVRX_CONFIG", &usual).output().unwrap();
    assert!(code(&output) == 2 && stderr(&output).contains("mvrx/shows is not there"), "{output:?}");
    fs::create_dir(folder.join("shows")).unwrap();
    let mut up = start(&["up"]);
    let line = up.until("is up in");
    let kept = crew.path("kept");
    assert!(
        line.contains("Desk 7 is up in the group Stage") && line.contains(kept.to_str().unwrap()),
        "{line}"
    );
    up.kill();
    let mut up = start(&["up", "--group", "Side", "--data", crew.path("other").to_str().unwrap()]);
    let line = up.until("is up in");
    assert!(line.contains("Desk 7 is up in the group Side") && line.contains("other"), "{line}");
    assert!(Path::new(&crew.path("other")).is_dir());
}

#[test]
fn a_switch_about_a_password_is_no_password() {
    let desk = Desk::with("");
    let shown = json(&desk.run(&["config", "show", "--json"]));
    assert_eq!(row(&shown, "password-in-the-clear"), (Some("false".to_owned()), "default".to_owned()));
    desk.says("password-in-the-clear = true\n");
    let checked = desk.run(&["config", "check"]);
    assert_eq!(code(&checked), 0, "{checked:?}");
    let shown = json(&desk.run(&["config", "show", "--json"]));
    assert_eq!(row(&shown, "password-in-the-clear"), (Some("true".to_owned()), "file".to_owned()));
}

#[test]
fn json_is_said_before_or_behind_the_command() {
    let desk = Desk::with("");
    for arguments in
        [&["config", "show", "--json", "up"][..], &["config", "show", "up", "--get", "all", "--json"]]
    {
        assert_eq!(json(&desk.run(arguments))["command"], "up");
    }
    let wrong = desk.run(&["config", "show", "up", "--nonsense", "--json"]);
    assert_eq!((code(&wrong), &json(&wrong)["exit_code"]), (2, &2.into()));
}

#[test]
fn the_folder_in_which_watch_saves_is_the_one_it_watches() {
    let desk = Desk::with("");
    let dir = |arguments: &[&str]| {
        row(&json(&desk.run(&[&["config", "show", "--json"], arguments].concat())), "dir")
    };
    let of = |value: Option<&str>, source: &str| (value.map(ToOwned::to_owned), source.to_owned());
    assert_eq!(dir(&["watch", "shows"]), of(Some("shows"), "default"));
    assert_eq!(dir(&["watch", "shows", "--dir", "other"]), of(Some("other"), "option"));
    assert_eq!(dir(&["watch"]), of(None, "default"));
    assert_eq!(dir(&["up", "--watch", "shows"]), of(Some("."), "default"));
}

#[test]
fn what_a_key_lacks_beside_it_is_told_with_the_line_of_the_key() {
    let desk = Desk::with("");
    for (text, words) in [
        (
            "\n[up]\nmessage = 'x'",
            "line 3: the following required arguments were not provided: --watch <DIR>",
        ),
        ("[up]\nget = 'all'\nmoves = 'listed'", "line 3: the following required arguments"),
        ("[up]\ndrop-own = true", "line 2: the following required arguments"),
        ("peer = '127.0.0.1:9'\nsession = 'ws://a'", "(here `session`)"),
        ("[up]\nhost = 'ws://a'", "line 2: there is no `host` in [up]; what --host says is `session` here"),
        (
            "host = 'ws://a'",
            "line 1: `host` is a section, written [host]; what --host says is `session` here",
        ),
        ("[[exec]]\non = 'exec_failed'", "line 2: no command is run at `exec_failed`"),
    ] {
        desk.says(text);
        let told = desk.run(&["config", "check"]);
        assert!(code(&told) == 2 && stderr(&told).contains(words), "{text}: {}", stderr(&told));
    }
    let option = desk.command(&["up", "--exec", "true", "--exec-on", "exec_dropped"]);
    let told = { option }.env("MVRX_CONFIG", "").output().unwrap();
    assert!(code(&told) == 2 && stderr(&told).contains("no command is run at `exec_dropped`"), "{told:?}");
}

#[test]
fn what_is_wrong_in_the_environment_is_told_with_its_variable() {
    let desk = Desk::with("");
    let told = desk.command(&["log"]).env("MVRX_DATA", "").output().unwrap();
    assert!(code(&told) == 2 && stderr(&told).contains("from the environment, MVRX_DATA"), "{told:?}");
    for (arguments, name) in [(&["log", "--data="][..], "MVRX_DATA"), (&["up", "-n"], "MVRX_NAME")] {
        let typed = desk.command(arguments).env(name, "x").output().unwrap();
        assert!(code(&typed) == 2 && !stderr(&typed).contains("environment"), "{typed:?}");
    }
}

#[test]
fn a_file_where_a_folder_belongs_is_told_as_one() {
    let desk = Desk::with("");
    let file = desk.path();
    let file = file.to_str().unwrap();
    for arguments in [&["watch", file][..], &["up", "--dir", file], &["host", "--dir", file]] {
        let told = desk.run(arguments);
        assert!(code(&told) == 2 && stderr(&told).contains("is a file, and a folder is needed"), "{told:?}");
    }
    desk.says("[[fetch]]\nto = 'config.toml'\n");
    let told = desk.run(&["config", "check"]);
    let words = stderr(&told);
    assert!(code(&told) == 2 && words.contains("line 1: ") && words.contains("is a file"), "{words}");
}

#[test]
fn what_the_file_or_the_environment_switches_on_is_switched_off_for_one_start() {
    let desk = Desk::with("any-file = true\n[host]\nhidden = true\n");
    let show = |arguments: &[&str], environment: bool| {
        let mut command = desk.command(&[&["config", "show", "--json"], arguments].concat());
        if environment {
            command.env("MVRX_ANY_FILE", "1");
        }
        json(&command.output().unwrap())
    };
    let value = |shown: &Value, option: &str| {
        let (value, source) = row(shown, option);
        (value.unwrap_or_default(), source)
    };
    let is = |text: &str, source: &str| (text.to_owned(), source.to_owned());
    for environment in [false, true] {
        for command in ["up", "watch", "host", "bridge"] {
            let on = value(&show(&[command], environment), "any-file");
            assert_eq!(on, is("true", if environment { "environment" } else { "file" }), "{command}");
            let off = value(&show(&[command, "--no-any-file"], environment), "any-file");
            assert_eq!(off, is("false", "option"), "{command}");
            // The last one counts.
            let again = value(&show(&[command, "--no-any-file", "--any-file"], environment), "any-file");
            assert_eq!(again, is("true", "option"), "{command}");
            let off = value(&show(&[command, "--any-file", "--no-any-file"], environment), "any-file");
            assert_eq!(off, is("false", "option"), "{command}");
        }
    }
    let shown = show(&["host", "--no-hidden"], false);
    assert_eq!(value(&shown, "hidden"), is("false", "option"));
    assert_eq!(value(&shown, "any-file"), is("true", "file"), "the others stay");
    let rows = shown["options"].as_array().unwrap();
    assert!(rows.iter().all(|row| !row["option"].as_str().unwrap().starts_with("no-")), "{shown}");
    // It is no key: the file says `false` itself.
    desk.says("[host]\nno-hidden = true\n");
    assert_eq!(code(&desk.run(&["config", "check"])), 2);
    // A command to which the file says nothing of it has none.
    assert_eq!(code(&desk.run(&["log", "--no-any-file"])), 2);
    desk.says("any-file = true\n");
    let nothing = desk.0.path().join("nothing.mvr");
    fs::write(&nothing, b"no show").unwrap();
    let nothing = nothing.to_str().unwrap();
    // It is refused before anything starts.
    let refused = desk.run(&["commit", nothing, "-m", "x", "--no-any-file"]);
    assert_eq!(code(&refused), 3, "{}", stderr(&refused));
}
