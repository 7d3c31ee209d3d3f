//! Pages of a distribution in the place of errors, of origins and of the node itself.

use crate::harness::{Asked, Edge, Http2, Origin, PATIENCE, Reply, get_of, one_origin, request_of};
use http::Request;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A custom error response for a status.
fn page(error_code: u16, path: &str, response_code: u16) -> String {
    format!(
        "\n[[distribution.custom_error_response]]\nerror_code = {error_code}\nresponse_page_path = \"{path}\"\n\
         response_code = {response_code}\n"
    )
}

/// An origin with a page; all else is `status`.
fn with_page_or(status: u16) -> impl Fn(Asked) -> Reply + Send + Sync + 'static {
    move |asked| match asked.target.as_str() {
        "/page.html" => Reply::ok("the page").with("content-type", "text/html").with("x-page", "1"),
        _ => Reply::status(status, "the origin's own words"),
    }
}

#[tokio::test]
async fn an_error_of_the_origin_is_shown_as_the_page_with_its_status() {
    let edge = Edge::before("", with_page_or(404)).configured(&page(404, "/page.html", 200)).start().await;
    for path in ["/a", "/a", "/b?c=d"] {
        let answer = edge.get(path).await;
        assert_eq!((answer.status, answer.text(), answer.x_cache()), (200, "the page", "Error"), "{path}");
        assert_eq!((answer.header("content-type"), answer.header("x-page")), (Some("text/html"), Some("1")));
        assert_eq!(answer.header("content-length"), Some("8"));
    }
    let head = edge.ask("HEAD", "/a", &[], "").await;
    assert_eq!((head.status, head.header("content-length")), (200, Some("8")));
    let targets: Vec<_> = edge.asked("app").into_iter().map(|asked| asked.target).collect();
    assert_eq!(targets, ["/a", "/page.html", "/b"], "errors and the page are cached, each under its own key");
    edge.stop().await;
}

#[tokio::test]
async fn a_page_of_an_error_without_a_body_over_both_versions_of_http() {
    let answer = |asked: Asked| match asked.target.as_str() {
        "/page.html" => Reply::ok("the page"),
        _ => Reply::status(404, ""),
    };
    let edge = Edge::before("", answer).configured(&page(404, "/page.html", 404)).start().await;
    let mut viewer = edge.connect().await;
    for _ in 0..2 {
        let answer = viewer.send(&get_of("/a", &[])).await;
        assert_eq!((answer.status, answer.text()), (404, "the page"));
    }
    let http2 = Http2::open(edge.address).await;
    let request = Request::get("http://a.test/c").body(()).unwrap();
    let answer = http2.send(request, &[]).await;
    assert_eq!((answer.status, answer.text()), (404, "the page"));
    assert_eq!(edge.asked("app").iter().filter(|asked| asked.target == "/a").count(), 1, "the error is cached");
    edge.stop().await;
}

#[tokio::test]
async fn head_of_an_error_is_the_head_of_its_page_whether_or_not_the_error_has_a_body() {
    for cache_policy in ["CachingOptimized", "CachingDisabled"] {
        let answer = |asked: Asked| match asked.target.as_str() {
            "/page.html" => Reply::ok("the page"),
            "/empty" => Reply::status(404, ""),
            _ => Reply::status(404, "no"),
        };
        let edge = Edge::before(&format!("cache_policy = \"{cache_policy}\""), answer);
        let edge = edge.configured(&page(404, "/page.html", 200)).start().await;
        let mut viewer = edge.connect().await;
        for path in ["/empty", "/a", "/empty", "/a"] {
            let head = viewer.send(&request_of("HEAD", path, &[], "")).await;
            assert_eq!((head.status, head.header("content-length")), (200, Some("8")), "{cache_policy} {path}");
        }
        let whole = viewer.send(&get_of("/empty", &[])).await;
        assert_eq!((whole.status, whole.text()), (200, "the page"), "{cache_policy}");
        edge.stop().await;
    }
}

