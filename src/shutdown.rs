//! One signal that everybody hears: stop.

use tokio::sync::watch;

/// Tells every [`Shutdown`] made from it to stop.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

/// Heard by a task that must stop when told to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// A trigger and the first listener.
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Says stop. Saying it twice is the same as once.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Another listener.
    pub fn listener(&self) -> Shutdown {
        Shutdown(self.0.subscribe())
    }
}

impl Shutdown {
    /// Whether the signal was given.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once the signal was given, or the trigger is gone. Cancel-safe.
    pub async fn stopped(&mut self) {
        // An error means that the trigger was dropped: nobody is left to run for.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_listener_hears_stop_even_late() {
        let (trigger, mut early) = channel();
        trigger.stop();
        early.stopped().await;
        let mut late = trigger.listener();
        late.stopped().await;
        assert!(late.is_stopped());
    }

    #[tokio::test]
    async fn a_dropped_trigger_stops_too() {
        let (trigger, mut shutdown) = channel();
        drop(trigger);
        shutdown.stopped().await;
    }
}
