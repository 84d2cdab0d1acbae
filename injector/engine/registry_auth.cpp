#include "injector/engine/registry_auth.hpp"

#include <nettle/base64.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "injector/command/user.hpp"
#include "injector/document/json.hpp"
#include "injector/report.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::image {
namespace {

namespace json = boost::json;

constexpr const char* docker_hub = "https://index.docker.io/v1/";

std::optional<std::string> decode_base64(const std::string& text) {
  std::string bytes(BASE64_DECODE_LENGTH(text.size()), '\0');
  base64_decode_ctx context{};
  ::base64_decode_init(&context);
  std::size_t size = bytes.size();
  auto* const raw = reinterpret_cast<std::uint8_t*>(bytes.data());
  if (::base64_decode_update(&context, &size, raw, text.size(), text.data()) == 0) return {};
  if (::base64_decode_final(&context) == 0) return {};
  bytes.resize(size);
  return bytes;
}

/// With the alphabet for URLs, as the engine wants it.
std::string encode_base64(const std::string& bytes) {
  std::string text(BASE64_ENCODE_RAW_LENGTH(bytes.size()), '\0');
  ::base64_encode_raw(text.data(), bytes.size(),
                      reinterpret_cast<const std::uint8_t*>(bytes.data()));
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

/// "https://registry.example/v1/" and "registry.example" are the same in that file.
std::string_view host_of(std::string_view address) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (address.starts_with(scheme)) address.remove_prefix(scheme.size());
  }
  return address.substr(0, address.find('/'));
}

const json::value* entry_for(const json::value& auths, const std::string& registry) {
  const auto* object = auths.if_object();
  if (object == nullptr) return nullptr;
  for (const auto& entry : *object) {
    if (host_of({entry.key().data(), entry.key().size()}) == host_of(registry))
      return &entry.value();
  }
  return nullptr;
}

std::string helper_for(const json::value& config, const std::string& registry) {
  const std::string helper =
      string_member(member(config, "credHelpers"), std::string(host_of(registry)));
  return helper.empty() ? string_member(config, "credsStore") : helper;
}

RegistryAuth parse(const json::value& config, const std::string& registry) {
  RegistryAuth result;
  if (const std::string helper = helper_for(config, registry); !helper.empty()) {
    result.mend = "passwords are kept by docker-credential-" + helper +
                  ", which is not asked: fetch the image with docker pull";
  }
  const json::value* entry = entry_for(member(config, "auths"), registry);
  if (entry == nullptr) return result;
  json::object auth{{"serveraddress", registry}};
  if (const std::string token = string_member(*entry, "identitytoken"); !token.empty()) {
    auth["identitytoken"] = token;
  } else {
    const auto pair = decode_base64(string_member(*entry, "auth"));
    const auto colon = pair ? pair->find(':') : std::string::npos;
    if (colon == std::string::npos) return result;
    auth["username"] = pair->substr(0, colon);
    auth["password"] = pair->substr(colon + 1);
  }
  result.header = encode_base64(json::serialize(auth));
  return result;
}

/// The directories in which Docker's client may keep its config.json.
std::vector<std::string> config_directories() {
  std::vector<std::string> directories;
  if (const char* directory = ::getenv("DOCKER_CONFIG")) directories.emplace_back(directory);
  if (const char* home = ::getenv("HOME")) directories.push_back(std::string(home) + "/.docker");
  if (const char* home = ::getenv("SUDO_HOME"))
    directories.push_back(std::string(home) + "/.docker");
  // Not of getpwnam(3): a static program asks no directory service.
  if (const char* user = ::getenv("SUDO_USER")) {
    const auto home = rootfs::home_of(user, sys::read_file_or_empty("/etc/passwd"));
    if (!home.empty()) directories.push_back(home + "/.docker");
  }
  return directories;
}

std::string read_config(const std::string& path) {
  struct stat status {};
  const bool small = ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
                     static_cast<std::uint64_t>(status.st_size) <= largest_document;
  return small ? sys::read_file_or_empty(path) : std::string();
}

}  // namespace

std::string registry_of(const std::string& image) {
  // As the engine tells them apart: a registry has a dot or a port, or is this machine.
  const auto slash = image.find('/');
  if (slash == std::string::npos) return docker_hub;
  const std::string first = image.substr(0, slash);
  const bool host = first.find_first_of(".:") != std::string::npos || first == "localhost";
  if (!host || first == "docker.io" || first == "index.docker.io") return docker_hub;
  return first;
}

RegistryAuth parse_registry_auth(std::string_view config, const std::string& registry) {
  try {
    return parse(parse_json(config), registry);
  } catch (const BadDocument& error) {
    report::debug("Docker's config.json is passed over", {{"reason", error.what()}});
    return {};
  }
}

RegistryAuth find_registry_auth(const std::string& registry) {
  RegistryAuth best;
  for (const auto& directory : config_directories()) {
    const std::string text = read_config(directory + "/config.json");
    if (text.empty()) continue;
    RegistryAuth found = parse_registry_auth(text, registry);
    if (!found.header.empty()) return found;
    if (best.mend.empty()) best = std::move(found);
  }
  return best;
}

}  // namespace dboot::image