#[tokio::test]
async fn an_error_without_a_body_after_a_long_upload_is_shown_as_the_page() {
    let answer = |asked: Asked| match asked.target.as_str() {
        "/page.html" => Reply::ok("the page"),
        _ => Reply::status(404, ""),
    };
    let methods = "allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]";
    let edge = Edge::before(methods, answer).configured(&page(404, "/page.html", 200)).start().await;
    let mut viewer = edge.connect().await;
    for _ in 0..2 {
        let answer = viewer.send(&request_of("POST", "/a", &[], &"x".repeat(500_000))).await;
        assert_eq!((answer.status, answer.text()), (200, "the page"));
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_page_comes_through_the_behavior_of_its_path() {
    let toml = one_origin(
        "cache_policy = \"CachingDisabled\"\nallowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]",
    ) + "[[distribution.origin]]\nid = \"pages\"\ndomain_name = \"127.0.0.1\"\nhttp_port = {pages}\nprotocol_policy = \"http-only\"\n\
           custom_headers = { \"X-Secret\" = \"s\" }\n\
           [[distribution.behavior]]\npath_pattern = \"/errors/*\"\ntarget_origin = \"pages\"\n"
        + &page(503, "/errors/503.html", 503);
    let edge = Edge::with(toml)
        .origin("app", |_| Reply::status(503, "busy"))
        .origin("pages", |asked| Reply::ok(format!("{} {} {:?}", asked.method, asked.target, asked.header("x-secret"))))
        .start()
        .await;
    for (method, body) in [("GET", ""), ("POST", "some=body"), ("POST", "some=body")] {
        let answer = edge.ask(method, "/a?b=c", &[("content-type", "text/plain"), ("range", "bytes=0-1")], body).await;
        assert_eq!((answer.status, answer.text()), (503, "GET /errors/503.html Some(\"s\")"), "{method}");
    }
    assert_eq!((edge.asked_times("app"), edge.asked_times("pages")), (3, 1));
    assert!(edge.asked("pages")[0].header("content-length").is_none());
    edge.stop().await;
}

#[tokio::test]
async fn a_page_that_cannot_be_had_gives_the_viewer_the_status_of_its_origin() {
    let answer = |asked: Asked| match asked.target.as_str() {
        "/gone.html" => Reply::status(410, "no page"),
        _ => Reply::status(500, "broken"),
    };
    let edge = Edge::before("", answer).configured(&page(500, "/gone.html", 200)).start().await;
    let answer = edge.get("/a").await;
    assert_eq!((answer.status, answer.text(), answer.x_cache()), (410, "no page", "Error"));
    edge.stop().await;
}

#[tokio::test]
async fn pages_have_no_pages() {
    let pages = page(404, "/404.html", 200) + &page(500, "/500.html", 200);
    let answer = |asked: Asked| match asked.target.as_str() {
        "/404.html" => Reply::status(500, "the 404 page is broken"),
        "/500.html" => Reply::status(404, "there is no 500 page"),
        _ => Reply::status(404, "no"),
    };
    let edge = Edge::before("", answer).configured(&pages).start().await;
    let lost = edge.get("/a").await;
    assert_eq!((lost.status, lost.text()), (500, "the 404 page is broken"));
    // Asked for themselves they are objects like others, and each is the other's page.
    let page = edge.get("/404.html").await;
    assert_eq!((page.status, page.text()), (404, "there is no 500 page"));
    edge.stop().await;
}

#[tokio::test]
async fn a_request_for_the_page_itself_shows_its_own_error() {
    let edge = Edge::before("", |_| Reply::status(404, "no page either")).configured(&page(404, "/404.html", 200));
    let edge = edge.start().await;
    let answer = edge.get("/404.html?a=b").await;
    assert_eq!((answer.status, answer.text()), (404, "no page either"));
    edge.stop().await;
}

#[tokio::test]
async fn an_origin_that_nobody_reaches_is_shown_as_the_page() {
    for cache_policy in ["CachingOptimized", "CachingDisabled"] {
        let toml = one_origin(&format!("cache_policy = \"{cache_policy}\""))
            .replace("protocol_policy", "connection_attempts = 1\nprotocol_policy")
            + "[[distribution.origin]]\nid = \"pages\"\ndirectory = \"pages\"\n\
               [[distribution.behavior]]\npath_pattern = \"/errors/*\"\ntarget_origin = \"pages\"\n"
            + &page(502, "/errors/sorry.html", 503);
        let edge = Edge::with(toml).served("app", Origin::nobody()).file("pages/errors/sorry.html", "<h1>Sorry</h1>");
        let edge = edge.start().await;
        let answer = edge.get("/a").await;
        assert_eq!(
            (answer.status, answer.text(), answer.x_cache()),
            (503, "<h1>Sorry</h1>", "Error"),
            "{cache_policy}"
        );
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.all("date").len(), 1);
        edge.stop().await;
    }
}

#[tokio::test]
async fn what_the_node_refuses_itself_is_shown_as_the_page() {
    let edge = Edge::before("", with_page_or(200)).configured(&page(403, "/page.html", 403)).start().await;
    let answer = edge.ask("POST", "/a", &[], "x").await;
    assert_eq!((answer.status, answer.text(), answer.x_cache()), (403, "the page", "Error"));
    edge.stop().await;
}

#[tokio::test]
async fn a_failed_function_is_shown_as_the_page_and_one_that_answers_is_not() {
    let code = "function handler(event) {
        if (event.request.uri === '/throws') throw new Error('boom');
        return { statusCode: 503, body: 'mine' };
    }";
    let toml = one_origin("viewer_request = { function = \"f\" }") + &page(503, "/page.html", 503);
    let edge = Edge::with(toml).origin("app", with_page_or(200)).function_with("f", code, "budget_ms = 5000");
    let edge = edge.start().await;
    let failed = edge.get("/throws").await;
    assert_eq!((failed.status, failed.text(), failed.x_cache()), (503, "the page", "FunctionExecutionError"));
    let answered = edge.get("/answers").await;
    assert_eq!((answered.status, answered.text(), answered.x_cache()), (503, "mine", "FunctionGeneratedResponse"));
    edge.stop().await;
}

