//! The ways into a pool, the same for one that owns its jobs and for one whose jobs borrow.
//!
//! The iterator of a batch is run to its end before the lock is taken, as it is the caller's code.
//! A refused job comes back as it was given.

use std::sync::Arc;

use super::core::Core;
use super::error::{JobError, SubmitError};
use super::future::ScopedFuture;
use super::job::Delivery;
use super::task::Task;

impl<'job> Core<'job> {
    pub(super) fn submit<F, T>(
        self: &Arc<Self>,
        job: F,
    ) -> Result<ScopedFuture<'job, T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'job,
        T: Send + 'job,
    {
        let task = Task::new(job);
        let future = ScopedFuture::new(task.clone());
        match self.push(task) {
            Ok(()) => Ok(future),
            Err((task, refusal)) => {
                drop(future);
                Err(SubmitError::new(unbegun(task), refusal))
            }
        }
    }

    pub(super) fn submit_all<F, T>(
        self: &Arc<Self>,
        jobs: impl IntoIterator<Item = F>,
    ) -> Result<Vec<ScopedFuture<'job, T>>, SubmitError<Vec<F>>>
    where
        F: FnOnce() -> T + Send + 'job,
        T: Send + 'job,
    {
        let tasks: Vec<_> = jobs.into_iter().map(Task::new).collect();
        let futures = tasks
            .iter()
            .map(|task| ScopedFuture::new(Arc::<Task<'job, F, T>>::clone(task)))
            .collect();
        match self.push_all(tasks) {
            Ok(()) => Ok(futures),
            Err((tasks, refusal)) => {
                drop(futures);
                Err(SubmitError::new(
                    tasks.into_iter().map(unbegun).collect(),
                    refusal,
                ))
            }
        }
    }

    pub(super) fn submit_with<F, T, D>(
        self: &Arc<Self>,
        job: F,
        deliver: D,
    ) -> Result<(), SubmitError<(F, D)>>
    where
        F: FnOnce() -> T + Send + 'job,
        D: FnOnce(Result<T, JobError>) + Send + 'job,
    {
        self.push(Box::new(Delivery { job, deliver }))
            .map_err(|(refused, refusal)| {
                let Delivery { job, deliver } = *refused;
                SubmitError::new((job, deliver), refusal)
            })
    }

    pub(super) fn submit_all_with<F, T, D>(
        self: &Arc<Self>,
        jobs: impl IntoIterator<Item = (F, D)>,
    ) -> Result<(), SubmitError<Vec<(F, D)>>>
    where
        F: FnOnce() -> T + Send + 'job,
        D: FnOnce(Result<T, JobError>) + Send + 'job,
    {
        let jobs = jobs
            .into_iter()
            .map(|(job, deliver)| Box::new(Delivery { job, deliver }))
            .collect();
        self.push_all(jobs).map_err(|(refused, refusal)| {
            let jobs = refused
                .into_iter()
                .map(|refused| (refused.job, refused.deliver))
                .collect();
            SubmitError::new(jobs, refusal)
        })
    }
}

fn unbegun<'job, F, T>(task: Arc<Task<'job, F, T>>) -> F
where
    F: FnOnce() -> T + Send + 'job,
    T: Send + 'job,
{
    task.into_job()
        .expect("a task that was refused was never queued, and its future is gone")
}
