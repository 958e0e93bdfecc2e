//! Random sequences of faults: each push either stores the right content or fails with a clear error and
//! without a tag, and the next push without faults succeeds.

use oci::registry::{Repository, Settings};
use test_registry::{Action, Fault, Profile, TestRegistry};

use crate::fixture::{Image, NAME, assert_complete, cause, image, push, settings, someone};

/// The number of runs, and the seed of the first one; a failure reports its seed.
const RUNS: u64 = 1200;

/// A generator that is the same on every machine:
/// [SplitMix64](https://doi.org/10.1145/2714064.2660195).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).unwrap()
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(u32::try_from(all.len()).unwrap()) as usize].clone()
    }
}

fn response(status: u16, retry_after: Option<&str>, body: &'static str) -> Action {
    let headers = retry_after.map(|value| ("retry-after", value.to_owned()));
    Action::Respond(status, headers.into_iter().collect(), body)
}

/// The faults of the matrix; `elsewhere` is another registry.
fn actions(elsewhere: &str) -> Vec<Action> {
    let denied = r#"{"errors":[{"code":"DENIED","message":"no"}]}"#;
    let redirect = |status| {
        let there = format!("http://{elsewhere}/v2/elsewhere/blobs/uploads/?X-Secret=s");
        Action::Respond(status, vec![("location", there)], "")
    };
    vec![
        Action::CutRequest(0),
        Action::CutRequest(1),
        Action::CutRequest(700),
        Action::CutResponse,
        Action::CutBody,
        Action::DamageBody,
        Action::OtherDigest,
        Action::NoLocation,
        Action::WrongLength,
        Action::StaleRange,
        Action::EndTokens,
        Action::Trickle,
        response(201, None, ""),
        response(400, None, "<html>"),
        response(401, None, ""),
        response(403, None, denied),
        response(404, None, ""),
        response(408, None, ""),
        response(416, None, ""),
        response(429, Some("0"), ""),
        response(429, None, denied),
        response(500, None, ""),
        response(502, None, "<html>"),
        response(503, Some("0"), ""),
        response(504, None, ""),
        redirect(301),
        redirect(307),
    ]
}

const METHODS: [&str; 5] = ["HEAD", "GET", "POST", "PUT", "PATCH"];
const PATHS: [&str; 6] = [
    "/",
    "/blobs/",
    "/uploads/",
    "/manifests/",
    "/manifests/v1",
    "/token",
];

fn fault(random: &mut Random, actions: &[Action]) -> Fault {
    Fault {
        method: random.pick(&METHODS),
        path: random.pick(&PATHS),
        after: random.below(4),
        times: 1 + random.below(7),
        action: random.pick(actions),
    }
}

/// Returns whether the push under the faults succeeded.
fn check(
    image: &Image,
    seed: u64,
    profile: Profile,
    faults: Vec<Fault>,
    settings: &Settings,
) -> bool {
    let registry = TestRegistry::start(profile.behaviour("AWS", "hunter2"));
    let what = format!("seed {seed}, {profile:?}, {faults:?}");
    for fault in faults {
        registry.fault(fault);
    }
    let push = || {
        let reference = registry.reference(NAME);
        let repository = Repository::push(&reference, settings.clone(), someone()).unwrap();
        push(image, &repository, &["v1"])
    };
    let outcome = push();
    match &outcome {
        Ok(()) => assert_complete(&registry, image, "v1"),
        Err(error) => {
            let error = cause(error);
            let text = format!("{error} {error:?}");
            assert!(text.contains("http://127.0.0.1:"), "{what}: {text}");
            for secret in ["hunter2", "QVdTOmh1bnRlcjI", "_state", "X-Secret", "token-"] {
                assert!(!text.contains(secret), "{what}: {text}");
            }
            // The request that failed may have been the check of the tag.
            if registry.tag(NAME, "v1").is_some() {
                assert_complete(&registry, image, "v1");
            }
        }
    }
    registry.clear_faults();
    push().unwrap_or_else(|error| panic!("{what}: the next push: {error:?}"));
    assert_complete(&registry, image, "v1");
    outcome.is_ok()
}

/// One push in four sends its blobs in chunks from the start.
fn settings_of(random: &mut Random, profile: Profile) -> Settings {
    let in_chunks = random.below(4) == 0;
    let ecr = matches!(
        profile,
        Profile::Ecr | Profile::EcrImmutable | Profile::EcrPublic
    );
    let mut settings = settings();
    if in_chunks {
        settings.monolithic_bytes = 100;
    }
    if !ecr {
        settings.chunk_bytes = 1000;
    }
    settings
}

#[test]
fn each_single_fault_is_handled() {
    let image = image();
    let elsewhere = TestRegistry::start(Profile::Strict.behaviour("", ""));
    let mut random = Random(1);
    for action in actions(&elsewhere.host()) {
        for method in METHODS {
            for times in [1, 99] {
                let action = action.clone();
                let fault = Fault {
                    method,
                    path: "/",
                    after: random.below(3),
                    times,
                    action,
                };
                let profile = random.pick(&Profile::ALL);
                check(
                    &image,
                    0,
                    profile,
                    vec![fault],
                    &settings_of(&mut random, profile),
                );
            }
        }
    }
}

#[test]
fn random_sequences_of_faults_are_handled() {
    let image = image();
    let elsewhere = TestRegistry::start(Profile::Strict.behaviour("", ""));
    let actions = actions(&elsewhere.host());
    let run = |seed| {
        let mut random = Random(seed);
        let profile = random.pick(&Profile::ALL);
        let count = 1 + random.below(5);
        let faults = (0..count).map(|_| fault(&mut random, &actions)).collect();
        check(
            &image,
            seed,
            profile,
            faults,
            &settings_of(&mut random, profile),
        );
    };
    std::thread::scope(|scope| {
        for first in 0..4 {
            scope.spawn(move || (first..RUNS).step_by(4).for_each(run));
        }
    });
}
