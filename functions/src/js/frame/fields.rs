//! The fields frames are made of.

use super::FrameError;
use crate::{Headers, Request, Response};
use bytes::Bytes;
use std::net::IpAddr;

/// Bytes with their length in front.
pub(in crate::js) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// A count or length. What cannot be counted in 32 bits is beyond every frame's bound, and the frame is refused for it.
pub(super) fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

pub(in crate::js) fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

pub(super) fn put_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => put_bytes(out, &ip.octets()),
        IpAddr::V6(ip) => put_bytes(out, &ip.octets()),
    }
}

pub(super) fn put_headers(out: &mut Vec<u8>, headers: &Headers) {
    let (bytes, lines) = headers.flat();
    put_length(out, lines.len());
    for [name, value] in lines {
        out.extend_from_slice(&name.to_le_bytes());
        out.extend_from_slice(&value.to_le_bytes());
    }
    put_bytes(out, bytes);
}

pub(super) fn put_request(out: &mut Vec<u8>, request: &Request) {
    put_bytes(out, request.method.as_bytes());
    put_bytes(out, &request.uri);
    put_option(out, request.querystring.as_deref(), put_bytes);
    put_headers(out, &request.headers);
}

/// With `body` in place of the response's own.
pub(super) fn put_response(out: &mut Vec<u8>, response: &Response, body: Option<&[u8]>) {
    out.extend_from_slice(&response.status.to_le_bytes());
    put_option(out, response.status_description.as_deref().map(str::as_bytes), put_bytes);
    put_headers(out, &response.headers);
    put_option(out, body, put_bytes);
}

/// The fields of a received frame, taken from the front.
#[derive(Debug)]
pub(in crate::js) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(in crate::js) fn new(frame: &'a [u8]) -> Self {
        Self { rest: frame }
    }

    /// That nothing is left.
    pub(in crate::js) fn end(self) -> Result<(), FrameError> {
        if self.rest.is_empty() { Ok(()) } else { Err(FrameError::Surplus) }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(FrameError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(in crate::js) fn u8(&mut self) -> Result<u8, FrameError> {
        Ok(self.take::<1>()?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, FrameError> {
        Ok(u16::from_le_bytes(self.take()?))
    }

    pub(in crate::js) fn u32(&mut self) -> Result<u32, FrameError> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    pub(in crate::js) fn u64(&mut self) -> Result<u64, FrameError> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    /// How many elements follow, each of which takes at least `element_bytes_min` bytes: what is announced but cannot be
    /// there makes nobody reserve memory for it.
    pub(in crate::js) fn count(&mut self, element_bytes_min: usize) -> Result<usize, FrameError> {
        let count = self.u32()? as usize;
        if count > self.rest.len() / element_bytes_min { Err(FrameError::Truncated) } else { Ok(count) }
    }

    pub(in crate::js) fn bytes(&mut self) -> Result<&'a [u8], FrameError> {
        let length = self.u32()? as usize;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(FrameError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(in crate::js) fn text(&mut self) -> Result<&'a str, FrameError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| FrameError::Impossible("text"))
    }

    pub(in crate::js) fn option<T>(
        &mut self,
        take: impl FnOnce(&mut Self) -> Result<T, FrameError>,
    ) -> Result<Option<T>, FrameError> {
        match self.u8()? {
            0 => Ok(None),
            1 => take(self).map(Some),
            _ => Err(FrameError::Impossible("option")),
        }
    }

    pub(super) fn ip(&mut self) -> Result<IpAddr, FrameError> {
        let octets = self.bytes()?;
        if let Ok(octets) = <[u8; 4]>::try_from(octets) {
            return Ok(octets.into());
        }
        <[u8; 16]>::try_from(octets).map(Into::into).map_err(|_| FrameError::Impossible("address"))
    }

    pub(super) fn headers(&mut self) -> Result<Headers, FrameError> {
        const LINE_BYTES: usize = 8;
        let count = self.count(LINE_BYTES)?;
        let mut lengths = Vec::with_capacity(count);
        for _ in 0..count {
            lengths.push([self.u32()?, self.u32()?]);
        }
        Headers::from_flat(self.bytes()?.to_vec(), &lengths).ok_or(FrameError::Impossible("header"))
    }

    pub(super) fn request(&mut self) -> Result<Request, FrameError> {
        Ok(Request {
            method: self.text()?.to_owned(),
            uri: Bytes::copy_from_slice(self.bytes()?),
            querystring: self.option(|fields| Ok(Bytes::copy_from_slice(fields.bytes()?)))?,
            headers: self.headers()?,
        })
    }

    pub(super) fn response(&mut self) -> Result<Response, FrameError> {
        Ok(Response {
            status: self.u16()?,
            status_description: self.option(|fields| Ok(fields.text()?.to_owned()))?,
            headers: self.headers()?,
            body: self.option(|fields| Ok(Bytes::copy_from_slice(fields.bytes()?)))?,
        })
    }
}
