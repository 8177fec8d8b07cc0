//! Templates of those who get the same body.

use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::template::Rendering;

/// What templates make of one body: endpoints that have the same template share it.
#[derive(Default)]
pub(super) struct Renderings(Vec<Arc<Rendering>>);

impl Renderings {
    /// The rendering for `endpoint`, if it has a template.
    pub(super) fn of(&mut self, endpoint: &Endpoint) -> Option<Arc<Rendering>> {
        let template = endpoint.transform.as_ref()?;
        let known = self.0.iter().position(|known| known.template() == template);
        let place = known.unwrap_or_else(|| {
            self.0.push(Arc::new(Rendering::new(template.clone())));
            self.0.len() - 1
        });
        Some(Arc::clone(&self.0[place]))
    }
}
