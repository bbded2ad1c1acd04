use super::{Integer, Json, MAX_DEPTH, MAX_INTEGER_DIGITS, ParseJsonError, Text};

fn round(text: &str) -> String {
    Json::parse(text).unwrap().to_string()
}

// proves: MIX-JSON-1
#[test]
fn reads_and_writes_what_only_python_reads() {
    for text in [
        "NaN",
        "Infinity",
        "-Infinity",
        "123456789012345678901234567890",
        "-99999999999999999999",
        r#""\ud800""#,
    ] {
        assert_eq!(round(text), text);
    }
    assert_eq!(round("[1,2 ,\t3]"), "[1, 2, 3]");
    assert_eq!(round("-0"), "0");
    assert_eq!(round("1E5"), "100000.0");
    assert_eq!(round(r#""\u00e9\ud83d\udcac\/""#), r#""\u00e9\ud83d\udcac/""#);
    assert_eq!(round("\"é💬\u{7f}\""), r#""\u00e9\ud83d\udcac\u007f""#);
    assert_eq!(round(r#""\ud800\u0041\udc00\ud83d""#), r#""\ud800A\udc00\ud83d""#);
}

// proves: MIX-JSON-1
#[test]
fn refuses_what_python_refuses() {
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "nan",
        "'a'",
        "\"a\nb\"",
        r#""\x41""#,
        r#""\u12""#,
        "tru",
        "{1:2}",
        "[1 2]",
        "\"a",
        "-",
        "\u{feff}1",
        "--1",
        r#""\u+123""#,
    ] {
        assert!(Json::parse(text).is_err(), "{text:?}");
    }
}

// proves: MIX-JSON-2, MIX-INV-5
#[test]
fn writes_floats_as_repr_does() {
    for (text, written) in [
        ("1.0", "1.0"),
        ("0.1", "0.1"),
        ("1e-7", "1e-07"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("1e16", "1e+16"),
        ("123456789012345680.0", "1.2345678901234568e+17"),
        ("9999999999999998.0", "9999999999999998.0"),
        ("-0.0", "-0.0"),
        ("1e999", "Infinity"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("1e100", "1e+100"),
        ("0.5634886026382446", "0.5634886026382446"),
    ] {
        assert_eq!(round(text), written);
    }
}

// proves: MIX-JSON-1
#[test]
fn last_of_two_equal_keys_wins_in_the_place_of_the_first() {
    assert_eq!(round(r#"{"a": 1, "b": 2, "a": 3}"#), r#"{"a": 3, "b": 2}"#);
    let many: String = (0..40).map(|n| format!("\"k{}\": {n}, ", n % 20)).collect();
    let value = Json::parse(&format!("{{{many}\"z\": 0}}")).unwrap();
    let object = value.as_object().unwrap();
    assert_eq!(object.len(), 21);
    assert_eq!(object.find("k3"), Some(&Json::from(23_i64)));
    assert_eq!(object.position(&Text::from("z")), Some(20));
}

// proves: MIX-JSON-3
#[test]
fn nesting_is_accepted_up_to_the_limit_and_refused_above() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Json::parse(&nested(MAX_DEPTH)).is_ok());
    let error = Json::parse(&nested(MAX_DEPTH + 1)).unwrap_err();
    assert_eq!(error, ParseJsonError::NestedTooDeep { at: MAX_DEPTH, allowed: MAX_DEPTH });
    assert!(Json::parse(&"[{\"a\":".repeat(1_000_000)).is_err());
}

// proves: MIX-JSON-3
#[test]
fn integers_are_accepted_up_to_the_limit_of_digits() {
    let digits = "9".repeat(MAX_INTEGER_DIGITS);
    assert_eq!(Json::parse(&digits).unwrap(), Json::Int(Integer::Big(digits.as_str().into())));
    assert_eq!(
        Json::parse(&format!("{digits}9")),
        Err(ParseJsonError::IntegerTooLong { digits: MAX_INTEGER_DIGITS + 1, allowed: MAX_INTEGER_DIGITS })
    );
}

// proves: MIX-JSON-4
#[test]
fn equality_is_that_of_python() {
    let equal = |one: &str, two: &str| Json::parse(one).unwrap().python_eq(&Json::parse(two).unwrap());
    for (one, two) in [
        ("1", "1.0"),
        ("true", "1"),
        ("0.0", "false"),
        ("-0.0", "0"),
        (r#"{"a": 1, "b": 2}"#, r#"{"b": 2.0, "a": true}"#),
        ("[NaN]", "[NaN]"),
        (r#"{"a": NaN}"#, r#"{"a": NaN}"#),
        ("1e30", "1000000000000000019884624838656"),
        ("Infinity", "1e999"),
    ] {
        assert!(equal(one, two), "{one} {two}");
    }
    for (one, two) in [
        ("NaN", "NaN"),
        ("null", "0"),
        ("null", "false"),
        ("\"1\"", "1"),
        ("9007199254740993", "9007199254740992.0"),
        ("[1, 2]", "[2, 1]"),
        ("1e30", "1000000000000000000000000000000"),
        (r#"{"a": 1}"#, r#"{"b": 1}"#),
        ("[]", "{}"),
        ("1", "1.5"),
        ("[1]", "[1, 1]"),
    ] {
        assert!(!equal(one, two), "{one} {two}");
    }
}
