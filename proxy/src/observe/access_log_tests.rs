//! The exact bytes of access log lines.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::UNIX_EPOCH;

use AccessLogFormat::{CloudfrontStandard, Json};
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn record() -> Record<'static> {
    Record {
        finished: UNIX_EPOCH + Duration::from_secs(1_575_493_351),
        edge_location: "LAX1",
        sc_bytes: 392,
        viewer_ip: [192, 0, 2, 100].into(),
        viewer_port: 11_040,
        method: "GET",
        distribution_domain_name: "d111111abcdef8.cloudfront.net",
        host: Some(b"d111111abcdef8.cloudfront.net"),
        path: b"/index.html",
        query: None,
        status: Some(200),
        referer: None,
        user_agent: Some(b"Mozilla/5.0 (Windows...)"),
        cookie: None,
        result_type: ResultType::Hit,
        response_result_type: ResultType::Hit,
        detail: None,
        request_id: "SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==",
        protocol: Protocol::Https,
        version: Version::HTTP_2,
        cs_bytes: 23,
        time_taken: Duration::from_micros(1_999),
        time_to_first_byte: Some(Duration::from_millis(1)),
        forwarded_for: None,
        tls_protocol: Some("TLSv1.2"),
        tls_cipher: Some("ECDHE-RSA-AES128-GCM-SHA256"),
        content_type: Some(b"text/html"),
        content_length: Some(78),
        range: None,
        viewer_request_log_data: None,
        viewer_response_log_data: None,
    }
}

fn field(line: &str, name: &str) -> String {
    let position = FIELDS.iter().position(|field| *field == name).unwrap();
    line.split('\t').nth(position).unwrap().to_owned()
}

#[test]
fn the_documented_line_comes_out_byte_for_byte() {
    assert_eq!(
        record().line(CloudfrontStandard),
        "2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td111111abcdef8.cloudfront.net\t/index.html\t200\t-\t\
         Mozilla/5.0%20(Windows...)\t-\t-\tHit\tSOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==\t\
         d111111abcdef8.cloudfront.net\thttps\t23\t0.001\t-\tTLSv1.2\tECDHE-RSA-AES128-GCM-SHA256\tHit\tHTTP/2.0\t\
         -\t-\t11040\t0.001\tHit\ttext/html\t78\t-\t-"
    );
}

#[test]
fn a_new_file_begins_with_cloudfronts_two_lines() {
    assert_eq!(
        header(CloudfrontStandard),
        "#Version: 1.0\n\
         #Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) \
         cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol \
         cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status \
         fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len \
         sc-range-start sc-range-end\n"
    );
    assert_eq!(header(Json), "");
}

