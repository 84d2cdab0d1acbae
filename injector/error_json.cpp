#include "injector/error_json.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "shared/log/json.hpp"

namespace dboot {

std::string error_json(std::string_view what, std::string_view mend, int status) {
  using boost::json::object;
  using boost::json::value;
  const object error{{"what", json_text(what)},
                     {"mend", mend.empty() ? value() : value(json_text(mend))},
                     {"status", status}};
  return boost::json::serialize(
             object{{"format", 1}, {"version", DBOOT_VERSION}, {"error", error}}) +
         "\n";
}

}  // namespace dboot
