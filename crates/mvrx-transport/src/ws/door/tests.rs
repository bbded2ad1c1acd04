use std::net::Ipv6Addr;

use super::*;
use crate::tls::Fingerprint;

fn door() -> Door {
    Door::new(Password::new("open: sésame").unwrap())
}

fn said(text: &str) -> String {
    Password::new(text).unwrap().authorization()
}

const FROM: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 7));

#[test]
// proves: PWD-01
fn the_password_alone_opens_and_nothing_shows_it() {
    let right = said("open: sésame");
    assert_eq!(door().knock(FROM, Some(&right)), Ok(Entry::In(MayBe::Anyone)));
    assert_eq!(door().knock(FROM, Some(&right.replace("Basic", "BASIC"))), Ok(Entry::In(MayBe::Anyone)));
    assert_eq!(door().knock(FROM, None), Ok(Entry::InJoin));
    assert_eq!(door().in_handshake_only().knock(FROM, None), Err(Shut::NoPassword));
    let bare = format!("Basic {}", BASE64.encode(b"open"));
    for wrong in ["", "Basic", "Basic !", "Bearer open", &bare, &said("open: sesame"), &said("open")] {
        assert_eq!(door().knock(FROM, Some(wrong)), Err(Shut::WrongPassword), "{wrong}");
    }
    let url = "wss://rack/".parse().unwrap();
    let login = Login::new(Password::new("sésame").unwrap(), &url);
    assert!(!format!("{:?} {login:?}", door()).contains("same"));
    for wrong in ["", "a\nb", &"a".repeat(257)] {
        assert_eq!(Password::new(wrong).map(drop), Err(NotAPassword));
    }
}

#[test]
// proves: PWD-15
fn one_text_is_one_password_however_its_accents_are_put_together() {
    // As one system types it and as another one: \u{e9} and e with \u{301} behind it.
    let (together, apart) = ("s\u{e9}same", "se\u{301}same");
    assert_ne!(together, apart);
    let station = StationUuid::from_random_bytes([7; 16]);
    // Foreign clients, which say what they were given.
    let basic = |text: &str| format!("Basic {}", BASE64.encode(format!("any:{text}").as_bytes()));
    let join = |text: &str| Password(text.to_owned()).for_join(station);
    for host in [together, apart] {
        let host = Password::new(host).unwrap();
        let door = Door::new(host.clone());
        for client in [together, apart] {
            assert_eq!(door.knock(FROM, Some(&said(client))), Ok(Entry::In(MayBe::Anyone)));
            assert_eq!(door.knock(FROM, Some(&basic(client))), Ok(Entry::In(MayBe::Anyone)));
            assert!(host.is_in_join(station, &join(client)));
        }
        assert!(door.knock(FROM, Some(&basic("sesame"))).is_err());
        assert!(!host.is_in_join(station, &join("sesame")));
    }
}

#[tokio::test(start_paused = true)]
// proves: PWD-02
async fn guesses_of_an_address_are_limited_and_others_come_in() {
    let (door, right) = (door(), said("open: sésame"));
    let neighbour = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 1, 9, 9, 9, 9));
    for _ in 0..5 {
        assert_eq!(door.knock(FROM, Some("Basic x")), Err(Shut::WrongPassword));
    }
    for from in [FROM, neighbour] {
        let shut = door.knock(from, Some(&right));
        assert!(matches!(shut, Err(Shut::TooManyGuesses(wait)) if wait <= EACH), "{shut:?}");
    }
    assert_eq!(door.knock(IpAddr::V6(Ipv6Addr::LOCALHOST), Some(&right)), Ok(Entry::In(MayBe::Anyone)));
    tokio::time::advance(EACH).await;
    assert_eq!(door.knock(FROM, Some(&right)), Ok(Entry::In(MayBe::Anyone)));
    // One more each ten seconds, and the right one does not count.
    assert_eq!(door.knock(FROM, Some("Basic x")), Err(Shut::WrongPassword));
    assert!(matches!(door.knock(FROM, Some("Basic x")), Err(Shut::TooManyGuesses(_))));
    for n in 0..5_000_u32 {
        let _ = door.knock(IpAddr::V4(n.into()), Some("Basic x"));
    }
    assert!(door.guesses.lock().unwrap().until.len() <= ADDRESSES);
}

#[test]
// proves: PWD-03
fn a_password_is_told_to_its_host_alone_and_encrypted() {
    let login = Login::new(Password::new("x").unwrap(), &url("wss://rack:9/"));
    let told = |login: &Login, at: &str, trust: &ClientTls| {
        Login::of_host(std::slice::from_ref(login), &url(at), trust).is_some()
    };
    let any = ClientTls::default();
    assert!(told(&login, "wss://rack:9/other", &any));
    for other in ["ws://rack:9/", "wss://rack/", "wss://evil:9/"] {
        assert!(!told(&login, other, &any), "{other}");
    }
    assert!(told(&login, "wss://evil:9/", &pinned()));
    assert!(!told(&login, "ws://rack:9/", &pinned()));
    let open = login.in_the_clear();
    assert!(told(&open, "ws://rack:9/", &any));
    assert!(!told(&open, "ws://evil:9/", &pinned()));
}

