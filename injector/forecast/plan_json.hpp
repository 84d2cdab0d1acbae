#pragma once

#include <boost/json/value.hpp>
#include <string_view>

#include "shared/plan/plan.hpp"

namespace dboot::forecast {

/// A text as JSON can hold it: control characters and what is no UTF-8 are escaped as in the log.
boost::json::string json_text(std::string_view text);
boost::json::array json_texts(const std::vector<std::string>& texts);

/// Every field of a plan, by the names of shared/plan/plan.fbs.
boost::json::object json_of(const Plan& plan);

}  // namespace dboot::forecast
