//! The kind of a viewer's device, from its User-Agent. Several kinds may be true at once.

/// `CloudFront-Is-*-Viewer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "six headers, each true or false on its own")]
pub(super) struct Device {
    pub(super) android: bool,
    pub(super) desktop: bool,
    pub(super) ios: bool,
    pub(super) mobile: bool,
    pub(super) smart_tv: bool,
    pub(super) tablet: bool,
}

const SMART_TVS: [&str; 13] = [
    "smarttv", "smart-tv", "smart tv", "appletv", "apple tv", "googletv", "hbbtv", "netcast", "web0s", "bravia",
    "roku", "crkey", "viera",
];
const TABLETS: [&str; 5] = ["ipad", "tablet", "kindle", "silk/", "playbook"];
const MOBILES: [&str; 8] =
    ["mobile", "iphone", "ipod", "windows phone", "blackberry", "opera mini", "opera mobi", "iemobile"];

/// What a User-Agent says. What says nothing is a desktop.
pub(super) fn of(agent: &str) -> Device {
    let agent = agent.to_ascii_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| agent.contains(word));
    let android = agent.contains("android");
    let smart_tv = any(&SMART_TVS) || (agent.contains("tizen") && agent.contains("tv")) || agent.contains("; aft");
    // An Android that does not call itself mobile is a tablet, as its makers agreed.
    let tablet = !smart_tv && (any(&TABLETS) || (android && !agent.contains("mobile")));
    let mobile = !smart_tv && any(&MOBILES);
    Device {
        android,
        desktop: !(smart_tv || tablet || mobile),
        ios: any(&["iphone", "ipad", "ipod"]),
        mobile,
        smart_tv,
        tablet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(agent: &str) -> Vec<&'static str> {
        let device = of(agent);
        let all = [
            (device.android, "android"),
            (device.desktop, "desktop"),
            (device.ios, "ios"),
            (device.mobile, "mobile"),
            (device.smart_tv, "smart_tv"),
            (device.tablet, "tablet"),
        ];
        all.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect()
    }

    #[test]
    fn devices_are_told_by_what_they_call_themselves() {
        let told = [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
                vec!["desktop"],
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 Safari/604.1",
                vec!["ios", "mobile"],
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 12_0 like Mac OS X) Mobile/15E148 Safari/604.1",
                vec!["ios", "mobile", "tablet"],
            ),
            ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/130.0 Mobile Safari/537.36", vec!["android", "mobile"]),
            ("Mozilla/5.0 (Linux; Android 14; SM-X200) Chrome/130.0 Safari/537.36", vec!["android", "tablet"]),
            ("Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) AppleWebKit/537.36 TV Safari/537.36", vec!["smart_tv"]),
            ("Mozilla/5.0 (Linux; Android 9; AFTSSS) AppleWebKit/537.36", vec!["android", "smart_tv"]),
            ("curl/8.5.0", vec!["desktop"]),
            ("", vec!["desktop"]),
        ];
        for (agent, expected) in told {
            assert_eq!(kinds(agent), expected, "{agent}");
        }
    }
}