#[tokio::test]
async fn a_failed_viewer_response_function_is_shown_as_the_page() {
    let code = "function handler(event) { throw new Error('boom'); }";
    let toml = one_origin("viewer_response = { function = \"f\" }") + &page(503, "/page.html", 200);
    let edge = Edge::with(toml).origin("app", with_page_or(200)).function_with("f", code, "budget_ms = 5000");
    let edge = edge.start().await;
    let answer = edge.get("/a").await;
    assert_eq!((answer.status, answer.text(), answer.x_cache()), (200, "the page", "FunctionExecutionError"));
    edge.stop().await;
}

#[tokio::test]
async fn no_function_on_viewer_events_runs_for_a_page() {
    let code = "function handler(event) {
        var message = event.response || event.request;
        message.headers['x-ran'] = { value: 'yes' };
        return message;
    }";
    let behavior = "viewer_request = { function = \"f\" }\nviewer_response = { function = \"f\" }\n\
                    cache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"";
    let toml = one_origin(behavior)
        + "[[distribution.behavior]]\npath_pattern = \"/page.html\"\ntarget_origin = \"app\"\nviewer_request = { function = \"g\" }\n\
           cache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"\n"
        + &page(404, "/page.html", 200);
    let edge = Edge::with(toml)
        .origin("app", with_page_or(404))
        .function_with("f", code, "budget_ms = 5000")
        .function_with("g", "function handler(event) { return { statusCode: 302 }; }", "budget_ms = 5000");
    let edge = edge.start().await;
    let answer = edge.get("/a").await;
    assert_eq!((answer.status, answer.text(), answer.header("x-ran")), (200, "the page", None));
    let ran: Vec<_> = edge.asked("app").iter().map(|asked| asked.header("x-ran").is_some()).collect();
    assert_eq!(ran, [true, true], "the page is asked for with the request as the function left it");
    edge.stop().await;
}

