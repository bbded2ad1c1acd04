//! Aim: the real station, over real sockets, with a double of each product: both sides know each other, files go both ways, nobody is killed.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::time::Duration;

use mvrx_discovery::FixedDiscovery;
use mvrx_station::{CommitDraft, Source, Station};
use mvrx_store::MemStore;
use mvrx_worlds::doubles::Quirky;
use mvrx_worlds::doubles::sockets::Running;

const LIMIT: Duration = Duration::from_secs(20);

async fn meets(product: Quirky) {
    let id = "4aa291a1-1a62-45fe-aabc-e90e5e2399a8";
    let double = Running::start(product, id, &format!("{product:?}")).unwrap();
    let (station, _events) = Station::builder("FOH desk")
        .any_file(true)
        .provider("mvrx worlds")
        .listen(SocketAddr::from(([127, 0, 0, 1], 0)))
        .store(MemStore::default())
        .discovery(FixedDiscovery::new([double.address()]))
        .spawn()
        .await
        .unwrap();
    let me = station.uuid().to_string();
    double.sees(&me, station.address());
    until(&station, |stations| stations > 0).await;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("show.mvr");
    std::fs::write(&path, vec![7; 300_000]).unwrap();
    let ours = station.commit(CommitDraft::from_path(&path).comment("ours")).await.unwrap();
    let ours = ours.file.to_string();
    assert!(double.wait_for(LIMIT, |double| double.known().any(|file| file == ours)), "{product:?}");
    double.with(|double| double.request(0));
    assert!(double.wait_for(LIMIT, |double| double.got().contains_key(&ours)), "{product:?}");
    assert_eq!(double.with(|double| double.got()[&ours].len()), 300_000);

    assert!(double.wait_for(LIMIT, |double| double.members().contains(&me)), "{product:?}");
    let theirs = "11111111-2222-4333-8444-555555555555";
    double.with(|double| double.commit(theirs, vec![9; 200_000]));
    for _ in 0..200 {
        if station.commits().await.unwrap().len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let transfer = station.request(theirs.parse().unwrap(), Source::Any).await.unwrap();
    let fetched = tokio::time::timeout(LIMIT, transfer).await.unwrap().unwrap();
    assert_eq!(fetched.commit.file_size, 200_000, "{product:?}");
    station.stop().await;
    double.with(|double| assert_eq!((double.killed(), double.lost()), (None, 0), "{product:?}"));
}

async fn until(station: &Station, done: impl Fn(usize) -> bool) {
    for _ in 0..1_000 {
        if done(station.stations().await.unwrap().iter().filter(|s| !s.provider.is_empty()).count()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody joined");
}

macro_rules! meets {
    ($($name:ident: $product:ident,)*) => {
        $(#[tokio::test]
        async fn $name() {
            meets(Quirky::$product).await;
        })*
    };
}

meets! {
    the_official_library_gets_and_gives_files: LibMvrGdtf,
    blender_dmx_gets_and_gives_files: BlenderDmx,
    mvr4j_gets_and_gives_files: Mvr4j,
    perastage_gets_and_gives_files: Perastage,
    peraviz_gets_and_gives_files: Peraviz,
    the_pult_gets_and_gives_files: ThePult,
    grandma3_gets_and_gives_files: GrandMa3,
}
