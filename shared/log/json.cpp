#include "shared/log/json.hpp"

#include "shared/log/record.hpp"

namespace dboot {

boost::json::string json_text(std::string_view text) {
  boost::json::string escaped(log::escaped(text, "\\"));
  return escaped;
}

boost::json::array json_texts(const std::vector<std::string>& texts) {
  boost::json::array list;
  for (const auto& text : texts) list.emplace_back(json_text(text));
  return list;
}

}  // namespace dboot