#[test]
fn every_field_has_its_place() {
    let full = Record {
        viewer_ip: "2001:db8::1".parse().unwrap(),
        host: Some(b"www.example.com"),
        query: Some(b"a=1&b=%20"),
        status: Some(206),
        referer: Some(b"https://example.com/?q=x"),
        cookie: Some(b"a=1; b=\"2\""),
        result_type: ResultType::Error,
        response_result_type: ResultType::RefreshHit,
        detail: Some(Detail::ClientCommError),
        protocol: Protocol::Wss,
        version: Version::HTTP_11,
        time_taken: Duration::from_millis(65_250),
        time_to_first_byte: None,
        forwarded_for: Some(b"203.0.113.9, 10.0.0.1"),
        content_type: Some(b"text/html; charset=utf-8"),
        range: Some(ByteRange { start: 0, end: 99 }),
        viewer_request_log_data: Some("a b"),
        ..record()
    };
    let line = full.line(Json);
    insta::assert_snapshot!(line.replace("\",\"", "\",\n\""), @r#"
    {"date":"2019-12-04",
    "time":"21:02:31",
    "x-edge-location":"LAX1",
    "sc-bytes":"392",
    "c-ip":"2001:db8::1",
    "cs-method":"GET",
    "cs(Host)":"d111111abcdef8.cloudfront.net",
    "cs-uri-stem":"/index.html",
    "sc-status":"206",
    "cs(Referer)":"https://example.com/?q=x",
    "cs(User-Agent)":"Mozilla/5.0%20(Windows...)",
    "cs-uri-query":"a=1&b=%2520",
    "cs(Cookie)":"a=1;%20b=%222%22",
    "x-edge-result-type":"Error",
    "x-edge-request-id":"SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==",
    "x-host-header":"www.example.com",
    "cs-protocol":"wss",
    "cs-bytes":"23",
    "time-taken":"65.250",
    "x-forwarded-for":"203.0.113.9,%2010.0.0.1",
    "ssl-protocol":"TLSv1.2",
    "ssl-cipher":"ECDHE-RSA-AES128-GCM-SHA256",
    "x-edge-response-result-type":"RefreshHit",
    "cs-protocol-version":"HTTP/1.1",
    "fle-status":"-",
    "fle-encrypted-fields":"-",
    "c-port":"11040",
    "time-to-first-byte":"-",
    "x-edge-detailed-result-type":"ClientCommError",
    "sc-content-type":"text/html;%20charset=utf-8",
    "sc-content-len":"78",
    "sc-range-start":"0",
    "sc-range-end":"99",
    "viewer-request-log-data":"a%20b",
    "viewer-response-log-data":"-"}
    "#);
    let json: serde_json::Map<String, Value> = serde_json::from_str(&line).unwrap();
    assert!(json.keys().eq(JSON_FIELDS), "all fields, in order");
    let standard = full.line(CloudfrontStandard);
    let values = json.values().map(|value| value.as_str().unwrap()).take(FIELDS.len());
    assert!(values.eq(standard.split('\t')), "both forms hold the same");
}

#[test]
fn a_viewer_that_left_before_an_answer_has_status_000() {
    let line = Record { status: None, ..record() }.line(CloudfrontStandard);
    assert_eq!(field(&line, "sc-status"), "000");
}

#[test]
fn exactly_the_documented_bytes_are_encoded() {
    let all: Vec<u8> = (0..=255).collect();
    let line = Record { query: Some(&all), ..record() }.line(CloudfrontStandard);
    let encoded = field(&line, "cs-uri-query");
    let kept: String = (33_u8..127).map(char::from).filter(|c| !"<>\"#%{}|\\^~[]`'".contains(*c)).collect();
    let mut left = encoded.as_str();
    for byte in all {
        let escape = format!("%{byte:02X}");
        let wanted = if kept.contains(char::from(byte)) { char::from(byte).to_string() } else { escape };
        left = left.strip_prefix(wanted.as_str()).unwrap_or_else(|| panic!("{byte} is not {wanted}"));
    }
    assert_eq!(left, "");
}

#[test]
fn hostile_values_add_neither_fields_nor_lines() {
    let hostile = b"x\ty\nz\r\"},{\"sc-status\":\"200\\\0\xff\xc3\x85";
    let with = Record {
        method: "GET\t\n\"",
        path: hostile,
        host: Some(hostile),
        user_agent: Some(hostile),
        content_type: Some(hostile),
        ..record()
    };
    let encoded = "x%09y%0Az%0D%22%7D,%7B%22sc-status%22:%22200%5C%00%FF%C3%85";
    let line = with.line(CloudfrontStandard);
    assert_eq!(line.split('\t').count(), 33);
    assert!(!line.contains('\n'));
    assert_eq!(field(&line, "cs-uri-stem"), encoded);
    assert_eq!(field(&line, "cs-method"), "GET%09%0A%22");
    let json: serde_json::Map<String, Value> = serde_json::from_str(&with.line(Json)).unwrap();
    assert_eq!(json["sc-content-type"], encoded);
    assert_eq!(json["sc-status"], "200");
    assert_eq!(json.len(), JSON_FIELDS.len());
}

#[test]
fn a_long_value_is_cut_between_escapes() {
    let plain = vec![b'a'; 100_000];
    let line = Record { user_agent: Some(&plain), ..record() }.line(CloudfrontStandard);
    assert_eq!(field(&line, "cs(User-Agent)"), "a".repeat(8_192));
    let escaped = vec![b' '; 100_000];
    let line = Record { user_agent: Some(&escaped), ..record() }.line(CloudfrontStandard);
    assert_eq!(field(&line, "cs(User-Agent)"), "%20".repeat(8_192 / 3));
    assert_eq!(field(&line, "sc-range-end"), "-");
}

#[test]
fn dates_are_right_at_the_edges_of_years_and_centuries() {
    let date = |seconds| {
        let line = Record { finished: UNIX_EPOCH + Duration::from_secs(seconds), ..record() }.line(CloudfrontStandard);
        format!("{} {}", field(&line, "date"), field(&line, "time"))
    };
    assert_eq!(date(0), "1970-01-01 00:00:00");
    assert_eq!(date(68_169_599), "1972-02-28 23:59:59");
    assert_eq!(date(68_169_600), "1972-02-29 00:00:00");
    assert_eq!(date(951_868_799), "2000-02-29 23:59:59");
    assert_eq!(date(951_868_800), "2000-03-01 00:00:00");
    assert_eq!(date(1_798_761_599), "2026-12-31 23:59:59");
    assert_eq!(date(4_107_542_400), "2100-03-01 00:00:00");
    let before = Record { finished: UNIX_EPOCH - Duration::from_secs(1), ..record() }.line(CloudfrontStandard);
    assert_eq!(field(&before, "date"), "1970-01-01");
}

proptest! {
    #[test]
    fn any_bytes_make_33_fields_of_ascii(path: Vec<u8>, query: Option<Vec<u8>>, cookie: Option<Vec<u8>>) {
        let record = Record { path: &path, query: query.as_deref(), cookie: cookie.as_deref(), ..record() };
        let line = record.line(CloudfrontStandard);
        prop_assert!(line.bytes().all(|byte| byte == b'\t' || (33..127).contains(&byte)));
        prop_assert_eq!(line.split('\t').count(), 33);
        let json: serde_json::Map<String, Value> = serde_json::from_str(&record.line(Json)).unwrap();
        let values = json.values().map(|value| value.as_str().unwrap()).take(FIELDS.len());
        prop_assert!(values.eq(line.split('\t')));
    }

    #[test]
    fn dates_agree_with_httpdate(seconds in 0_u64..7_258_118_400) {
        let moment = UNIX_EPOCH + Duration::from_secs(seconds);
        let line = Record { finished: moment, ..record() }.line(CloudfrontStandard);
        let http = httpdate::fmt_http_date(moment);
        prop_assert_eq!(field(&line, "time"), &http[17..25]);
        let date = field(&line, "date");
        prop_assert_eq!(&date[..4], &http[12..16]);
        prop_assert_eq!(&date[8..], &http[5..7]);
        let month = "JanFebMarAprMayJunJulAugSepOctNovDec".find(&http[8..11]).unwrap() / 3 + 1;
        prop_assert_eq!(date[5..7].parse::<usize>().unwrap(), month);
    }
}

#[test]
fn what_functions_logged_is_in_json_only_encoded_and_cut_at_800_bytes() {
    let long = "\u{e9}".repeat(400);
    let record =
        Record { viewer_request_log_data: Some("a \"b\"\n"), viewer_response_log_data: Some(&long), ..record() };
    let json: serde_json::Map<String, Value> = serde_json::from_str(&record.line(Json)).unwrap();
    assert_eq!(json["viewer-request-log-data"], "a%20%22b%22%0A");
    let cut = json["viewer-response-log-data"].as_str().unwrap();
    assert_eq!(cut, "%C3%A9".repeat(133), "798 bytes: no escape is cut in two");
    let standard = record.line(CloudfrontStandard);
    assert_eq!(standard.split('\t').count(), FIELDS.len());
    assert!(!standard.contains("%22b%22"));
}
