//! Every example folder keeps what its cases promise.

use crate::harness::binary::{command, run};
use crate::harness::repository;

/// They need somebody to talk to, and have tests of their own in `lambda_examples`.
const TALKING: [&str; 3] = ["dynamodb-redirects", "image-resizing", "oidc-login"];

async fn passes(folder: &str) {
    let ended = run(command(&repository("examples"), &["test", folder])).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

macro_rules! examples {
    ($($name:ident: $folder:literal),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                passes($folder).await;
            }
        )*

        #[test]
        fn no_example_is_left_out() {
            let mut found: Vec<_> = std::fs::read_dir(repository("examples")).unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            found.sort();
            let mut run = vec![$($folder.to_owned()),*];
            run.extend(TALKING.map(str::to_owned));
            run.sort();
            assert_eq!(found, run);
        }
    };
}

examples! {
    quickstart: "quickstart",
    jwt_auth: "jwt-auth",
    ab_routing: "ab-routing",
    header_rewriting: "header-rewriting",
    url_rewriting: "url-rewriting",
    single_page_app: "single-page-app",
    python_origin_hook: "python-origin-hook",
    node_origin_hook: "node-origin-hook",
    origin_selection: "origin-selection",
    webhooks: "webhooks",
    edge_rendering: "edge-rendering",
}