#[test]
// proves: PWD-10
fn of_several_passwords_a_host_is_told_its_own_and_a_stranger_none() {
    let word = |text: &str| Password::new(text).unwrap();
    let logins = [Login::pinned(word("p")).in_the_clear(), Login::at(word("a"), &url("wss://rack:9/"))];
    let told =
        |at: &str, trust: &ClientTls| Login::of_host(&logins, &url(at), trust).map(|told| told.authorization);
    let any = ClientTls::default();
    for trust in [&any, &pinned()] {
        assert_eq!(told("wss://RACK:9/", trust), Some(said("a")));
        for other in ["ws://rack:9/", "ws://evil/"] {
            assert_eq!(told(other, trust), None, "{other}");
        }
    }
    assert_eq!(told("wss://evil/", &any), None);
    // Who gets so far has the key of the pinned certificate.
    assert_eq!(told("wss://elsewhere/", &pinned()), Some(said("p")));
    // What is for one host alone is not for whoever has the pinned certificate.
    assert!(Login::of_host(&logins[1..], &url("wss://elsewhere/"), &pinned()).is_none());
}

fn url(text: &str) -> WsUrl {
    text.parse().unwrap()
}

fn pinned() -> ClientTls {
    ClientTls::pinned(Fingerprint::of(b"x")).unwrap()
}

fn join_of(station: StationUuid, said: Option<JoinPassword>) -> Join {
    Join { password: said, ..Join::new(station, "Desk", "ThePult", mvrx_message::MvrVersion::CURRENT) }
}

fn desk(n: u8) -> StationUuid {
    StationUuid::from_random_bytes([n; 16])
}

#[test]
// proves: PWD-06, PWD-07
fn a_join_opens_by_the_hash_of_password_and_station_in_every_usual_form() {
    let station: StationUuid = "4aa291a1-1a62-45fe-aabc-e90e5e2399a8".parse().unwrap();
    // sha256sum of "open sesame4aa291a1-1a62-45fe-aabc-e90e5e2399a8", and of the same in upper case.
    let lower = "abe22f3f122d603bbae0a4f741c6e896492f9fbc64508b453f1771ece42b198f";
    let upper = "0eae825b3f77c6bc49d3cf320dbee14ad2712cfd79b48dfa016be0af4aa998dd";
    let password = Password::new("open sesame").unwrap();
    assert_eq!(password.for_join(station).as_str(), lower);
    assert!(!format!("{:?}", password.for_join(station)).contains(&lower[..8]));
    let door = Door::new(password);
    let says = |said: &str| door.first_join(FROM, Some(&join_of(station, Some(JoinPassword::new(said)))));
    let code = BASE64.encode(&HEXLOWER.decode(lower.as_bytes()).unwrap());
    for right in [lower, upper, &lower.to_ascii_uppercase(), &format!(" {lower} "), &code] {
        assert_eq!(says(right), Ok(MayBe::Only(Arc::from([station]))), "{right}");
    }
    let (cut, long) = (&lower[..62], format!("{lower}00"));
    for wrong in ["", "open sesame", cut, &long] {
        assert_eq!(says(wrong), Err(Shut::WrongPassword), "{wrong}");
    }
    // Four wrong ones so far, and one of another station, whose hash this is not.
    let other = join_of(desk(7), Some(JoinPassword::new(lower)));
    assert_eq!(door.first_join(FROM, Some(&other)), Err(Shut::WrongPassword));
    assert!(matches!(says(lower), Err(Shut::TooManyGuesses(_))), "five guesses are all");
}

#[test]
// proves: PWD-06
fn who_says_nothing_in_its_join_has_guessed_nothing() {
    let door = door();
    for _ in 0..9 {
        assert_eq!(door.first_join(FROM, None), Err(Shut::NoPassword));
        assert_eq!(door.first_join(FROM, Some(&join_of(desk(1), None))), Err(Shut::NoPassword));
    }
    assert_eq!(door.knock(FROM, None), Ok(Entry::InJoin));
}

#[test]
// proves: PWD-08
fn a_password_of_its_own_makes_a_station_that_one_and_nobody_else() {
    let password = |text: &str| Password::new(text).unwrap();
    let own = || BTreeMap::from([(desk(1), password("one")), (desk(2), password("two"))]);
    let knock = |door: &Door, text: &str| door.knock(FROM, Some(&said(text)));
    let only = Door::per_station(own());
    assert_eq!(knock(&only, "one"), Ok(Entry::In(MayBe::Only(Arc::from([desk(1)])))));
    assert_eq!(knock(&only, "all"), Err(Shut::WrongPassword));
    let both = Door::new(password("all")).with_own(own());
    let Ok(Entry::In(may_be)) = knock(&both, "all") else { panic!("the common one opens") };
    assert_eq!([1, 2, 3].map(|n| may_be.includes(desk(n))), [false, false, true]);
    let Ok(Entry::In(may_be)) = knock(&both, "two") else { panic!("its own one opens") };
    assert_eq!([1, 2, 3].map(|n| may_be.includes(desk(n))), [false, true, false]);
    let joins = |door: &Door, n: u8, text: &str| {
        let said = password(text).for_join(desk(n));
        door.first_join(FROM, Some(&join_of(desk(n), Some(said)))).is_ok()
    };
    assert!(joins(&both, 1, "one") && joins(&both, 3, "all"));
    assert!(!joins(&both, 1, "all"), "a station with one of its own has no other");
    assert!(!joins(&only, 3, "all") && !joins(&both, 1, "two"));
}
