//! What Postfix's settings mean for us: whether we are attached, last, and without a loop. Pure.

use std::path::Path;

use super::postconf::{Milter, Postfix, Service, list, words};
use crate::config::Settings;
use crate::mail::inject::Place;
use crate::milter::Listen;

/// The name that submission services carry by custom; there the login is known.
const SUBMISSION: &str = "ORIGINATING";

/// One thing found.
#[derive(Debug, PartialEq)]
pub enum Finding {
    /// A promise would break.
    Error(String),
    /// An admin may act.
    Warning(String),
    /// As it should be.
    Ok(String),
}

impl Postfix {
    /// Whether a milter of Postfix's is ours.
    fn is_ours(&self, milter: &Milter, listen: &Listen) -> bool {
        match (listen, milter.endpoint.split_once(':')) {
            (Listen::Unix { path }, Some(("unix" | "local", theirs))) => {
                let spool = self.parameter("queue_directory");
                // In a chroot an absolute path begins at the queue directory too.
                path == Path::new(theirs)
                    || *path == Path::new(&spool).join(theirs.trim_start_matches('/'))
            }
            (Listen::Inet { host, port }, Some(("inet", theirs))) => {
                let Some((their_host, their_port)) = theirs.rsplit_once(':') else {
                    return false;
                };
                let plain = |host: &str| match host.trim_matches(['[', ']']) {
                    "localhost" => "127.0.0.1".to_owned(),
                    host => host.to_owned(),
                };
                let any = ["0.0.0.0", "::"].contains(&host.as_str());
                their_port.parse() == Ok(*port) && (any || plain(host) == plain(their_host))
            }
            _ => false,
        }
    }

    fn has_ours(&self, milters: &str, listen: &Listen) -> bool {
        list(milters)
            .iter()
            .any(|milter| self.is_ours(milter, listen))
    }

    /// Listeners with our milter and a `{daemon_name}` of their own, where no one logs in.
    fn resubmissions(&self, listen: &Listen) -> Vec<(&Service, String)> {
        let named = self.services.iter().filter_map(|service| {
            let name = service.options.get("milter_macro_daemon_name")?;
            Some((service, self.expanded(name)))
        });
        let is_one = |(service, name): &(&Service, String)| {
            let login = service
                .options
                .get("smtpd_sasl_auth_enable")
                .is_some_and(|v| v == "yes");
            !login
                && name != SUBMISSION
                && self.has_ours(&self.at(service, "smtpd_milters"), listen)
        };
        named.filter(is_one).collect()
    }

    /// What of it an admin should know.
    pub fn judge(&self, settings: &Settings) -> Vec<Finding> {
        let listen = &settings.milter.listen;
        let mut found = Vec::new();
        let milters = list(&self.parameter("smtpd_milters"));
        let place = milters
            .iter()
            .position(|milter| self.is_ours(milter, listen));
        match place {
            None => found.push(Finding::Warning(format!(
                "Postfix: smtpd_milters has not {listen}: mail is not asked about; add {{ {listen}, default_action=accept }} as the last"
            ))),
            Some(place) if place + 1 < milters.len() => found.push(Finding::Warning(
                "Postfix: smtpd_milters has another milter behind ours: what that one refuses, ours would have sent already; make ours the last".into(),
            )),
            Some(_) => found.push(Finding::Ok("Postfix: ours is the last of smtpd_milters".into())),
        }
        if place.is_some() && !self.has_ours(&self.parameter("non_smtpd_milters"), listen) {
            found.push(Finding::Warning(
                "Postfix: non_smtpd_milters has not our milter: mail of local programs (cron, monitoring) is not asked about".into(),
            ));
        }
        let resubmissions = self.resubmissions(listen);
        self.judge_safety_net(
            place.map(|place| &milters[place]),
            &resubmissions,
            &mut found,
        );
        judge_names(settings, &resubmissions, &mut found);
        self.judge_senders(settings, &mut found);
        self.judge_domains(settings, &mut found);
        self.judge_way_in(settings, &mut found);
        found
    }

