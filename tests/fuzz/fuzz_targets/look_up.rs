//! Any filter or query of an admin with any name of a stranger: a filter stays one, of the same shape, and a
//! query does not depend on the name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::access::found::Question;
use sms_milter::directory::template::{Name, Template};

fuzz_target!(|input: (String, String)| {
    let (template, name) = input;
    let (hostile, harmless) = (Question::Name(name), Question::Name("ann@example.com".into()));
    for text in [template.clone(), "(&(mail=%s)(uid=%u)(dc=%d))".to_owned()] {
        if let Ok(filter) = Template::filter(&text) {
            let fill = |question| filter.filter_for(Name::of(question));
            if let (Some(hostile), Some(harmless)) = (fill(&hostile), fill(&harmless)) {
                let shape = |text: &str| text.replace(|c: char| !"()&|!*=".contains(c), "");
                let signs = |text: &str| text.matches(['(', ')', '*']).count();
                assert!(signs(&hostile) == signs(&harmless), "{}", shape(&hostile));
            }
        }
    }
    if let Ok(query) = Template::query(&template) {
        let places = std::cell::Cell::new(0);
        let sql = query.sql(|n| {
            places.set(n);
            "?".into()
        });
        let Some(binds) = query.binds(Name::of(&harmless)) else { return };
        assert!(binds.len() == places.get() && sql.len() <= template.len());
    }
});
