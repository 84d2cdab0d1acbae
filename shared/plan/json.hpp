#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "shared/plan/plan.hpp"

namespace dboot::plan {

/// Every field of a plan, by the names of shared/plan/plan.fbs (dboot-plan(5)).
boost::json::object to_json(const Plan& plan);

/// The other way round. `executable` must be there; what else is left out has its default, and the
/// arguments are the executable then. Throws Error, which names the field, for one that is unknown,
/// of another type or out of range.
Plan from_json(const boost::json::value& document);

}  // namespace dboot::plan