    /// What becomes of SMS while we are away.
    fn judge_safety_net(
        &self,
        ours: Option<&Milter>,
        resubmissions: &[(&Service, String)],
        found: &mut Vec<Finding>,
    ) {
        let own = ours.and_then(|milter| milter.default_action.clone());
        let action = own.unwrap_or_else(|| self.parameter("milter_default_action"));
        let has_net = !resubmissions.is_empty() && !self.parameter("transport_maps").is_empty();
        if ours.is_some() && action == "accept" && !has_net {
            found.push(Finding::Warning(
                "Postfix: default_action is accept, but no transport leads SMS recipients to a re-submission listener: while sms-milter is away SMS get lost or bounce; see contrib/postfix, or set default_action=tempfail".into(),
            ));
        }
        for (service, _) in resubmissions {
            let milters = list(&self.at(service, "smtpd_milters"));
            let own = milters
                .last()
                .and_then(|milter| milter.default_action.clone());
            let action = own.unwrap_or_else(|| self.at(service, "milter_default_action"));
            if action == "accept" {
                found.push(Finding::Warning(format!(
                    "Postfix: the listener {} takes SMS recipients while sms-milter is away, and they go in a circle; add -o milter_default_action=tempfail",
                    service.name
                )));
            }
        }
    }

    /// `trust: sender` is right only where nobody can use another's address.
    fn judge_senders(&self, settings: &Settings, found: &mut Vec<Finding>) {
        if !settings
            .access
            .resubmission
            .as_ref()
            .is_some_and(|r| r.trust_sender)
        {
            return;
        }
        let checked = [
            "smtpd_sender_restrictions",
            "smtpd_recipient_restrictions",
            "smtpd_relay_restrictions",
        ]
        .iter()
        .any(|name| self.parameter(name).contains("sender_login_mismatch"));
        found.push(match checked && !self.parameter("smtpd_sender_login_maps").is_empty() {
            true => Finding::Ok("Postfix: senders use their own addresses (smtpd_sender_login_maps)".into()),
            false => Finding::Warning(
                "access.resubmission.trust is sender, but Postfix lets people use each other's addresses: set smtpd_sender_login_maps and reject_sender_login_mismatch, or write trust: aliases".into(),
            ),
        });
    }

    /// Postfix takes mail for the SMS domains.
    fn judge_domains(&self, settings: &Settings, found: &mut Vec<Finding>) {
        let lists = [
            "relay_domains",
            "virtual_mailbox_domains",
            "virtual_alias_domains",
            "mydestination",
        ]
        .map(|name| self.parameter(name));
        // What stands in a table cannot be seen from here.
        if lists.iter().any(|list| list.contains([':', '/'])) {
            return;
        }
        let named = |domain: &str| {
            lists
                .iter()
                .any(|list| words(list).any(|word| word.eq_ignore_ascii_case(domain)))
        };
        for domain in settings
            .addresses
            .domains
            .iter()
            .filter(|domain| !named(&domain.sms))
        {
            found.push(Finding::Warning(format!(
                "Postfix: {} is in none of its domains: mail to it is refused or leaves; add it to relay_domains",
                domain.sms
            )));
        }
    }

    /// The port that takes mails made of SMS must not ask us.
    fn judge_way_in(&self, settings: &Settings, found: &mut Vec<Finding>) {
        let Place::Tcp { port, .. } = &settings.inject.target.place else {
            return;
        };
        let is_it = |service: &&Service| {
            let name = service
                .name
                .rsplit_once(':')
                .map_or(service.name.as_str(), |(_, port)| port);
            name == port.to_string() || *port == 25 && name == "smtp"
        };
        let Some(service) = self.services.iter().find(is_it) else {
            return;
        };
        if self.has_ours(&self.at(service, "smtpd_milters"), &settings.milter.listen) {
            found.push(Finding::Warning(format!(
                "mail.inject: Postfix's listener {} asks our milter about mails made of SMS; add -o smtpd_milters= there, or write another port",
                service.name
            )));
        }
    }
}

