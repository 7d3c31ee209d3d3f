//! Code that is not compiled at once is tried out alone, in a process that serves nobody, where it may take its time.

use super::roster::Roster;
use super::template::{self, Template};
use super::{Pool, PooledFunction, Proof};
use crate::js::LoadError;
use crate::js::lint::Finding;
use std::io;
use std::sync::Arc;

/// What trying out code gave. A pool that takes it over need not find that out again.
#[derive(Debug, Clone)]
pub struct Trial {
    fault: Option<LoadError>,
    findings: Vec<Finding>,
    proof: Option<Proof>,
}

impl Pool {
    /// Compiles code of one function, given by place, within the time that it may take. Whoever gives up waiting ends it. An error is about
    /// the machine, not about the code.
    pub async fn try_out(&self, index: usize, code: String) -> io::Result<Trial> {
        let function = Arc::new(self.shared.functions[index].with_code(code));
        let alone = self.shared.with(vec![function.clone()], Roster::new(1, 1), template::PATIENCE);
        let mut accident = None;
        while let Err(failure) = Template::start(&alone).await {
            alone.blame(failure, &mut accident)?;
        }
        Ok(Trial {
            fault: function.fault.get().cloned(),
            findings: function.findings.get().cloned().unwrap_or_default(),
            proof: function.proof.get().cloned(),
        })
    }
}

impl Trial {
    /// Nobody has compiled that function before.
    pub(super) fn tell(self, function: &PooledFunction) {
        let Self { fault, findings, proof } = self;
        let _ = function.findings.set(findings);
        if let Some(fault) = fault {
            let _ = function.fault.set(fault);
        }
        if let Some(proof) = proof {
            let _ = function.proof.set(proof);
        }
    }
}
