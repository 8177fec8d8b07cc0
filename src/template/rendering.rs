//! One body on its way through one template, shared by all endpoints that have both.

use std::sync::OnceLock;

use bytes::Bytes;

use super::{RenderError, Template};

/// What a template makes of one body, made when somebody needs it, and once.
#[derive(Debug)]
pub struct Rendering {
    template: Template,
    result: OnceLock<Result<Bytes, RenderError>>,
}

impl Rendering {
    /// A rendering by `template` that is still to be done.
    pub fn new(template: Template) -> Self {
        Self { template, result: OnceLock::new() }
    }

    /// The template.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// What the template makes of `body`, which is the same at each call.
    ///
    /// # Errors
    /// As [`Template::render`], and then always.
    pub fn of(&self, body: &Bytes) -> Result<Bytes, RenderError> {
        self.result.get_or_init(|| self.template.render(body)).clone()
    }
}
