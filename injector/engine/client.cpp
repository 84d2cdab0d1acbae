#include "injector/engine/client.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <string_view>
#include <utility>

#include "injector/document/config_file.hpp"
#include "injector/document/json.hpp"
#include "injector/engine/exchange.hpp"
#include "injector/engine/socket.hpp"
#include "injector/failure.hpp"

namespace dboot::image {
namespace {

namespace json = boost::json;

/// An engine whose storage driver is vfs copies the whole image to make a container.
constexpr std::chrono::seconds copying{600};
/// Podman says nothing while it fetches a layer.
constexpr std::chrono::seconds downloading{3600};

/// A name as one part of a path; slashes stay, as in the engine's own routes.
std::string escape(std::string_view name) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:@";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (const char character : name) {
    if (plain.find(character) != std::string_view::npos) {
      result += character;
      continue;
    }
    const auto byte = static_cast<unsigned char>(character);
    result += {'%', digits[byte >> 4U], digits[byte & 15U]};
  }
  return result;
}

/// What the engine says about an error, in its own words.
std::string message_of(unsigned status, const std::string& body) {
  std::string message;
  try {
    message = string_member(parse_json(body, EngineExchange::largest_answer), "message");
  } catch (const BadDocument&) {
    // Whatever it is, it explains nothing.
  }
  return message.empty() ? "HTTP status " + std::to_string(status) : message;
}

[[noreturn]] void refused(const std::string& attempted, EngineExchange& exchange) {
  throw Failure("the container engine cannot " + attempted + ": " +
                    message_of(exchange.status(), exchange.rest()),
                "look into the engine's log");
}

/// Where an overlay driver keeps the layers; empty for other drivers.
EngineStorage parse_storage(const json::value& driver) {
  const std::string name = string_member(driver, "Name");
  const json::value& data = member(driver, "Data");
  EngineStorage storage;
  storage.driver = name;
  if (name != "overlay2" && name != "overlay") return storage;
  std::string list = string_member(data, "UpperDir");
  if (const std::string lower = string_member(data, "LowerDir"); !lower.empty())
    list += ":" + lower;
  for (std::size_t begin = 0; begin <= list.size() && !list.empty();) {
    const auto end = std::min(list.find(':', begin), list.size());
    storage.directories.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return storage;
}

EngineImage parse_image(const std::string& text) {
  const json::value answer = parse_json(text, EngineExchange::largest_answer);
  EngineImage image;
  image.id = string_member(answer, "Id");
  if (image.id.empty()) throw BadDocument("it has no Id");
  if (const auto* size = member(answer, "Size").if_int64(); size != nullptr && *size > 0) {
    image.size = static_cast<std::uint64_t>(*size);
  }
  image.config = process_config(member(answer, "Config"));
  image.config.architecture = string_member(answer, "Architecture");
  image.config.os = string_member(answer, "Os");
  image.storage = parse_storage(member(answer, "GraphDriver"));
  return image;
}

}  // namespace

EngineClient::EngineClient(std::string socket_path) : socket_path_(std::move(socket_path)) {
  EngineSocket socket(socket_path_);
  process_ = socket.peer();
  EngineExchange ping(std::move(socket), {"GET", "/_ping"});
  if (ping.status() != 200) refused("be reached", ping);
  const std::string version = ping.header("Api-Version");
  if (!version.empty()) prefix_ = "/v" + version;
}

std::vector<std::string> image_names(const std::string& socket_path) {
  constexpr std::chrono::seconds patience{1};
  EngineExchange exchange(EngineSocket(socket_path, patience), {"GET", "/images/json"});
  if (exchange.status() != 200) refused("list its images", exchange);
  std::vector<std::string> names;
  const auto images = parse_json(exchange.rest(), EngineExchange::largest_answer);
  if (!images.is_array()) return names;
  for (const auto& image : images.get_array()) {
    for (auto& name : strings_member(image, "RepoTags")) names.push_back(std::move(name));
  }
  return names;
}

std::optional<EngineImage> EngineClient::find_image(const std::string& name) const {
  EngineExchange exchange(EngineSocket(socket_path_),
                          {"GET", prefix_ + "/images/" + escape(name) + "/json"});
  if (exchange.status() == 404) return {};
  if (exchange.status() != 200) refused("inspect " + name, exchange);
  try {
    return parse_image(exchange.rest());
  } catch (const BadDocument& error) {
    throw Failure(
        "the container engine's description of " + name + " cannot be used: " + error.what(),
        "is that socket an engine's? See --host");
  }
}

std::unique_ptr<ByteStream> EngineClient::pull_image(const std::string& repository,
                                                     const std::string& tag,
                                                     const std::string& auth,
                                                     const std::string& mend) const {
  EngineRequest request{
      "POST", prefix_ + "/images/create?fromImage=" + escape(repository) + "&tag=" + escape(tag)};
  if (!auth.empty()) request.headers.emplace_back("X-Registry-Auth", auth);
  auto exchange =
      std::make_unique<EngineExchange>(EngineSocket(socket_path_, downloading), request);
  if (exchange->status() != 200) {
    throw Failure("the container engine cannot fetch " + repository + ": " +
                      message_of(exchange->status(), exchange->rest()),
                  mend);
  }
  return exchange;
}

void EngineClient::create_container(const std::string& name, const std::string& image_id,
                                    const std::string& working_directory) const {
  // The command is never run, but an image without one needs it to become a container.
  const json::object body{{"Image", image_id},
                          {"Cmd", json::array{"/"}},
                          {"WorkingDir", working_directory},
                          {"NetworkDisabled", true}};
  EngineExchange exchange(
      EngineSocket(socket_path_, copying),
      {"POST", prefix_ + "/containers/create?name=" + escape(name), json::serialize(body)});
  if (exchange.status() != 201) refused("create a container", exchange);
  exchange.rest();
}

bool EngineClient::remove_container(const std::string& name, CleanUpDeadline& deadline) const {
  EngineExchange exchange(
      EngineSocket(socket_path_, deadline),
      {"DELETE", prefix_ + "/containers/" + escape(name) + "?force=true&v=true"});
  if (exchange.status() == 404) return false;
  if (exchange.status() >= 300) refused("remove container " + name, exchange);
  return true;
}

std::unique_ptr<ByteStream> EngineClient::export_container(const std::string& name) const {
  auto exchange = std::make_unique<EngineExchange>(
      EngineSocket(socket_path_),
      EngineRequest{"GET", prefix_ + "/containers/" + escape(name) + "/export"});
  if (exchange->status() != 200) refused("export the image", *exchange);
  return exchange;
}

}  // namespace dboot::image
