//! The queue of promise jobs of one call.

use boa_engine::job::{Job, JobExecutor, PromiseJob};
use boa_engine::{Context, JsNativeError, JsResult};
use homefront_config::limits::FUNCTION_JOBS_MAX;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// Promise jobs in order. There are no timers and no asynchronous natives, so other kinds of job never arrive.
#[derive(Default)]
pub(super) struct Jobs {
    queue: RefCell<VecDeque<PromiseJob>>,
    run: Cell<usize>,
}

impl Jobs {
    /// Runs the next job; `false` = there was none.
    pub(super) fn run_next(&self, context: &mut Context) -> JsResult<bool> {
        let Some(job) = self.queue.borrow_mut().pop_front() else { return Ok(false) };
        self.run.set(self.run.get() + 1);
        if self.run.get() > FUNCTION_JOBS_MAX {
            return Err(JsNativeError::range().with_message("too many promise jobs").into());
        }
        job.call(context)?;
        Ok(true)
    }

    /// Forgets everything, for the next call.
    pub(super) fn clear(&self) {
        self.queue.borrow_mut().clear();
        self.run.set(0);
    }
}

impl JobExecutor for Jobs {
    fn enqueue_job(self: Rc<Self>, job: Job, _context: &mut Context) {
        if let Job::PromiseJob(job) = job {
            self.queue.borrow_mut().push_back(job);
        }
    }

    fn run_jobs(self: Rc<Self>, context: &mut Context) -> JsResult<()> {
        while self.run_next(context)? {}
        Ok(())
    }
}
