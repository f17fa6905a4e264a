//! UM hunt groups (`New-UMHuntGroup`): which dial plan answers the calls that a gateway sends to a pilot number.
//! Knows: the keys of `[[hunt_group]]`. Must not: know how a call is matched (that is `resolve`).

use std::sync::Arc;

use super::fields::Fields;
use super::names::{Name, PilotNumber};
use super::source::{Located, Place};
use super::{DialPlan, IpGateway};

/// The link between a gateway and a dial plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HuntGroup {
    /// Unique among the groups of its gateway.
    pub name: Name,
    pub ip_gateway: Arc<IpGateway>,
    pub dial_plan: Arc<DialPlan>,
    /// Called numbers that this group takes; none: every call of the gateway that no other group takes.
    pub pilot_identifier: Vec<PilotNumber>,
}

/// A hunt group whose gateway and plan are still names.
pub(super) struct HuntGroupText {
    pub place: Place,
    pub name: Name,
    pub ip_gateway: Located<Name>,
    pub dial_plan: Located<Name>,
    pub pilot_identifier: Vec<Located<PilotNumber>>,
}

impl HuntGroup {
    pub(super) fn read(mut fields: Fields) -> Option<HuntGroupText> {
        let place = fields.place();
        let name = fields.required("name");
        let ip_gateway = fields.required("ip_gateway");
        let dial_plan = fields.required("dial_plan");
        let pilot_identifier = fields.list("pilot_identifier");
        fields.finish(&[]);
        let name = name?;
        Some(HuntGroupText {
            place,
            name: name.value,
            ip_gateway: ip_gateway?,
            dial_plan: dial_plan?,
            pilot_identifier,
        })
    }
}
