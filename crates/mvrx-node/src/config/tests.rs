use super::*;

fn known() -> Vocabulary {
    let one = Shape::one;
    let list = || Shape::Values { each: 1, several: true, paths: Vec::new() };
    let folder = Shape::Values { each: 1, several: false, paths: vec![true] };
    let everywhere = [
        ("group", one()),
        ("peer", list()),
        ("any-file", Shape::Flag),
        ("password", Shape::Refused("others could read it".to_owned())),
    ];
    let up = [
        ("group", one()),
        ("dir", folder),
        ("whole", one()),
        ("session", one()),
        ("password-at", Shape::Values { each: 2, several: true, paths: vec![false, true] }),
    ];
    let keys =
        |keys: &[(&str, Shape)]| keys.iter().map(|(key, of)| ((*key).to_owned(), of.clone())).collect();
    Vocabulary {
        everywhere: keys(&everywhere),
        sections: [("up".to_owned(), keys(&up)), ("host".to_owned(), keys(&[("keep", one())]))].into(),
        other_names: [("host".to_owned(), "session".to_owned())].into(),
        events: ["saved", "commit_seen", "revision"].map(str::to_owned).into(),
        events_of_commands: ["exec_failed"].map(str::to_owned).into(),
        usual_events: ["revision"].map(str::to_owned).into(),
    }
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/mvrx/config.toml"), &known())
}

fn wrong(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn keys_come_with_their_section_and_line_and_a_section_goes_before_what_is_outside() {
    let config = parse(
        "group = 'A'\n# words\npeer = ['1.2.3.4:5', '1.2.3.4:6']\nany-file = true\n\n[up]\nwhole = 7\ngroup = \"B\"\n",
    );
    let config = config.unwrap();
    let all: Vec<_> =
        config.settings.iter().map(|s| (s.section.as_deref(), s.key.as_str(), s.line)).collect();
    let up = Some("up");
    let wanted =
        [(None, "group", 1), (None, "peer", 3), (None, "any-file", 4), (up, "whole", 7), (up, "group", 8)];
    assert_eq!(all, wanted);
    let of = |section: &str| -> Vec<String> {
        config.for_section(section).map(|s| format!("{}={}", s.key, s.values.join(","))).collect()
    };
    assert_eq!(of("up"), ["peer=1.2.3.4:5,1.2.3.4:6", "any-file=true", "whole=7", "group=B"]);
    assert_eq!(of("host"), ["group=A", "peer=1.2.3.4:5,1.2.3.4:6", "any-file=true"]);
}

#[test]
fn what_nobody_knows_is_named_with_its_line_and_what_was_meant() {
    let told =
        "/etc/mvrx/config.toml, line 2: there is no `gruop` outside of the sections; did you mean `group`?";
    assert_eq!(wrong("\ngruop = 'A'"), told);
    assert!(wrong("[up]\ndri = 'x'").ends_with("line 2: there is no `dri` in [up]; did you mean `dir`?"));
    assert!(
        wrong("[uo]\n").ends_with("line 1: there is no `uo` outside of the sections; did you mean `up`?")
    );
    assert!(
        wrong("whole = 3").ends_with("there is no `whole` outside of the sections; it belongs into [up]")
    );
    assert!(wrong("[host]\ncolour = 1").ends_with("line 2: there is no `colour` in [host]"));
    assert!(wrong("up = 3").ends_with("`up` is a section, written [up]"));
    let other = "`host` is a section, written [host]; what --host says is `session` here";
    assert!(wrong("host = 'ws://rack/'").ends_with(other));
    let other = "line 2: there is no `host` in [up]; what --host says is `session` here";
    assert!(wrong("[up]\nhost = 'ws://rack/'").ends_with(other));
    assert!(wrong("[host]\nhost = 'ws://rack/'").ends_with("there is no `host` in [host]"));
}

#[test]
fn a_value_of_another_form_is_told_with_its_line() {
    let cases = [
        ("any-file = 'yes'", "line 1: `any-file` has to be true or false"),
        ("\ngroup = ['A']", "line 2: `group` has to be one value, not a list"),
        ("group = true", "`group` has to be a text in quotes, or a number"),
        ("group = 0x10", "`group` has to be a text in quotes, or a number"),
        ("group = \"\\u0000\"", "`group` has a character that no text has"),
        ("[up]\npassword-at = ['ws://a']", "line 2: `password-at` has to be a list of 2"),
        ("[up]\ndir = ''", "line 2: `dir` is empty"),
        ("password = 'x'", "`password` does not belong into this file: others could read it"),
    ];
    for (text, words) in cases {
        assert!(wrong(text).ends_with(words), "{text}: {}", wrong(text));
    }
    for text in ["group = ", "group = 'A'\ngroup = 'B'", "[up", "= 3", "\u{1}"] {
        assert!(wrong(text).contains("this is no TOML"), "{text}: {}", wrong(text));
    }
    assert!(wrong("group = 'A'\ngroup = 'B'").contains("line 2"));
}

#[test]
fn paths_are_meant_from_the_files_own_folder_or_from_home() {
    let dir = |text: &str| parse(&format!("[up]\ndir = '{text}'")).unwrap().settings[0].values.clone();
    assert_eq!(dir("shows"), ["/etc/mvrx/shows"]);
    assert_eq!(dir("/srv/shows"), ["/srv/shows"]);
    let home = directories::BaseDirs::new().unwrap();
    assert_eq!(dir("~/shows"), [home.home_dir().join("shows").to_str().unwrap()]);
    let pairs =
        parse("[up]\npassword-at = ['ws://a', 'a', 'ws://b', '/b']").unwrap().settings[0].values.clone();
    assert_eq!(pairs, ["ws://a", "/etc/mvrx/a", "ws://b", "/b"]);
}

#[test]
fn a_file_is_read_up_to_its_largest_and_tells_what_is_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Config::read(&path, &known())
    };
    let mut full = b"\xef\xbb\xbfgroup = 'A'\n#".to_vec();
    full.resize(usize::try_from(LARGEST).unwrap(), b'x');
    assert_eq!(read(&full).unwrap().settings.len(), 1, "with the mark that editors write");
    full.push(b'x');
    assert!(read(&full).unwrap_err().to_string().contains("more than 1048576 bytes"));
    assert!(read(b"group = 'A'\n# \xff").unwrap_err().to_string().contains("line 2: this is no UTF-8 text"));
    assert!(Config::read(folder.path(), &known()).unwrap_err().to_string().contains("cannot be read"));
    assert!(Config::read(&folder.path().join("none"), &known()).is_err());
}

