//! The ways to submit jobs, shared by `ThreadPool` and `Scope`.
//!
//! The iterator of a batch is code of the user: it is run to its end before the lock is taken.

use std::sync::Arc;

use super::error::{JobError, SubmitError};
use super::executor::Executor;
use super::future::ScopedFuture;
use super::job::CallbackJob;
use super::task::Task;

impl<'job> Executor<'job> {
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
                Err(SubmitError::new(take_back(task), refusal))
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
                    tasks.into_iter().map(take_back).collect(),
                    refusal,
                ))
            }
        }
    }

    pub(super) fn submit_with<F, T, C>(
        self: &Arc<Self>,
        job: F,
        callback: C,
    ) -> Result<(), SubmitError<(F, C)>>
    where
        F: FnOnce() -> T + Send + 'job,
        C: FnOnce(Result<T, JobError>) + Send + 'job,
    {
        self.push(Box::new(CallbackJob { job, callback }))
            .map_err(|(refused, refusal)| {
                let CallbackJob { job, callback } = *refused;
                SubmitError::new((job, callback), refusal)
            })
    }

    pub(super) fn submit_all_with<F, T, C>(
        self: &Arc<Self>,
        jobs: impl IntoIterator<Item = (F, C)>,
    ) -> Result<(), SubmitError<Vec<(F, C)>>>
    where
        F: FnOnce() -> T + Send + 'job,
        C: FnOnce(Result<T, JobError>) + Send + 'job,
    {
        let jobs = jobs
            .into_iter()
            .map(|(job, callback)| Box::new(CallbackJob { job, callback }))
            .collect();
        self.push_all(jobs).map_err(|(refused, refusal)| {
            let jobs = refused
                .into_iter()
                .map(|refused| (refused.job, refused.callback))
                .collect();
            SubmitError::new(jobs, refusal)
        })
    }
}

fn take_back<'job, F, T>(task: Arc<Task<'job, F, T>>) -> F
where
    F: FnOnce() -> T + Send + 'job,
    T: Send + 'job,
{
    task.into_job()
        .expect("a refused task was never queued, and its future has been dropped")
}
