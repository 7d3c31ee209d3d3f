//! Frames from the node to a worker.

use super::fields::{put_ip, put_request, put_response};
use super::{Fields, FrameError, put_bytes, put_frame, put_option};
use crate::js::kvs::About;
use crate::js::{Call, EventType, Proof};
use crate::{EventContext, Request, Response};
use homefront_config::function::{Fidelity, FunctionRuntime};
use homefront_config::limits::FUNCTION_ORDER_BYTES_MAX;
use std::sync::Arc;

const STORE: u8 = 1;
const LOAD: u8 = 2;
const CALL: u8 = 3;
const TEST: u8 = 4;
const LOAD_PROVEN: u8 = 6;
const FORK: u8 = 5;

/// What a worker is told, as it receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// A store, whose entries lie in memory that goes over the socket as a file; a number that is known already is replaced
    /// for all functions that read it.
    Store(u32, OrderedStore),
    /// Compile a function and know it by this number.
    Load(u32, OrderedLoad),
    /// The same for a function that another worker has loaded before: nothing is judged again. The last says whether it changes
    /// built-ins.
    LoadProven(u32, OrderedLoad, bool),
    /// Call a function.
    Call(Box<OrderedCall>),
    /// Run a function once on an event object, as TestFunction does.
    Test {
        /// What to compile.
        load: OrderedLoad,
        /// The event object, JSON.
        event_json: Vec<u8>,
        /// The time the function sees, milliseconds since 1970.
        now_ms: u64,
    },
    /// Fork a worker that takes calls. Its socket and its stderr come over the socket as files; over its own it then gets memory
    /// through which orders come and answers go.
    Fork,
}

/// A store whose entries are elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedStore {
    /// What is said of it.
    pub about: About,
    /// Bytes of the memory with its entries.
    pub bytes: u64,
}

/// A function to compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedLoad {
    /// For messages.
    pub name: String,
    /// Which of CloudFront's two runtimes.
    pub runtime: FunctionRuntime,
    /// How closely to CloudFront's engine.
    pub fidelity: Fidelity,
    /// The JavaScript.
    pub code: String,
    /// The number of the store it reads.
    pub store: Option<u32>,
}

/// A call, owned.
#[derive(Debug, Clone)]
pub struct OrderedCall {
    /// Comes back with the answer.
    pub id: u64,
    /// The function's number.
    pub function: u32,
    /// The function ended a worker lately.
    pub is_suspect: bool,
    event_type: EventType,
    context: EventContext,
    request: Request,
    response: Option<Response>,
    now_ms: u64,
    random_seed: u64,
}

impl OrderedCall {
    /// As the engine takes it.
    pub fn call(&self) -> Call<'_> {
        Call {
            event_type: self.event_type,
            context: &self.context,
            request: &self.request,
            response: self.response.as_ref(),
            now_ms: self.now_ms,
            random_seed: self.random_seed,
        }
    }
}

impl PartialEq for OrderedCall {
    fn eq(&self, other: &Self) -> bool {
        let context = |call: &Self| {
            let context = &call.context;
            (
                context.distribution_domain_name.clone(),
                context.distribution_id.clone(),
                context.request_id.clone(),
                context.viewer_ip,
                context.server_ip,
            )
        };
        (self.id, self.function, self.is_suspect, self.event_type, self.now_ms, self.random_seed)
            == (other.id, other.function, other.is_suspect, other.event_type, other.now_ms, other.random_seed)
            && context(self) == context(other)
            && self.request == other.request
            && self.response == other.response
    }
}

impl Eq for OrderedCall {}

/// Encoders; each appends one frame and says whether it is within the bound.
impl Order {
    /// See [`Order::Store`].
    pub fn put_store(out: &mut Vec<u8>, number: u32, store: &OrderedStore) -> bool {
        put_frame(out, FUNCTION_ORDER_BYTES_MAX, |out| {
            out.push(STORE);
            out.extend_from_slice(&number.to_le_bytes());
            let About { name, id, created, updated } = &store.about;
            for text in [name, id, created, updated] {
                put_bytes(out, text.as_bytes());
            }
            out.extend_from_slice(&store.bytes.to_le_bytes());
        })
    }

    /// See [`Order::Load`].
    pub fn put_load(out: &mut Vec<u8>, number: u32, load: &OrderedLoad) -> bool {
        put_frame(out, FUNCTION_ORDER_BYTES_MAX, |out| {
            out.push(LOAD);
            out.extend_from_slice(&number.to_le_bytes());
            put_source(out, load);
        })
    }

    /// See [`Order::LoadProven`].
    pub fn put_load_proven(out: &mut Vec<u8>, number: u32, load: &OrderedLoad, proof: &Proof) -> bool {
        put_frame(out, FUNCTION_ORDER_BYTES_MAX, |out| {
            out.push(LOAD_PROVEN);
            out.extend_from_slice(&number.to_le_bytes());
            out.push(u8::from(proof.modifies_built_ins));
            put_source(out, load);
        })
    }

