//! Takes the steps, one after the other, and says what became of each.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::script::{BEGIN, SETTINGS, print};
use super::{Action, Run, Step};
use crate::store::{Session, StoreError, chain, sql};

/// A busy table gets this many chances to be free for a moment.
const LOCK_TRIES: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_secs(1);

/// After this long a wait is worth a word.
const PATIENCE: Duration = Duration::from_secs(2);

/// One line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What became of it.
    pub mark: Mark,
    /// What it is about, as in `table public.orders`.
    pub subject: String,
    /// What happened.
    pub text: String,
    /// What an operator has to do, perhaps in several lines; for [`Mark::Left`].
    pub fix: Option<String>,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It was done.
    Done,
    /// Nothing was to be done.
    Already,
    /// It takes a while.
    Waiting,
    /// It was left undone.
    Left,
}

/// How an installation ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Steps taken.
    pub done: usize,
    /// Steps left undone.
    pub left: usize,
}

/// Somebody held a lock, or did the same at the same moment: a daemon makes partitions too.
const IN_THE_WAY: [SqlState; 4] = [
    SqlState::LOCK_NOT_AVAILABLE,
    SqlState::T_R_DEADLOCK_DETECTED,
    SqlState::DUPLICATE_TABLE,
    SqlState::UNIQUE_VIOLATION,
];

type Say<'a> = &'a mut (dyn FnMut(Line) + Send);

impl Session {
    /// Waits until no other `init` is at work; the session is the only one until it ends.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn lock_installation(&self, say: Say<'_>) -> Result<(), StoreError> {
        self.command("prepare the session of init", SETTINGS).await?;
        let row = self.one("ask for the lock of init", sql::try_init_lock, &[]).await?;
        if row.get(0) {
            return Ok(());
        }
        say(Line {
            mark: Mark::Waiting,
            subject: "init".to_owned(),
            text: "another one is at work; waiting for it".to_owned(),
            fix: None,
        });
        self.rows("wait for the lock of init", sql::init_lock, &[]).await?;
        Ok(())
    }

    /// Takes `steps` in their order. What the role may not do, or the server has no room for, is
    /// left undone with the SQL for somebody who may; the rest is done all the same, unless it
    /// would make no sense.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`] only when the session broke.
    pub async fn apply(&self, steps: &[Step], say: Say<'_>) -> Result<Applied, StoreError> {
        let mut applied = Applied::default();
        for step in steps {
            let line = self.step(step, say).await?;
            applied.done += usize::from(line.mark == Mark::Done);
            let is_left = line.mark == Mark::Left;
            applied.left += usize::from(is_left);
            say(line);
            if is_left && step.is_essential {
                break;
            }
        }
        Ok(applied)
    }

    async fn step(&self, step: &Step, say: Say<'_>) -> Result<Line, StoreError> {
        let line = |mark, text: &str, fix| Line {
            mark,
            subject: step.subject.clone(),
            text: text.to_owned(),
            fix,
        };
        let run = match &step.action {
            Action::Already(what) => return Ok(line(Mark::Already, what, None)),
            Action::Refuse { why, fix } => return Ok(line(Mark::Left, why, Some(fix.clone()))),
            Action::Run(run) => run,
        };
        match self.take(run, &mut |text| say(line(Mark::Waiting, text, None))).await {
            Ok(()) if run.is_upkeep => Ok(line(Mark::Already, &run.done, None)),
            Ok(()) => Ok(line(Mark::Done, &run.done, None)),
            Err(error) if error.is_disconnected() => Err(error),
            Err(error) => Ok(line(Mark::Left, &reason(&error), Some(advice(step, &error)))),
        }
    }

    async fn take(
        &self,
        run: &Run,
        waiting: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), StoreError> {
        if run.is_alone {
            let doing = self.command("install", &run.sql);
            let mut doing = std::pin::pin!(doing);
            return match tokio::time::timeout(PATIENCE, &mut doing).await {
                Ok(result) => result,
                Err(_) => {
                    waiting("waiting for the transactions that are running now to end");
                    doing.await
                }
            };
        }
        let mut sql = &run.sql;
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.command("install", &format!("{BEGIN}{sql}\n;commit")).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            self.command("roll back", "rollback").await?;
            match (error.code(), &run.rebuild) {
                (Some(code), Some(rebuild))
                    if *code == SqlState::INVALID_TABLE_DEFINITION && sql != rebuild =>
                {
                    sql = rebuild;
                }
                (Some(code), _) if IN_THE_WAY.contains(code) && tries < LOCK_TRIES => {
                    waiting("somebody uses it; trying again");
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
                _ => return Err(error),
            }
        }
    }
}

/// PostgreSQL's own words, without those around them.
fn reason(error: &StoreError) -> String {
    match error {
        StoreError::Statement { source, .. } => match source.as_db_error() {
            Some(error) => error.message().to_owned(),
            None => chain(error),
        },
        _ => chain(error),
    }
}

/// What an operator can do about a step that PostgreSQL refused.
fn advice(step: &Step, error: &StoreError) -> String {
    let by_hand = print(std::slice::from_ref(step));
    let by_hand = by_hand.trim();
    let Some(code) = error.code() else { return "init again".to_owned() };
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        format!("have somebody who may run this, then init again:\n{by_hand}")
    } else if *code == SqlState::CONFIGURATION_LIMIT_EXCEEDED {
        "raise max_replication_slots and restart PostgreSQL, or drop a slot that nobody uses, then \
         init again"
            .to_owned()
    } else if *code == SqlState::LOCK_NOT_AVAILABLE {
        "init again when the table is less busy".to_owned()
    } else if *code == SqlState::DEPENDENT_OBJECTS_STILL_EXIST {
        "drop the views that stand on walhook's, init again, and create them anew".to_owned()
    } else {
        format!("run this by hand to see more, then init again:\n{by_hand}")
    }
}
