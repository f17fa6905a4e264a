//! What may stand in a scenario, and what is refused by line and name.

use super::*;

fn read(steps: &str) -> Result<Scenario, Vec<String>> {
    let text = format!("<?xml version=\"1.0\"?>\n<scenario name=\"s\">\n{steps}\n</scenario>");
    Scenario::read(&text, BTreeMap::new()).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

#[test]
fn what_is_not_known_is_refused_by_line_and_name() {
    for (steps, fault) in [
        ("<sendCmd/>", "line 3: there is no message in it"),
        ("<dance/>", "line 3: <dance> is no element that is known here"),
        ("<pause/>\n<recv response=\"200\" mood=\"bad\"/>", "line 4: <recv> mood=\"bad\" is not known here"),
        ("<recv/>", "line 3: <recv> has neither request nor response"),
        ("<recv response=\"99\"/>", "line 3: <recv> response is no status of SIP"),
        ("<recv response=\"200\" next=\"7\"/>", "line 3: <recv> next=\"7\": there is no label of that id"),
        ("<recv response=\"200\" timeout=\"soon\"/>", "line 3: <recv> timeout=\"soon\" is no number"),
        (
            "<pause distribution=\"gamma\"/>",
            "line 3: <pause> distribution=\"gamma\" is not known here; fixed, uniform, normal and exponential are",
        ),
        (
            "<pause milliseconds=\"1\" variable=\"v\"/>",
            "line 3: <pause> has more than one of milliseconds, variable and distribution",
        ),
        ("<nop><action>\n<lookup/></action></nop>", "line 4: <lookup> is no action that is known here"),
        (
            "<nop><action><exec play_pcap_video=\"a\"/></action></nop>",
            "line 3: <exec> play_pcap_video is not known here",
        ),
        ("<nop><action><ereg regexp=\"(\" assign_to=\"a\"/></action></nop>", "line 3: <ereg> regexp=\"(\": "),
        (
            "<nop><action><exec rtp_stream=\"a.ul,1,18\"/></action></nop>",
            "line 3: <exec> rtp_stream=\"a.ul,1,18\": of payload types, 0 (PCMU) and 8 (PCMA) are known here",
        ),
        ("<send><![CDATA[\n INFO x\n A: [nobody]\n]]></send>", "line 5: [nobody] is no keyword that is known here"),
        ("<init><pause/></init><pause/>", "line 3: only <nop> may stand in <init>"),
        ("<label id=\"_unexp.main\"/>", "line 3: <label> for what comes unexpected is not known here"),
        ("", "line 2: there is nothing to do in it"),
    ] {
        let said = read(steps).map(drop).unwrap_err();
        assert!(said[0].starts_with(fault), "{steps}: {said:?}");
    }
}

#[test]
fn every_fault_is_said_at_once() {
    assert_eq!(read("<dance/>\n<recv/>\n<sing/>").unwrap_err().len(), 3);
}

#[test]
fn labels_lead_to_the_step_behind_them() {
    let scenario = read("<pause next=\"end\"/>\n<label id=\"1\"/>\n<pause next=\"1\"/>\n<label id=\"end\"/>").unwrap();
    let to: Vec<_> = scenario.steps.iter().map(|step| step.branch.unwrap().to).collect();
    assert_eq!(to, [2, 1], "2: behind the last one");
}

#[test]
fn the_first_message_says_which_side_it_is() {
    assert_eq!(read("<pause/><recv request=\"INVITE\"/>").unwrap().side, Side::Called);
    assert_eq!(read("<send><![CDATA[OPTIONS x]]></send><recv request=\"BYE\"/>").unwrap().side, Side::Caller);
}

#[test]
fn a_comment_says_what_an_engine_is_to_be_like() {
    let text = "<!-- engine: to=router service=+1 -->\n<!-- another -->\n<scenario><pause/></scenario>";
    let scenario = Scenario::read(text, BTreeMap::new()).unwrap();
    let needs = [("service", "+1"), ("to", "router")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(scenario.needs, needs.into());
    let text = "<!-- engine: router -->\n<scenario><pause/></scenario>";
    let fault = Scenario::read(text, BTreeMap::new()).unwrap_err();
    assert_eq!(fault[0].to_string(), "line 1: engine: \"router\" is no name=value");
}

#[test]
fn scenarios_that_are_built_in_can_be_read() {
    for name in ["uac", "uas", "uac_audio"] {
        let text = crate::replay::builtin(name).unwrap();
        Scenario::read(text, BTreeMap::new()).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
    }
}