#[test]
fn rules_and_commands_are_read_in_their_order() {
    let text = "[[fetch]]\ncomment = '*test*'\nfetch = false\n\n[[fetch]]\nprovider = ['grandMA*', 'Capture']\n\
                min = 10\nmax = '500M'\nto = 'ma'\n[[exec]]\ncommand = ['tell', 'me']\non = ['saved', 'revision']\n\
                limit = 2.5\n[[exec]]\nshell = 'cat > /tmp/x'\n[[exec]]\ncommand = 'tell'\non = 'all'\n";
    let config = parse(text).unwrap();
    let [leaves, takes] = &config.fetch[..] else { panic!("{config:?}") };
    assert!(leaves.leaves && leaves.line == 1 && leaves.comment[0].as_str() == "*test*");
    let of = (takes.min, takes.max, takes.to.as_deref(), takes.line, takes.provider.len());
    assert_eq!(of, (Some(10), Some(500_000_000), Some(Path::new("/etc/mvrx/ma")), 5, 2));
    let [first, second, third] = &config.exec[..] else { panic!("{config:?}") };
    assert_eq!(first.hook.run, crate::exec::Run::Program(vec!["tell".into(), "me".into()]));
    assert_eq!((first.hook.limit, first.line), (Duration::from_millis(2_500), 10));
    assert_eq!(first.hook.on.as_ref().map(BTreeSet::len), Some(2));
    assert_eq!(second.hook.run, crate::exec::Run::Shell("cat > /tmp/x".to_owned()));
    assert_eq!((second.hook.limit, &second.hook.on), (COMMAND_LIMIT, &Some(known().usual_events)));
    assert_eq!(third.hook.on, None);
}

#[test]
fn what_is_wrong_with_a_rule_or_a_command_is_told_with_its_line() {
    let cases = [
        ("[[fetch]]\nprovder = 'x'", "line 2: there is no `provder` in [[fetch]]; did you mean `provider`?"),
        ("[fetch]\nprovider = 'x'", "line 1: `fetch` is a list, each written [[fetch]]"),
        ("[[fetch]]\nmax = 'much'", "line 2: `max` has to be a number of bytes, as 500M or 20G"),
        ("[[fetch]]\nmin = 2\nmax = 1", "`min` 2 is more than `max` 1: nothing fits"),
        ("[[fetch]]\nstation = []", "line 2: `station` is an empty list, which nothing fits"),
        ("[[fetch]]\nfetch = 'no'", "line 2: `fetch` has to be true or false"),
        ("[[fetch]]\nto = ''", "line 2: `to` is empty"),
        ("\n[[exec]]\non = 'saved'", "line 2: this [[exec]] has neither `command` nor `shell`"),
        ("[[exec]]\non = []", "line 2: `on` is an empty list, at which nothing is run"),
        (
            "[[exec]]\non = ['saved', 'exec_failed']",
            "line 2: no command is run at `exec_failed`, which tells what became of a command",
        ),
        (
            "[[exec]]\ncommand = 'a'\nshell = 'b'",
            "line 3: there are `command` and `shell`; one of them is run",
        ),
        ("[[exec]]\ncommand = []", "line 2: `command` names no program"),
        ("[[exec]]\non = 'savd'", "line 2: there is no event `savd`; did you mean `saved`?"),
        ("[[exec]]\nlimit = 0", "line 2: `limit` has to be a number of seconds from 0.1 to 3600"),
        ("[[exec]]\nlimits = 1", "line 2: there is no `limits` in [[exec]]; did you mean `limit`?"),
        ("[[exce]]\n", "did you mean `exec`?"),
    ];
    for (text, words) in cases {
        assert!(wrong(text).ends_with(words), "{text}: {}", wrong(text));
    }
    let many = |count: usize| "[[fetch]]\n".repeat(count);
    assert_eq!(parse(&many(256)).unwrap().fetch.len(), 256);
    assert!(wrong(&many(257)).ends_with("more than 256 times [[fetch]]"));
}
