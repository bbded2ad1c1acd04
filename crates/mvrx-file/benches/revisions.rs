//! What it costs to read, compare, check and draw shows of different sizes. Throughput is per fixture: it has to stay level.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::io::Cursor;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mvrx_file::generate::{Changes, Recipe};
use mvrx_file::plan::{Plan, SvgOptions};
use mvrx_file::{Diff, Limits, MvrFile, Summary, check, version_of_reader};

fn revisions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("revisions");
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    for fixtures in [1_000, 3_000, 10_000] {
        let first = Recipe::new(1).fixtures(fixtures).trusses(fixtures / 25).meshes(200);
        let second = first.clone().revised(Changes {
            readdressed: fixtures / 4,
            moved: fixtures / 6,
            removed: fixtures / 25,
        });
        let (old_bytes, new_bytes) = (first.to_bytes(), second.to_bytes());
        let open = |bytes: &[u8]| MvrFile::read(Cursor::new(bytes.to_vec()), &Limits::default()).unwrap();
        let (old, new) = (open(&old_bytes), open(&new_bytes));
        let diff = Diff::between(&old, &new);
        group.throughput(Throughput::Elements(u64::from(fixtures)));
        let mut bench = |name: &str, work: &mut dyn FnMut()| {
            group.bench_function(BenchmarkId::new(name, fixtures), |bencher| bencher.iter(&mut *work));
        };
        bench("version", &mut || {
            drop(black_box(version_of_reader(Cursor::new(&old_bytes), &Limits::default())));
        });
        bench("read", &mut || drop(black_box(MvrFile::read(Cursor::new(&old_bytes), &Limits::default()))));
        bench("diff", &mut || drop(black_box(Diff::between(&old, &new))));
        bench("summary", &mut || drop(black_box(Summary::of(&old))));
        bench("check", &mut || drop(black_box(check::reader(Cursor::new(&old_bytes), &Limits::default()))));
        bench("plan", &mut || {
            drop(black_box(Plan::of_change(&old, &new, &diff).svg(&SvgOptions::default())));
        });
    }
    group.finish();
}

criterion_group!(benches, revisions);
criterion_main!(benches);
