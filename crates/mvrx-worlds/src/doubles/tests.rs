use super::*;

const STATION: &str = "11111111-1111-4111-8111-111111111111";
const FILES: [&str; 3] = [
    "aaaaaaaa-1111-4111-8111-111111111111",
    "bbbbbbbb-1111-4111-8111-111111111111",
    "cccccccc-1111-4111-8111-111111111111",
];

/// It has asked one station for three files on the connection it keeps.
fn asking() -> (Double, u64) {
    let mut double = Double::new(Quirky::GrandMa3, "22222222-2222-4222-8222-222222222222", "desk");
    double.seen.insert(STATION.to_owned(), "127.0.0.1:42424".parse().unwrap());
    for file in FILES {
        double.known.insert(file.to_owned(), STATION.to_owned());
    }
    double.request(0);
    let conn = match double.orders().as_slice() {
        [Order::Dial { conn, .. }] => *conn,
        other => panic!("{other:?}"),
    };
    double.opened(conn);
    double.request(1);
    double.request(2);
    let writes = double.orders();
    assert!(
        writes.iter().all(|order| matches!(order, Order::Write { conn: c, .. } if *c == conn)),
        "{writes:?}"
    );
    assert_eq!(writes.len(), 3);
    (double, conn)
}

#[test]
fn takes_replies_on_one_connection_in_the_order_of_its_requests() {
    let (mut double, conn) = asking();
    double.read(conn, &reading::frame(1, 1, b"first"));
    let refusal = json!({"Type": "MVR_REQUEST_RET", "OK": false, "Message": "not here"});
    double.read(conn, &reading::frame(1, 0, refusal.to_string().as_bytes()));
    double.read(conn, &reading::frame(1, 1, b"third"));
    assert_eq!(double.killed(), None);
    let got: Vec<(&str, &[u8])> = double.got().iter().map(|(f, b)| (f.as_str(), b.as_slice())).collect();
    assert_eq!(got, [(FILES[0], &b"first"[..]), (FILES[2], &b"third"[..])]);
}
