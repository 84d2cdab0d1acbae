#pragma once

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace dboot {

/// A text as JSON can hold it, whatever its bytes are: a backslash, control characters and what is
/// no UTF-8 are escaped as in the log (dboot-log(5)). log::unescaped() is the other way round.
boost::json::string json_text(std::string_view text);
boost::json::array json_texts(const std::vector<std::string>& texts);

}  // namespace dboot
