//! The fields of an origin modification. Every value is parsed anew on this side, by the rules it was parsed by on the other.

use super::fields::put_length;
use super::{Fields, FrameError, put_bytes, put_option};
use crate::OriginProtocol;
use crate::origin_edit::{
    CertificateName, CustomHeaders, CustomOriginConfig, DomainName, IpAddressType, OriginEdit, OriginId,
    OriginOverrides, OriginPath, OriginTimeouts, OriginUpdate, RequestOriginGroup, SelectedOrigin,
};
use homefront_config::limits::{CUSTOM_HEADERS_QUOTA, FUNCTION_CERTIFICATE_NAMES_MAX};
use homefront_config::origin::SslProtocols;
use homefront_config::origin_group::FailoverStatusCodes;

const UPDATE: u8 = 0;
const SELECT: u8 = 1;
const GROUP: u8 = 2;

const PROTOCOLS: [OriginProtocol; 2] = [OriginProtocol::Http, OriginProtocol::Https];

pub(super) fn put_origin(out: &mut Vec<u8>, edit: &OriginEdit) {
    match edit {
        OriginEdit::Update(update) => {
            out.push(UPDATE);
            put_update(out, update);
        }
        OriginEdit::Select(selected) => {
            out.push(SELECT);
            put_selected(out, selected);
        }
        OriginEdit::Group(group) => {
            out.push(GROUP);
            put_selected(out, &group.primary);
            put_selected(out, &group.secondary);
            out.extend_from_slice(&group.failover_status_codes.bits().to_le_bytes());
        }
    }
}

pub(super) fn take_origin(fields: &mut Fields<'_>) -> Result<OriginEdit, FrameError> {
    Ok(match fields.u8()? {
        UPDATE => OriginEdit::Update(take_update(fields)?),
        SELECT => OriginEdit::Select(take_selected(fields)?),
        GROUP => OriginEdit::Group(RequestOriginGroup {
            primary: take_selected(fields)?,
            secondary: take_selected(fields)?,
            failover_status_codes: FailoverStatusCodes::from_bits(fields.u16()?)
                .ok_or(FrameError::Impossible("failover criteria"))?,
        }),
        _ => return Err(FrameError::Impossible("origin")),
    })
}

fn put_update(out: &mut Vec<u8>, update: &OriginUpdate) {
    put_option(out, update.domain_name.as_ref().map(|name| name.as_str().as_bytes()), put_bytes);
    put_option(out, update.origin_path.as_ref().map(|path| path.as_str().as_bytes()), put_bytes);
    put_option(out, update.custom_headers.as_ref(), |out, headers| {
        put_length(out, headers.iter().len());
        for (name, value) in headers.iter() {
            put_bytes(out, name.as_bytes());
            put_bytes(out, value.as_bytes());
        }
    });
    put_option(out, update.connection_attempts, Vec::push);
    let OriginTimeouts { connection_s, read_s, response_completion_s, keep_alive_s } = update.timeouts;
    for seconds in [connection_s, read_s, response_completion_s, keep_alive_s] {
        put_option(out, seconds, |out, seconds| out.extend_from_slice(&seconds.to_le_bytes()));
    }
    put_option(out, update.custom_origin_config, |out, config| {
        out.extend_from_slice(&config.port.to_le_bytes());
        out.push(PROTOCOLS.iter().position(|protocol| *protocol == config.protocol).unwrap_or(0) as u8);
        out.push(config.ssl_protocols.bits());
        put_option(out, config.ip_address_type, |out, asked| {
            out.push(IpAddressType::ALL.iter().position(|(_, known)| *known == asked).unwrap_or(0) as u8);
        });
    });
    put_overrides(out, &update.overrides);
}

fn take_update(fields: &mut Fields<'_>) -> Result<OriginUpdate, FrameError> {
    let update = OriginUpdate {
        domain_name: fields.option(|fields| parsed(fields, DomainName::parse, "domain name"))?,
        origin_path: fields.option(|fields| parsed(fields, OriginPath::parse, "origin path"))?,
        custom_headers: fields.option(take_custom_headers)?,
        connection_attempts: fields.option(Fields::u8)?,
        timeouts: OriginTimeouts {
            connection_s: fields.option(Fields::u32)?,
            read_s: fields.option(Fields::u32)?,
            response_completion_s: fields.option(Fields::u32)?,
            keep_alive_s: fields.option(Fields::u32)?,
        },
        custom_origin_config: fields.option(take_custom_origin_config)?,
        overrides: take_overrides(fields)?,
    };
    if update.fault().is_some() { Err(FrameError::Impossible("origin")) } else { Ok(update) }
}

fn take_custom_headers(fields: &mut Fields<'_>) -> Result<CustomHeaders, FrameError> {
    let count = fields.count(8)?;
    if count > CUSTOM_HEADERS_QUOTA {
        return Err(FrameError::Impossible("number of custom headers"));
    }
    let lines: Result<Vec<_>, FrameError> = (0..count).map(|_| Ok((fields.text()?, fields.text()?))).collect();
    CustomHeaders::parse(lines?).map_err(|_| FrameError::Impossible("custom header"))
}

fn take_custom_origin_config(fields: &mut Fields<'_>) -> Result<CustomOriginConfig, FrameError> {
    Ok(CustomOriginConfig {
        port: fields.u16()?,
        protocol: *PROTOCOLS.get(usize::from(fields.u8()?)).ok_or(FrameError::Impossible("protocol"))?,
        ssl_protocols: SslProtocols::from_bits(fields.u8()?).ok_or(FrameError::Impossible("version of TLS"))?,
        ip_address_type: fields.option(|fields| {
            let known = IpAddressType::ALL.get(usize::from(fields.u8()?));
            known.map(|(_, known)| *known).ok_or(FrameError::Impossible("kind of address"))
        })?,
    })
}

fn put_overrides(out: &mut Vec<u8>, overrides: &OriginOverrides) {
    for name in [&overrides.host_header, &overrides.sni] {
        put_option(out, name.as_ref().map(|name| name.as_str().as_bytes()), put_bytes);
    }
    put_length(out, overrides.allowed_certificate_names.len());
    for name in &overrides.allowed_certificate_names {
        put_bytes(out, name.as_str().as_bytes());
    }
}

fn take_overrides(fields: &mut Fields<'_>) -> Result<OriginOverrides, FrameError> {
    let host_header = fields.option(|fields| parsed(fields, DomainName::parse, "host header"))?;
    let sni = fields.option(|fields| parsed(fields, DomainName::parse, "server name"))?;
    let count = fields.count(4)?;
    if count > FUNCTION_CERTIFICATE_NAMES_MAX {
        return Err(FrameError::Impossible("number of certificate names"));
    }
    let names = (0..count).map(|_| parsed(fields, CertificateName::parse, "certificate name"));
    let allowed_certificate_names = names.collect::<Result<_, FrameError>>()?;
    Ok(OriginOverrides { host_header, sni, allowed_certificate_names })
}

fn put_selected(out: &mut Vec<u8>, selected: &SelectedOrigin) {
    put_bytes(out, selected.id.as_str().as_bytes());
    put_overrides(out, &selected.overrides);
}

fn take_selected(fields: &mut Fields<'_>) -> Result<SelectedOrigin, FrameError> {
    Ok(SelectedOrigin { id: parsed(fields, OriginId::parse, "origin id")?, overrides: take_overrides(fields)? })
}

fn parsed<T>(
    fields: &mut Fields<'_>,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
    what: &'static str,
) -> Result<T, FrameError> {
    parse(fields.text()?).map_err(|_| FrameError::Impossible(what))
}