#[tokio::test]
async fn the_connection_closes_after_the_pages_that_cloudfront_closes_it_after() {
    let statuses = [400, 403, 404, 405, 414, 500, 501, 502, 503, 504];
    let pages: String = statuses.iter().map(|status| page(*status, "/page.html", 200)).collect();
    let answer = |asked: Asked| match asked.target.strip_prefix("/status/") {
        Some(status) => Reply::status(status.parse().unwrap(), "no"),
        None => Reply::ok("the page"),
    };
    let edge = Edge::before("", answer).configured(&pages).start().await;
    for status in statuses {
        let answer = edge.get(&format!("/status/{status}")).await;
        assert_eq!((answer.status, answer.text()), (200, "the page"), "{status}");
        let closes = [400, 405, 414, 416, 500, 501].contains(&status);
        assert_eq!(answer.header("connection"), Some(if closes { "close" } else { "keep-alive" }), "{status}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_range_out_of_reach_is_shown_as_the_page() {
    let edge = Edge::before("", |asked| match asked.target.as_str() {
        "/page.html" => Reply::ok("the page"),
        _ => Reply::ok("0123456789"),
    });
    let edge = edge.configured(&page(416, "/page.html", 416)).start().await;
    assert_eq!(edge.get("/a").await.status, 200);
    let answer = edge.get_with("/a", &[("range", "bytes=100-200")]).await;
    assert_eq!((answer.status, answer.text()), (416, "the page"));
    edge.stop().await;
}

#[tokio::test]
async fn errors_are_kept_as_long_as_their_custom_error_response_says() {
    let toml = one_origin("")
        + "\n[[distribution.custom_error_response]]\nerror_code = 404\nerror_caching_min_ttl_s = 60\n\
                                 [[distribution.custom_error_response]]\nerror_code = 500\nerror_caching_min_ttl_s = 0\n";
    let edge = Edge::with(toml).origin("app", |asked| match asked.target.as_str() {
        "/404" => Reply::status(404, "no"),
        "/500" => Reply::status(500, "broken"),
        _ => Reply::status(503, "busy"),
    });
    let edge = edge.start().await;
    for seconds in [0, 9, 2, 48, 2] {
        edge.clock.advance(Duration::from_secs(seconds));
        for path in ["/404", "/500", "/503"] {
            assert_eq!(edge.get(path).await.status.to_string(), path[1..]);
        }
    }
    let asked = |path: &str| edge.asked("app").iter().filter(|asked| asked.target == path).count();
    assert_eq!((asked("/404"), asked("/500"), asked("/503")), (2, 5, 3));
    edge.stop().await;
}

#[tokio::test]
async fn an_expired_object_is_better_than_the_page() {
    let times = AtomicUsize::new(0);
    let toml = one_origin("") + &page(503, "/page.html", 200);
    let edge = Edge::with(toml).origin("app", move |asked| match asked.target.as_str() {
        "/page.html" => Reply::ok("the page"),
        _ if times.fetch_add(1, Ordering::SeqCst) == 0 => Reply::ok("good").with("cache-control", "max-age=10"),
        _ => Reply::status(503, "busy"),
    });
    let edge = edge.start().await;
    assert_eq!(edge.get("/a").await.text(), "good");
    edge.clock.advance(Duration::from_secs(11));
    let answer = edge.get("/a").await;
    assert_eq!((answer.status, answer.text()), (200, "good"));
    assert_eq!(edge.asked("app").iter().filter(|asked| asked.target == "/page.html").count(), 0);
    edge.stop().await;
}

#[tokio::test]
async fn a_page_that_is_renewed_in_the_background_is_shown_meanwhile() {
    let times = AtomicUsize::new(0);
    let edge = Edge::before("", move |asked| match asked.target.as_str() {
        "/page.html" => {
            let number = times.fetch_add(1, Ordering::SeqCst);
            Reply::ok(format!("page {number}")).with("cache-control", "max-age=5, stale-while-revalidate=60")
        }
        _ => Reply::status(404, "no"),
    });
    let edge = edge.configured(&page(404, "/page.html", 200)).start().await;
    assert_eq!(edge.get("/a").await.text(), "page 0");
    edge.clock.advance(Duration::from_secs(6));
    assert_eq!(edge.get("/a").await.text(), "page 0", "served while it is fetched anew");
    let renewed = async {
        while edge.get("/a").await.text() != "page 1" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, renewed).await.expect("the new page");
    edge.stop().await;
}

#[tokio::test]
async fn a_page_that_is_too_large_is_not_shown() {
    let edge = Edge::before("", |asked| match asked.target.as_str() {
        "/page.html" => Reply::ok(vec![b'x'; 1_048_577]),
        _ => Reply::status(404, "no"),
    });
    let edge = edge.configured(&page(404, "/page.html", 200)).start().await;
    let answer = edge.get("/a").await;
    assert_eq!((answer.status, answer.text()), (404, "no"));
    edge.stop().await;
}

#[tokio::test]
async fn a_page_that_turns_out_too_large_keeps_nobody_waiting_for_its_end() {
    let pages = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
    let kept = pages.clone();
    let edge = Edge::before("", move |asked| match asked.target.as_str() {
        "/page.html" => {
            let (reply, mut pieces) = Reply::streamed();
            pieces.try_send(hyper::body::Frame::data(vec![b'x'; 1_048_577].into())).unwrap();
            // It never ends.
            kept.lock().push(pieces);
            reply
        }
        _ => Reply::status(404, "no"),
    });
    let edge = edge.configured(&page(404, "/page.html", 200)).start().await;
    let answer = edge.get("/a").await;
    assert_eq!((answer.status, answer.text()), (404, "no"));
    pages.lock().clear();
    edge.stop().await;
}

#[tokio::test]
async fn the_access_log_has_the_status_that_was_shown_and_calls_it_an_error() {
    let toml = "[log]\naccess = \"access.log\"\nfunction = \"functions.log\"\n".to_owned()
        + &one_origin("")
        + &page(404, "/page.html", 200);
    let edge = Edge::with(toml).origin("app", with_page_or(404)).start().await;
    assert_eq!(edge.get("/a").await.status, 200);
    let log = edge.stop_and_read("access.log").await;
    let lines: Vec<Vec<&str>> =
        log.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines.len(), 1, "the request for the page is the node's own: {log}");
    // x-edge-result-type is the 14th field.
    assert_eq!((lines[0][7], lines[0][8], lines[0][13]), ("/a", "200", "Error"));
}

#[tokio::test]
async fn a_viewer_over_plain_http_and_without_a_token_gets_the_page_all_the_same() {
    let toml = one_origin("")
        + "[[distribution.behavior]]\npath_pattern = \"/page.html\"\ntarget_origin = \"app\"\nviewer_protocol_policy = \"https-only\"\n\
           authorize = { jwt = \"login\" }\n"
        + &page(404, "/page.html", 200)
        + "[[jwt]]\nname = \"login\"\nsecret_file = \"secret\"\nalgorithms = [\"HS256\"]\n";
    let edge = Edge::with(toml).origin("app", with_page_or(404)).file("secret", "0123456789abcdef0123456789abcdef");
    let edge = edge.start().await;
    let mut viewer = edge.connect().await;
    let answer = viewer.send(&request_of("GET", "/a", &[], "")).await;
    assert_eq!((answer.status, answer.text()), (200, "the page"));
    edge.stop().await;
}

#[tokio::test]
async fn two_errors_that_are_each_others_pages_do_not_wait_for_each_other() {
    // Each origin answers when both were asked for: then each object is on its way, and neither is whole.
    let both = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    let times = std::sync::Arc::new(AtomicUsize::new(0));
    let pages = page(404, "/b", 200) + &page(403, "/a", 200);
    let edge = Edge::with(one_origin("") + &pages).slow_origin("app", move |asked| {
        let (both, first) = (both.clone(), times.fetch_add(1, Ordering::SeqCst) < 2);
        async move {
            if first {
                both.wait().await;
            }
            let status = if asked.target == "/a" { 404 } else { 403 };
            Reply::status(status, "x".repeat(400_000)).with("cache-control", "max-age=60")
        }
    });
    let edge = edge.start().await;
    let (a, b) = tokio::join!(edge.get("/a"), edge.get("/b"));
    // Pages have no pages: each viewer gets the other's error.
    assert_eq!((a.status, b.status), (403, 404));
    edge.stop().await;
}

#[tokio::test]
async fn a_page_that_is_at_hand_is_shared_with_who_asks_for_it() {
    let edge = Edge::before("", with_page_or(404)).configured(&page(404, "/page.html", 200)).start().await;
    assert_eq!(edge.get("/page.html").await.x_cache(), "Miss");
    assert_eq!(edge.get("/a").await.text(), "the page");
    let targets: Vec<_> = edge.asked("app").into_iter().map(|asked| asked.target).collect();
    assert_eq!(targets, ["/page.html", "/a"]);
    edge.stop().await;
}

#[tokio::test]
async fn who_was_not_checked_for_the_page_cannot_pose_as_somebody() {
    let toml = one_origin("origin_request_policy = \"AllViewer\"")
        + "[[distribution.behavior]]\npath_pattern = \"/private/*\"\ntarget_origin = \"app\"\ncache_policy = \"CachingDisabled\"\n\
           origin_request_policy = \"AllViewer\"\nauthorize = { jwt = \"login\" }\nsplit = { experiment = \"beta\" }\n"
        + &page(404, "/private/page.html", 200)
        + "[[jwt]]\nname = \"login\"\nsecret_file = \"secret\"\nalgorithms = [\"HS256\"]\nclaims_to_headers = { sub = \"X-User\" }\n\
           [[experiment]]\nname = \"beta\"\nvariants = [{ name = \"a\", weight = 1, headers = { X-Beta = \"1\" } }, { name = \"b\", weight = 1 }]\n";
    let edge = Edge::with(toml)
        .origin("app", |asked| match asked.target.as_str() {
            "/private/page.html" => Reply::ok("the page"),
            _ => Reply::status(404, "no"),
        })
        .file("secret", "0123456789abcdef0123456789abcdef");
    let edge = edge.start().await;
    let answer =
        edge.get_with("/a", &[("x-user", "admin"), ("x_user", "admin"), ("x-beta", "1"), ("x-other", "1")]).await;
    assert_eq!((answer.status, answer.text()), (200, "the page"));
    let asked = &edge.asked("app")[1];
    assert_eq!(asked.target, "/private/page.html");
    let sent = ["x-user", "x_user", "x-beta", "x-other"].map(|name| asked.header(name).is_some());
    assert_eq!(sent, [false, false, false, true]);
    edge.stop().await;
}
