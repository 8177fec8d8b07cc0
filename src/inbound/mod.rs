//! Providers' webhooks into tables, exactly once.
//!
//! ```text
//! server ──> receive ──> verify, split (pure) ──> writer ──> answer
//!                              │                     │
//!                              └─> rejections        └─> inbound_event ──> process ──> handlers
//! ```

mod answer;
mod bodies;
mod body;
mod certificates;
mod encoding;
mod form;
mod json;
mod locate;
mod multipart;
pub mod process;
mod receive;
mod rejections;
pub(crate) mod server;
mod split;
pub mod verdict;
pub mod verify;
pub mod writer;

pub use certificates::Fetch;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use crate::config::dsn::Dsn;
use crate::config::inbound::{Inbound, Source};
use crate::metrics::Metrics;
use crate::shutdown::{self, Shutdown};
use bodies::Bodies;
use certificates::Certificates;
use process::Processing;
use receive::{Doors, Inbox};
use rejections::Rejections;
use server::Limits;
use writer::QueueLimits;

/// Further connections wait in the kernel's queue, until one of these has been silent for the
/// header's time or has ended.
const LIMITS: Limits = Limits {
    connections: 1024,
    header_wait: Duration::from_secs(10),
    grace: Duration::from_secs(10),
};

/// What the inbound side is made of.
pub struct Setup {
    /// The database that events are written to.
    pub dsn: Dsn,
    /// Settings; later ones apply from the next request on, but for the address.
    pub settings: watch::Receiver<Arc<Inbound>>,
    /// How documents of providers are fetched.
    pub fetch: Fetch,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// Receives on `listener`, and runs handlers, until `shutdown`: then open requests are answered,
/// what they brought is written, and running handlers end.
pub async fn run(listener: TcpListener, setup: Setup, shutdown: Shutdown) {
    let Setup { dsn, settings, fetch, metrics } = setup;
    let wake = Arc::new(Notify::new());
    let (writer, queue) = writer::channel(QueueLimits::default());
    let current = Arc::clone(&settings.borrow());
    let (doors, open_doors) = watch::channel(Arc::new(Doors::new(&current)));
    let (sources, handled) = watch::channel(Arc::from(current.sources.as_slice()));
    let inbox = Arc::new(Inbox {
        doors: open_doors,
        writer,
        bodies: Bodies::default(),
        certificates: Certificates::new(fetch),
        rejections: Rejections::default(),
        metrics: Arc::clone(&metrics),
    });
    let (stop_writer, until_answered) = shutdown::channel();
    let processing = Processing {
        dsn: dsn.clone(),
        sources: handled,
        errors: current.errors,
        retention: current.retention,
        metrics,
        wake: Arc::clone(&wake),
    };
    let answering = async {
        server::serve(listener, receive::router(inbox), LIMITS, shutdown.clone()).await;
        stop_writer.stop();
    };
    tokio::join!(
        answering,
        writer::run(queue, dsn, wake, until_answered),
        process::run(processing, shutdown.clone()),
        follow(settings, &doors, &sources, shutdown.clone()),
    );
}

/// Opens the doors of each new configuration.
async fn follow(
    mut settings: watch::Receiver<Arc<Inbound>>,
    doors: &watch::Sender<Arc<Doors>>,
    sources: &watch::Sender<Arc<[Arc<Source>]>>,
    mut shutdown: Shutdown,
) {
    loop {
        tokio::select! {
            changed = settings.changed() => {
                if changed.is_err() {
                    return;
                }
                let current = settings.borrow_and_update();
                doors.send_replace(Arc::new(Doors::new(&current)));
                sources.send_replace(Arc::from(current.sources.as_slice()));
            }
            () = shutdown.stopped() => return,
        }
    }
}