/// Every listener that hides the login must be one we know (spec 3).
fn judge_names(
    settings: &Settings,
    resubmissions: &[(&Service, String)],
    found: &mut Vec<Finding>,
) {
    let ours = settings
        .access
        .resubmission
        .as_ref()
        .map(|r| r.daemon.as_str());
    let known = resubmissions
        .iter()
        .any(|(_, name)| Some(name.as_str()) == ours);
    match ours {
        Some(name) if known => {
            found.push(Finding::Ok(format!("Postfix: the re-submission listener is {name}, as access.resubmission says")));
        }
        Some(name) if resubmissions.is_empty() => found.push(Finding::Warning(format!(
            "access.resubmission.daemon is {name}, but no listener in Postfix's master.cf with our milter has -o milter_macro_daemon_name={name}; see contrib/postfix/master.cf"
        ))),
        _ => {}
    }
    for (service, name) in resubmissions.iter().filter(|_| !known) {
        let now = match ours {
            None => "access.resubmission is not set".to_owned(),
            Some(ours) => format!("access.resubmission.daemon is {ours}"),
        };
        found.push(Finding::Error(format!(
            "Postfix's listener {} has milter_macro_daemon_name={name}, but {now}: everybody would be a trusted client there; write access: {{ resubmission: {{ daemon: {name}, trust: aliases }} }}",
            service.name
        )));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, ThisMachine};

    const ATTACHED: &str = "sms_milter = inet:127.0.0.1:8895
smtpd_milters = unix:opendkim/opendkim.sock { inet:127.0.0.1:8895, default_action=accept }
non_smtpd_milters = { inet:127.0.0.1:8895, default_action=accept }
milter_default_action = tempfail
transport_maps = regexp:/etc/postfix/sms_recipients.regexp
relay_domains = sms.example.com
queue_directory = /var/spool/postfix
";
    const LISTENERS: &str = "smtp inet n - n - - smtpd
submission inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o milter_macro_daemon_name=ORIGINATING
pickup unix n - n 60 1 pickup
127.0.0.1:10587 inet n - n - - smtpd -o { smtpd_milters = $sms_milter } -o milter_macro_daemon_name=sms -o milter_default_action=tempfail
127.0.0.1:10026 inet n - n - - smtpd -o smtpd_milters= -o syslog_name=postfix/sms-in
";

    fn settings(more: &str) -> Settings {
        settings_at("inet:127.0.0.1:8895", more)
    }

    fn settings_at(listen: &str, more: &str) -> Settings {
        let text = format!(
            "hostname: mail.example.com
milter: {{ listen: \"{listen}\" }}
addresses: {{ domains: [{{ mail: example.com, sms: sms.example.com, region: US }}] }}
mail: {{ inject: smtp://127.0.0.1:10026 }}
{more}"
        );
        let parsed = config::parse(&text, "config.yaml", Path::new("/"), &ThisMachine);
        parsed.unwrap_or_else(|errors| panic!("{errors}"))
    }

    #[track_caller]
    fn check(settings: &Settings, main: &str, master: &str, expected: &[&str]) {
        let found = Postfix::read(main, master).judge(settings);
        let shown: Vec<_> = found
            .iter()
            .filter_map(|finding| match finding {
                Finding::Error(text) => Some(format!("error: {text}")),
                Finding::Warning(text) => Some(format!("warning: {text}")),
                Finding::Ok(_) => None,
            })
            .collect();
        let alike = shown.len() == expected.len()
            && shown.iter().zip(expected).all(|(s, e)| s.starts_with(e));
        assert!(alike, "{shown:#?}");
    }

    const SMS: &str = "access: { resubmission: { daemon: sms } }";

    #[test]
    fn attached_as_recommended() {
        check(&settings(SMS), ATTACHED, LISTENERS, &[]);
        check(
            &settings_at("inet:localhost:8895", SMS),
            ATTACHED,
            LISTENERS,
            &[],
        );
    }

    #[test]
    fn a_socket_in_the_chroot() {
        let main = ATTACHED.replace("inet:127.0.0.1:8895", "unix:sms-milter/milter.sock");
        check(
            &settings_at("unix:/var/spool/postfix/sms-milter/milter.sock", SMS),
            &main,
            LISTENERS,
            &[],
        );
        let elsewhere = settings_at("unix:/run/sms-milter/milter.sock", "");
        check(
            &elsewhere,
            &main,
            "",
            &["warning: Postfix: smtpd_milters has not unix:/run"],
        );
    }

    #[test]
    fn listeners_without_a_login_are_known_or_errors() {
        let error = "error: Postfix's listener 127.0.0.1:10587 has milter_macro_daemon_name=sms, but access.resubmission";
        check(&settings(""), ATTACHED, LISTENERS, &[error]);
        check(
            &settings("access: { resubmission: { daemon: other } }"),
            ATTACHED,
            LISTENERS,
            &[error],
        );
        let without = LISTENERS.replace("-o milter_macro_daemon_name=sms", "");
        check(
            &settings(""),
            ATTACHED,
            &without,
            &["warning: Postfix: default_action is accept"],
        );
        check(
            &settings(SMS),
            &ATTACHED.replace("default_action=accept", "default_action=tempfail"),
            &without,
            &["warning: access.resubmission.daemon is sms, but no listener"],
        );
    }

    #[test]
    fn attached_wrongly() {
        let last = "{ inet:127.0.0.1:8895, default_action=accept }\nnon";
        let behind = ATTACHED.replacen(
            last,
            "{ inet:127.0.0.1:8895, default_action=accept } inet:localhost:8891\nnon",
            1,
        );
        check(
            &settings(SMS),
            &behind,
            LISTENERS,
            &["warning: Postfix: smtpd_milters has another milter behind ours"],
        );
        let local = ATTACHED.replace("non_smtpd_milters = ", "x = ");
        check(
            &settings(SMS),
            &local,
            LISTENERS,
            &["warning: Postfix: non_smtpd_milters has not our milter"],
        );
        let domain = ATTACHED.replace("relay_domains = sms.", "relay_domains = mms.");
        check(
            &settings(SMS),
            &domain,
            LISTENERS,
            &["warning: Postfix: sms.example.com is in none of its domains"],
        );
        let no_way = ATTACHED.replace("transport_maps = ", "x = ");
        check(
            &settings(SMS),
            &no_way,
            LISTENERS,
            &["warning: Postfix: default_action is accept, but no transport"],
        );
        let circle = LISTENERS.replace(
            "milter_default_action=tempfail",
            "milter_default_action=accept",
        );
        check(
            &settings(SMS),
            ATTACHED,
            &circle,
            &["warning: Postfix: the listener 127.0.0.1:10587 takes"],
        );
        let asked = LISTENERS.replace("-o smtpd_milters= ", "");
        check(
            &settings(SMS),
            ATTACHED,
            &asked,
            &["warning: mail.inject: Postfix's listener 127.0.0.1:10026 asks our milter"],
        );
        check(
            &settings(""),
            "",
            "",
            &[
                "warning: Postfix: smtpd_milters has not inet:127.0.0.1:8895",
                "warning: Postfix: sms.example.com",
            ],
        );
    }

    #[test]
    fn trusted_senders_are_checked_by_postfix() {
        let sender = settings("access: { resubmission: { daemon: sms, trust: sender } }");
        check(
            &sender,
            ATTACHED,
            LISTENERS,
            &["warning: access.resubmission.trust is sender, but"],
        );
        let checked = format!(
            "{ATTACHED}smtpd_sender_login_maps = hash:/etc/postfix/logins\nsmtpd_sender_restrictions = reject_sender_login_mismatch\n"
        );
        check(&sender, &checked, LISTENERS, &[]);
    }
}
