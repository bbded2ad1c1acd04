//! Names of files as strangers give them, tamed: no folders, nothing unseen, not too long.

/// The name of a file that somebody sends, as it is committed; `None`: nothing is left of it.
pub(crate) fn of_upload(text: &str) -> Option<String> {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let tame: String = mvrx_node::shown::tame(last).chars().filter(|c| *c != '\u{fffd}').collect();
    let mut tame = tame.trim().trim_start_matches('.').trim().to_owned();
    tame.truncate(tame.floor_char_boundary(LONGEST));
    (!tame.is_empty()).then_some(tame)
}

/// The header with which a browser saves a file under this name.
pub(crate) fn disposition(name: &str) -> String {
    let name = of_upload(name).unwrap_or_else(|| "commit.mvr".to_owned());
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " ._-()+".contains(c);
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// Bytes of a name.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    // proves: WEB-07
    #[test]
    fn a_strangers_name_is_the_name_of_a_file_and_no_path_or_header() {
        for (given, name) in [
            ("../../etc/passwd", Some("passwd")),
            ("C:\\shows\\Tour.mvr", Some("Tour.mvr")),
            ("a\r\nX-Evil: 1.mvr", Some("aX-Evil: 1.mvr")),
            ("..", None),
            ("x/", None),
            (" .hidden", Some("hidden")),
            ("Bühne \u{202e}rvm.exe", Some("Bühne rvm.exe")),
        ] {
            assert_eq!(of_upload(given).as_deref(), name, "{given:?}");
        }
        assert!(of_upload(&"é".repeat(500)).unwrap().len() <= 200);
        let header = disposition("a\"; filename=\"b\r\n.mvr");
        assert_eq!(
            header,
            "attachment; filename=\"a__ filename__b.mvr\"; filename*=UTF-8''a%22%3B%20filename%3D%22b.mvr"
        );
        assert_eq!(
            disposition("Bühne.mvr"),
            "attachment; filename=\"B_hne.mvr\"; filename*=UTF-8''B%C3%BChne.mvr"
        );
    }
}
