//! What a viewer-request function made of its request's origin: `cf.updateRequestOrigin` and its like, typed, and checked as
//! far as that can be done without the distribution.
//!
//! Developer Guide, "Helper methods for origin modification".

mod values;

pub use values::{CertificateName, CustomHeaders, DomainName, OriginId, OriginPath, bucket};

use crate::OriginProtocol;
use homefront_config::limits::{
    CONNECTION_ATTEMPTS_MAX, CONNECTION_TIMEOUT_S_MAX, FUNCTION_CERTIFICATE_NAMES_MAX,
    FUNCTION_KEEPALIVE_TIMEOUT_S_MAX, READ_TIMEOUT_S_MAX, RESPONSE_COMPLETION_TIMEOUT_S_MAX,
};
use homefront_config::origin::{SslProtocols, port_valid};
use homefront_config::origin_group::FailoverStatusCodes;

/// Where a request goes instead of its behavior's origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginEdit {
    /// `cf.updateRequestOrigin`: the assigned origin with other settings; what is not given is the assigned origin's.
    Update(OriginUpdate),
    /// `cf.selectRequestOriginById`: another origin of the distribution.
    Select(SelectedOrigin),
    /// `cf.createRequestOriginGroup`: two origins of the distribution, of which the second stands in for the first.
    Group(RequestOriginGroup),
}

/// Settings of an origin, each `None` or empty where it is the assigned origin's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OriginUpdate {
    /// `domainName`
    pub domain_name: Option<DomainName>,
    /// `originPath`
    pub origin_path: Option<OriginPath>,
    /// `customHeaders`, in the place of all of the assigned origin's.
    pub custom_headers: Option<CustomHeaders>,
    /// `connectionAttempts`
    pub connection_attempts: Option<u8>,
    /// `timeouts`
    pub timeouts: OriginTimeouts,
    /// `customOriginConfig`
    pub custom_origin_config: Option<CustomOriginConfig>,
    /// `hostHeader`, `sni`, `allowedCertificateNames`
    pub overrides: OriginOverrides,
}

/// `timeouts`, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OriginTimeouts {
    /// `connectionTimeout`
    pub connection_s: Option<u32>,
    /// `readTimeout`
    pub read_s: Option<u32>,
    /// `responseCompletionTimeout`
    pub response_completion_s: Option<u32>,
    /// `keepAliveTimeout`
    pub keep_alive_s: Option<u32>,
}

/// `customOriginConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomOriginConfig {
    /// The port, whichever the protocol.
    pub port: u16,
    /// The protocol, whatever the viewer speaks.
    pub protocol: OriginProtocol,
    /// `sslProtocols`
    pub ssl_protocols: SslProtocols,
    /// `ipAddressType`; given with a `domainName` only.
    pub ip_address_type: Option<IpAddressType>,
}

/// `ipAddressType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IpAddressType {
    /// `ipv4`
    Ipv4,
    /// `ipv6`
    Ipv6,
    /// `dualstack`
    Dualstack,
}

/// What can be changed of an origin that is chosen by its id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OriginOverrides {
    /// `hostHeader`
    pub host_header: Option<DomainName>,
    /// `sni`
    pub sni: Option<DomainName>,
    /// `allowedCertificateNames`; empty when it is not given.
    pub allowed_certificate_names: Vec<CertificateName>,
}

/// An origin of the distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedOrigin {
    /// Its id; whether there is one of that id is not known here.
    pub id: OriginId,
    /// What is changed of it.
    pub overrides: OriginOverrides,
}

/// `cf.createRequestOriginGroup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestOriginGroup {
    /// Asked first.
    pub primary: SelectedOrigin,
    /// Asked when the primary has failed.
    pub secondary: SelectedOrigin,
    /// `failoverCriteria.statusCodes`
    pub failover_status_codes: FailoverStatusCodes,
}

impl OriginOverrides {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The rule it breaks, if it breaks one.
    pub fn fault(&self) -> Option<String> {
        let names = self.allowed_certificate_names.len();
        (names > FUNCTION_CERTIFICATE_NAMES_MAX).then(|| {
            format!("allowedCertificateNames has {names} names; at most {FUNCTION_CERTIFICATE_NAMES_MAX} are taken")
        })
    }
}

impl OriginUpdate {
    /// The rule it breaks, if it breaks one: those that a value does not break by itself.
    pub fn fault(&self) -> Option<String> {
        let bounds = [
            ("connectionAttempts", self.connection_attempts.map(u32::from), CONNECTION_ATTEMPTS_MAX),
            ("timeouts.connectionTimeout", self.timeouts.connection_s, CONNECTION_TIMEOUT_S_MAX),
            ("timeouts.readTimeout", self.timeouts.read_s, READ_TIMEOUT_S_MAX),
            (
                "timeouts.responseCompletionTimeout",
                self.timeouts.response_completion_s,
                RESPONSE_COMPLETION_TIMEOUT_S_MAX,
            ),
            ("timeouts.keepAliveTimeout", self.timeouts.keep_alive_s, FUNCTION_KEEPALIVE_TIMEOUT_S_MAX),
        ];
        for (name, value, max) in bounds {
            if let Some(fault) = value.and_then(|value| bound_fault(name, value, max)) {
                return Some(fault);
            }
        }
        if let (Some(read_s), Some(completion_s)) = (self.timeouts.read_s, self.timeouts.response_completion_s)
            && completion_s < read_s
        {
            return Some(completion_fault(completion_s.into(), read_s.into()));
        }
        let config = self.custom_origin_config.as_ref();
        if let Some(config) = config.filter(|config| !port_valid(config.port)) {
            return Some(port_fault(config.port.into()));
        }
        if config.is_some_and(|config| config.ip_address_type.is_some()) && self.domain_name.is_none() {
            return Some(
                "customOriginConfig.ipAddressType can be changed only together with domainName, which is not given"
                    .to_owned(),
            );
        }
        if let Some(bucket) = self.domain_name.as_ref().filter(|name| name.is_bucket())
            && !self.overrides.is_empty()
        {
            return Some(not_for_buckets(&format!("\"{bucket}\" is an S3 bucket")));
        }
        self.overrides.fault()
    }
}

/// What is wrong with a number that is not from 1 to `max`.
pub fn bound_fault(name: &str, value: u32, max: u64) -> Option<String> {
    let within = (1..=max).contains(&value.into());
    (!within).then(|| format!("{name} must be from 1 to {max}; it is {value}"))
}

/// What is wrong with a port that no origin can listen on.
pub fn port_fault(port: u32) -> String {
    format!("customOriginConfig.port must be 80, 443 or from 1024 to 65535; it is {port}")
}

/// What is wrong with a time for the whole response that is shorter than that for its first byte.
pub fn completion_fault(completion_s: u64, read_s: u64) -> String {
    format!("timeouts.responseCompletionTimeout ({completion_s}) must be at least timeouts.readTimeout ({read_s})")
}

/// What is wrong with settings of servers for an origin that is none.
pub fn not_for_buckets(because: &str) -> String {
    format!("hostHeader, sni and allowedCertificateNames are for origins that are servers; {because}")
}

impl IpAddressType {
    /// CloudFront's words.
    pub const ALL: [(&str, Self); 3] = [("ipv4", Self::Ipv4), ("ipv6", Self::Ipv6), ("dualstack", Self::Dualstack)];
}
