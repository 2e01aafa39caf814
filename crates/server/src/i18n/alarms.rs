//! Alarms in words: on pages in the reader's language, in the log and for whoever watches in English.

use keeper::alarms::Alarm;
use lifecycle::time::Span;

use super::Lang;
use crate::show;

/// As the log and `/readyz` have it.
pub fn line(alarm: &Alarm) -> String {
    Lang::En.alarm(alarm, "UTC")
}

impl Lang {
    /// What is wrong and what to do, with days in that zone.
    pub fn alarm(self, alarm: &Alarm, zone: &str) -> String {
        match alarm {
            Alarm::ClockSet(by) => {
                let (key, by) = if *by > Span::ZERO { ("alarm.clock.forward", *by) } else { ("alarm.clock.back", Span::ZERO - *by) };
                self.fill(key, &[("hours", &(by.as_seconds() / 3_600).to_string())])
            }
            Alarm::DatabaseAway => self.t("alarm.database").to_owned(),
            Alarm::NotStored => self.t("alarm.not_stored").to_owned(),
            Alarm::DiskFailed => self.t("alarm.disk").to_owned(),
            Alarm::NoRoom(why) => self.fill("alarm.no_room", &[("why", why)]),
            Alarm::NotKept(why) => self.fill("alarm.not_kept", &[("why", why)]),
            Alarm::NoNetworkApp => self.t("alarm.no_network_app").to_owned(),
            Alarm::Refusing { title, most } => self.fill("alarm.refusing", &[("count", &most.to_string()), ("network", title)]),
            Alarm::Ending { at, words, .. } => {
                self.fill("alarm.ending", &[("day", &show::date(*at, zone, self)), ("what", self.pick(&words.en, &words.de))])
            }
            Alarm::Unlisted { network, title, said } => {
                self.fill("alarm.unlisted", &[("name", network), ("network", title), ("said", said)])
            }
            Alarm::Held(why) => self.t(&format!("alarm.hold.{why}")).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use lifecycle::time::Timestamp;
    use networks::network::Words;

    use super::super::MISSING;
    use super::*;

    #[test]
    fn every_alarm_is_said_in_both_languages_with_what_differs_in_its_place() {
        let title = || "LinkedIn".to_owned();
        let (day, why) = (Timestamp::from_seconds(1_800_000_000), || "No space left".to_owned());
        let mut all = vec![
            (Alarm::ClockSet(Span::hours(25)), "25"),
            (Alarm::ClockSet(Span::ZERO - Span::hours(25)), "25"),
            (Alarm::DatabaseAway, ""),
            (Alarm::NotStored, "keeper.spool_dir"),
            (Alarm::DiskFailed, "keeper.spool_dir"),
            (Alarm::NoRoom(why()), "No space left"),
            (Alarm::NotKept(why()), "No space left"),
            (Alarm::NoNetworkApp, ""),
            (Alarm::Refusing { title: title(), most: 50 }, "LinkedIn"),
            (Alarm::Ending { network: "linkedin".into(), at: day, words: Words::new("it ends", "es endet") }, "2027"),
            (Alarm::Unlisted { network: "linkedin".into(), title: title(), said: "{day} is over".into() }, "{day} is over"),
        ];
        all.extend(store::hold::Why::ALL.iter().map(|why| (Alarm::Held(why.as_str()), "")));
        for (alarm, holds) in all {
            let (en, de) = (Lang::En.alarm(&alarm, "UTC"), Lang::De.alarm(&alarm, "Europe/Berlin"));
            assert_eq!(line(&alarm), en);
            for said in [&en, &de] {
                assert!(said.contains(holds) && !said.contains(MISSING) && !said.replace("{day}", "").contains('{'), "{alarm:?}: {said}");
            }
            assert_ne!(en, de);
        }
        let ends = Alarm::Ending { network: "linkedin".into(), at: day, words: Words::new("it ends", "es endet") };
        assert_eq!([line(&ends), Lang::De.alarm(&ends, "UTC")], ["On 15 Jan 2027: it ends.", "Am 15.01.2027: es endet."]);
    }
}