    /// See [`Order::Call`].
    pub fn put_call(out: &mut Vec<u8>, id: u64, function: u32, is_suspect: bool, call: &Call<'_>) -> bool {
        put_frame(out, FUNCTION_ORDER_BYTES_MAX, |out| {
            out.push(CALL);
            out.extend_from_slice(&id.to_le_bytes());
            out.extend_from_slice(&function.to_le_bytes());
            out.push(u8::from(is_suspect));
            out.push(match call.event_type {
                EventType::ViewerRequest => 0,
                EventType::ViewerResponse => 1,
            });
            out.extend_from_slice(&call.now_ms.to_le_bytes());
            out.extend_from_slice(&call.random_seed.to_le_bytes());
            put_bytes(out, call.context.distribution_domain_name.as_bytes());
            put_bytes(out, call.context.distribution_id.as_bytes());
            put_bytes(out, call.context.request_id.as_bytes());
            put_ip(out, call.context.viewer_ip);
            put_ip(out, call.context.server_ip);
            put_request(out, call.request);
            // A function never sees the body: it stays here.
            put_option(out, call.response, |out, response| put_response(out, response, None));
        })
    }

    /// See [`Order::Fork`].
    pub fn put_fork(out: &mut Vec<u8>) -> bool {
        put_frame(out, FUNCTION_ORDER_BYTES_MAX, |out| out.push(FORK))
    }

    /// See [`Order::Test`].
    pub fn put_test(out: &mut Vec<u8>, load: &OrderedLoad, event_json: &[u8], now_ms: u64) -> bool {
        put_frame(out, FUNCTION_ORDER_BYTES_MAX, |out| {
            out.push(TEST);
            put_source(out, load);
            put_bytes(out, event_json);
            out.extend_from_slice(&now_ms.to_le_bytes());
        })
    }
}

fn put_source(out: &mut Vec<u8>, load: &OrderedLoad) {
    put_bytes(out, load.name.as_bytes());
    out.push(match load.runtime {
        FunctionRuntime::CloudfrontJs1_0 => 1,
        FunctionRuntime::CloudfrontJs2_0 => 2,
    });
    out.push(match load.fidelity {
        Fidelity::Strict => 0,
        Fidelity::Relaxed => 1,
    });
    put_bytes(out, load.code.as_bytes());
    put_option(out, load.store, |out, store| out.extend_from_slice(&store.to_le_bytes()));
}

fn take_source(fields: &mut Fields<'_>) -> Result<OrderedLoad, FrameError> {
    Ok(OrderedLoad {
        name: fields.text()?.to_owned(),
        runtime: match fields.u8()? {
            1 => FunctionRuntime::CloudfrontJs1_0,
            2 => FunctionRuntime::CloudfrontJs2_0,
            _ => return Err(FrameError::Impossible("runtime")),
        },
        fidelity: match fields.u8()? {
            0 => Fidelity::Strict,
            1 => Fidelity::Relaxed,
            _ => return Err(FrameError::Impossible("fidelity")),
        },
        code: fields.text()?.to_owned(),
        store: fields.option(Fields::u32)?,
    })
}

/// Reads orders. Remembers the distribution's names, which are the same in every call of a worker.
#[derive(Debug)]
pub struct Decoder {
    domain_name: Arc<str>,
    id: Arc<str>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { domain_name: Arc::from(""), id: Arc::from("") }
    }
}

impl Decoder {
    /// The order a frame holds.
    pub fn order(&mut self, frame: &[u8]) -> Result<Order, FrameError> {
        let mut fields = Fields::new(frame);
        let order = match fields.u8()? {
            STORE => Order::Store(fields.u32()?, take_store(&mut fields)?),
            LOAD => Order::Load(fields.u32()?, take_source(&mut fields)?),
            LOAD_PROVEN => {
                let (number, modifies_built_ins) = (fields.u32()?, fields.u8()? != 0);
                Order::LoadProven(number, take_source(&mut fields)?, modifies_built_ins)
            }
            CALL => Order::Call(Box::new(self.call(&mut fields)?)),
            TEST => Order::Test {
                load: take_source(&mut fields)?,
                event_json: fields.bytes()?.to_vec(),
                now_ms: fields.u64()?,
            },
            FORK => Order::Fork,
            _ => return Err(FrameError::Impossible("order")),
        };
        fields.end()?;
        Ok(order)
    }

    fn call(&mut self, fields: &mut Fields<'_>) -> Result<OrderedCall, FrameError> {
        let (id, function) = (fields.u64()?, fields.u32()?);
        let is_suspect = match fields.u8()? {
            0 => false,
            1 => true,
            _ => return Err(FrameError::Impossible("suspicion")),
        };
        let event_type = match fields.u8()? {
            0 => EventType::ViewerRequest,
            1 => EventType::ViewerResponse,
            _ => return Err(FrameError::Impossible("event type")),
        };
        let (now_ms, random_seed) = (fields.u64()?, fields.u64()?);
        let context = EventContext {
            distribution_domain_name: remembered(&mut self.domain_name, fields.text()?),
            distribution_id: remembered(&mut self.id, fields.text()?),
            request_id: fields.text()?.to_owned(),
            viewer_ip: fields.ip()?,
            server_ip: fields.ip()?,
        };
        let request = fields.request()?;
        let response = fields.option(Fields::response)?;
        if response.is_some() != (event_type == EventType::ViewerResponse) {
            return Err(FrameError::Impossible("response"));
        }
        Ok(OrderedCall { id, function, is_suspect, event_type, context, request, response, now_ms, random_seed })
    }
}

fn remembered(known: &mut Arc<str>, text: &str) -> Arc<str> {
    if **known != *text {
        *known = Arc::from(text);
    }
    known.clone()
}

fn take_store(fields: &mut Fields<'_>) -> Result<OrderedStore, FrameError> {
    let mut text = || fields.text().map(str::to_owned);
    let about = About { name: text()?, id: text()?, created: text()?, updated: text()? };
    Ok(OrderedStore { about, bytes: fields.u64()? })
}
