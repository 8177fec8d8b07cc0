//! Logging in: what the server asks for and what we are willing to answer.

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding as Binding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;

use super::ReplicationError;
use super::error::Report;
use super::wire::Wire;
use crate::config::dsn::{ChannelBinding, Dsn, Host};

/// One login on one connection.
pub(super) struct Login<'a> {
    pub(super) dsn: &'a Dsn,
    pub(super) host: &'a Host,
    pub(super) wire: &'a mut Wire,
    pub(super) encrypted: bool,
    pub(super) end_point: Option<Vec<u8>>,
}

impl Login<'_> {
    /// Answers whatever the server asks until it is content.
    pub(super) async fn run(mut self) -> Result<(), ReplicationError> {
        let require_binding = self.dsn.channel_binding == ChannelBinding::Require;
        match self.message().await? {
            Message::AuthenticationSasl(body) => return self.scram(&body).await,
            // A server that does not ask for SCRAM might be somebody else.
            _ if require_binding => {
                return Err(self.refused("channel binding is required and the server has none"));
            }
            Message::AuthenticationOk => return Ok(()),
            Message::AuthenticationCleartextPassword => {
                let password = self.password()?.as_bytes().to_vec();
                self.answer(|out| frontend::password_message(&password, out))?;
            }
            Message::AuthenticationMd5Password(body) => {
                let (user, password) = (self.dsn.user.as_bytes(), self.password()?.as_bytes());
                let hash = md5_hash(user, password, body.salt());
                self.answer(|out| frontend::password_message(hash.as_bytes(), out))?;
            }
            _ => {
                let reason = "it asks for a method other than password, MD5 or SCRAM-SHA-256";
                return Err(self.refused(reason));
            }
        }
        self.expect_ok().await
    }

    async fn scram(&mut self, body: &AuthenticationSaslBody) -> Result<(), ReplicationError> {
        let (mechanism, binding) = self.choose_mechanism(body)?;
        let mut scram = ScramSha256::new(self.password()?.as_bytes(), binding);
        let first = scram.message().to_vec();
        self.answer(|out| frontend::sasl_initial_response(mechanism, &first, out))?;
        let Message::AuthenticationSaslContinue(body) = self.message().await? else {
            return Err(ReplicationError::protocol("no continuation of SCRAM"));
        };
        scram.update(body.data()).map_err(|e| self.refused(&e.to_string()))?;
        let second = scram.message().to_vec();
        self.answer(|out| frontend::sasl_response(&second, out))?;
        // The server must prove that it knows the password too, before its word counts.
        let Message::AuthenticationSaslFinal(body) = self.message().await? else {
            return Err(ReplicationError::protocol("SCRAM without the server's proof"));
        };
        scram.finish(body.data()).map_err(|e| self.refused(&e.to_string()))?;
        self.expect_ok().await
    }

    fn choose_mechanism(
        &mut self,
        body: &AuthenticationSaslBody,
    ) -> Result<(&'static str, Binding), ReplicationError> {
        let (mut plain, mut plus) = (false, false);
        let mut mechanisms = body.mechanisms();
        let malformed = |e: std::io::Error| ReplicationError::protocol(e.to_string());
        while let Some(mechanism) = mechanisms.next().map_err(malformed)? {
            plain |= mechanism == SCRAM_SHA_256;
            plus |= mechanism == SCRAM_SHA_256_PLUS;
        }
        let wanted = self.dsn.channel_binding;
        let able = self.encrypted && wanted != ChannelBinding::Disable;
        match self.end_point.take().filter(|_| able) {
            Some(hash) if plus => Ok((SCRAM_SHA_256_PLUS, Binding::tls_server_end_point(hash))),
            _ if wanted == ChannelBinding::Require => {
                Err(self.refused("channel binding is required and not possible"))
            }
            // Tells the server that we could have: if it could too, somebody is in between.
            Some(_) if plain => Ok((SCRAM_SHA_256, Binding::unrequested())),
            None if plain => Ok((SCRAM_SHA_256, Binding::unsupported())),
            _ => Err(self.refused("it offers no SASL mechanism that we know")),
        }
    }

    async fn expect_ok(&mut self) -> Result<(), ReplicationError> {
        match self.message().await? {
            Message::AuthenticationOk => Ok(()),
            _ => Err(ReplicationError::protocol("no end of the login")),
        }
    }

    /// The next message that is neither a notice nor a refusal.
    async fn message(&mut self) -> Result<Message, ReplicationError> {
        loop {
            match self.wire.message().await? {
                Message::NoticeResponse(_) => {}
                Message::ErrorResponse(body) => {
                    return Err(Report::read(&body).at_login(&self.host.to_string()));
                }
                message => return Ok(message),
            }
        }
    }

    fn answer(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>,
    ) -> Result<(), ReplicationError> {
        write(&mut self.wire.outgoing).map_err(|_| self.refused("the password holds a NUL byte"))
    }

    fn password(&self) -> Result<&str, ReplicationError> {
        let fault = self.dsn.passfile_fault.as_deref();
        let password = self.host.password.as_ref().map(|password| password.expose());
        password.ok_or_else(|| {
            let fault = fault.map(|fault| format!(" ({fault})")).unwrap_or_default();
            self.refused(&format!("it asks for a password and none is given{fault}"))
        })
    }

    fn refused(&self, reason: &str) -> ReplicationError {
        let host = self.host.to_string();
        ReplicationError::Authentication { host, reason: reason.to_owned() }
    }
}
