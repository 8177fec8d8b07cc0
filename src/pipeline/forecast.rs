//! How long until the slot is lost, at the rate at which its safe WAL shrinks. Pure; takes `now`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The rate is that of this long: a burst of the application is no trend.
const TREND: Duration = Duration::from_secs(60);

/// Nothing is foretold from a shorter look.
const SHORTEST_LOOK: Duration = Duration::from_secs(10);

/// Time enough for somebody who is called at night.
const AT_RISK: Duration = Duration::from_secs(4 * 3600);

/// Less is left: whatever keeps WAL from being released is to go to the queue.
const PRESSING: Duration = Duration::from_secs(300);

/// What is to be told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The slot will be lost before long.
    AtRisk,
    /// It will not.
    Over,
}

/// What can be said now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outlook {
    /// Time until the slot is lost; `None` if it is not going to be.
    pub(super) to_loss: Option<Duration>,
    /// It is so short that WAL is to be released at any cost.
    pub(super) is_pressing: bool,
    /// What has changed.
    pub(super) news: Option<News>,
}

/// What was seen of the slot, and whether an alert stands.
#[derive(Debug, Default)]
pub(super) struct Forecast {
    seen: VecDeque<(Instant, i64)>,
    is_at_risk: bool,
}

impl Forecast {
    /// Takes up how much WAL may still be written; `None` without a limit.
    pub(super) fn see(&mut self, safe_bytes: Option<i64>, now: Instant) -> Outlook {
        let to_loss = safe_bytes.and_then(|safe| self.foretell(safe, now));
        if safe_bytes.is_none() {
            self.seen.clear();
        }
        let is_at_risk = match to_loss {
            Some(left) if self.is_at_risk => left < 2 * AT_RISK,
            Some(left) => left < AT_RISK,
            None => false,
        };
        let news = match (self.is_at_risk, is_at_risk) {
            (false, true) => Some(News::AtRisk),
            (true, false) => Some(News::Over),
            _ => None,
        };
        self.is_at_risk = is_at_risk;
        Outlook { to_loss, is_pressing: to_loss.is_some_and(|left| left < PRESSING), news }
    }

    fn foretell(&mut self, safe: i64, now: Instant) -> Option<Duration> {
        self.seen.push_back((now, safe));
        let age = |at: Instant| now.saturating_duration_since(at);
        // The first that is kept is as old as the trend is long, or older.
        while self.seen.get(1).is_some_and(|(at, _)| age(*at) >= TREND) {
            self.seen.pop_front();
        }
        if safe <= 0 {
            return Some(Duration::ZERO);
        }
        let (since, before) = *self.seen.front()?;
        let (length, shrunk) = (age(since), before.saturating_sub(safe));
        if length < SHORTEST_LOOK || shrunk <= 0 {
            return None;
        }
        let seconds = safe as f64 * length.as_secs_f64() / shrunk as f64;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// `about 3 h 20 min`, for people.
pub(super) fn in_words(left: Duration) -> String {
    let minutes = left.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, 0) => "less than a minute".to_owned(),
        (0, minutes) => format!("about {minutes} min"),
        (hours, minutes) => format!("about {hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: i64 = 1 << 30;

    /// Looks every five seconds while each look finds `step` bytes less.
    fn look(forecast: &mut Forecast, begin: Instant, safe: &[i64]) -> Vec<Outlook> {
        let at = |place: usize| begin + Duration::from_secs(5 * place as u64);
        safe.iter().enumerate().map(|(place, safe)| forecast.see(Some(*safe), at(place))).collect()
    }

    #[test]
    fn a_slot_that_loses_ground_is_told_of_once_with_the_time_left() {
        let mut forecast = Forecast::default();
        let safe: Vec<i64> = (0..20).map(|n| GB - n * 5_000_000).collect();
        let outlooks = look(&mut forecast, Instant::now(), &safe);
        let told = outlooks.iter().filter(|outlook| outlook.news == Some(News::AtRisk)).count();
        assert_eq!(told, 1);
        let left = outlooks[19].to_loss.unwrap().as_secs_f64();
        let expected = safe[19] as f64 / 1_000_000.0;
        assert!((left - expected).abs() < 1.0, "{left} {expected}");
        assert!(!outlooks[19].is_pressing);
    }

    #[test]
    fn one_burst_is_no_trend_and_ground_regained_ends_the_incident() {
        let mut forecast = Forecast::default();
        let begin = Instant::now();
        assert!(look(&mut forecast, begin, &[GB, GB / 2]).iter().all(|o| o.news.is_none()));
        let later = begin + Duration::from_secs(30);
        assert_eq!(forecast.see(Some(GB / 2), later).news, Some(News::AtRisk));
        let outlook = forecast.see(Some(GB), later + Duration::from_secs(5));
        assert_eq!((outlook.news, outlook.to_loss), (Some(News::Over), None));
    }

    #[test]
    fn without_a_limit_nothing_is_lost_and_beyond_it_all_is_pressing() {
        let (mut forecast, now) = (Forecast::default(), Instant::now());
        assert_eq!(forecast.see(None, now), Outlook::default());
        assert!(forecast.see(Some(-1), now).is_pressing);
    }

    #[test]
    fn time_left_is_told_in_hours_and_minutes() {
        let words = |seconds| in_words(Duration::from_secs(seconds));
        assert_eq!(words(59), "less than a minute");
        assert_eq!(words(150), "about 2 min");
        assert_eq!(words(3 * 3600 + 120), "about 3 h 2 min");
    }
}
