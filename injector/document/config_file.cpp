#include "injector/document/config_file.hpp"

#include <utility>

#include "injector/document/json.hpp"

namespace dboot::image {

namespace {

/// A list of words; a string is the shell form, which builders turn into a list, and hand-made
/// images do not.
std::vector<std::string> command_member(const boost::json::value& config, std::string_view name) {
  if (!member(config, name).is_string()) return strings_member(config, name);
  auto line = string_member(config, name);
  if (line.empty()) return {};
  return {"/bin/sh", "-c", std::move(line)};
}

}  // namespace

ImageConfig process_config(const boost::json::value& config) {
  ImageConfig result;
  result.entrypoint = command_member(config, "Entrypoint");
  // What `ENTRYPOINT [""]` leaves: engines take it for none.
  if (result.entrypoint == std::vector<std::string>{""}) result.entrypoint.clear();
  result.cmd = command_member(config, "Cmd");
  result.env = strings_member(config, "Env");
  result.working_directory = string_member(config, "WorkingDir");
  result.user = string_member(config, "User");
  result.stop_signal = string_member(config, "StopSignal");
  return result;
}

ConfigFile parse_config_file(std::string_view text) {
  const boost::json::value file = parse_json(text);
  if (!file.is_object()) throw BadDocument("it is no object");
  ConfigFile result;
  result.config = process_config(member(file, "config"));
  result.config.architecture = string_member(file, "architecture");
  result.config.os = string_member(file, "os");
  result.variant = string_member(file, "variant");
  const boost::json::value& rootfs = member(file, "rootfs");
  const std::string type = string_member(rootfs, "type");
  if (!type.empty() && type != "layers") throw BadDocument("rootfs is of the unknown type " + type);
  result.diff_ids = strings_member(rootfs, "diff_ids");
  return result;
}

}  // namespace dboot::image
