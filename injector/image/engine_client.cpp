#include "injector/image/engine_client.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "injector/failure.hpp"
#include "injector/image/config_file.hpp"
#include "injector/image/engine_socket.hpp"
#include "injector/image/json.hpp"

namespace dboot::image {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace json = boost::json;
using Waiting = EngineSocket::Waiting;

constexpr std::size_t block_size = 1U << 18U;
constexpr std::size_t largest_answer = 16U << 20U;

/// What Beast calls a SyncReadStream. Blocks with a deadline, which sockets of Asio do not.
class Stream {
 public:
  explicit Stream(EngineSocket socket) : socket_(std::move(socket)) {}

  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, beast::error_code& error) {
    for (const boost::asio::mutable_buffer buffer : beast::buffers_range_ref(buffers)) {
      if (buffer.size() == 0) continue;
      const std::size_t size = socket_.read(buffer.data(), buffer.size());
      error = size == 0 ? boost::asio::error::eof : beast::error_code();
      return size;
    }
    error = {};
    return 0;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    beast::error_code error;
    const std::size_t size = read_some(buffers, error);
    if (error) throw beast::system_error(error);
    return size;
  }
  void write(std::string_view data) {
    while (!data.empty()) data.remove_prefix(socket_.write(data.data(), data.size()));
  }

 private:
  EngineSocket socket_;
};

/// One request on a connection of its own, and its answer as it comes.
class Exchange : public ByteStream {
 public:
  Exchange(const std::string& socket_path, Waiting waiting, http::verb verb,
           const std::string& target, const std::string& body)
      : stream_(EngineSocket(socket_path, waiting)), block_(block_size) {
    http::request<http::string_body> request(verb, target, 11);
    request.set(http::field::host, "localhost");
    request.set(http::field::connection, "close");
    if (!body.empty()) request.set(http::field::content_type, "application/json");
    request.body() = body;
    request.prepare_payload();
    // In one piece: an engine that refuses without having read the body may already have closed.
    std::ostringstream text;
    text << request;
    stream_.write(text.str());
    beast::error_code error;
    parser_.body_limit(boost::none);
    http::read_header(stream_, buffer_, parser_, error);
    if (error) broken(error);
  }

  unsigned status() const { return parser_.get().result_int(); }
  std::string header(const std::string& name) const { return std::string(parser_.get()[name]); }

  std::span<const char> next() override {
    auto& body = parser_.get().body();
    while (!parser_.is_done()) {
      body.data = block_.data();
      body.size = block_.size();
      beast::error_code error;
      http::read(stream_, buffer_, parser_, error);
      if (error && error != http::error::need_buffer) broken(error);
      if (const std::size_t size = block_.size() - body.size; size > 0)
        return {block_.data(), size};
    }
    return {};
  }

  std::string rest() {
    std::string text;
    for (auto bytes = next(); !bytes.empty(); bytes = next()) {
      text.append(bytes.data(), bytes.size());
      if (text.size() > largest_answer) {
        throw Failure("the container engine answers without end", "is it one? See --host");
      }
    }
    return text;
  }

 private:
  [[noreturn]] static void broken(const beast::error_code& error) {
    const bool closed =
        error == http::error::partial_message || error == http::error::end_of_stream;
    throw Failure(closed ? "the container engine closed the connection in the middle of its answer"
                         : "the container engine's answer cannot be read: " + error.message(),
                  "look into the engine's log, and try again");
  }

  Stream stream_;
  beast::flat_buffer buffer_;
  http::response_parser<http::buffer_body> parser_;
  std::vector<char> block_;
};

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
    message = string_member(parse_json(body, largest_answer), "message");
  } catch (const BadDocument&) {
    // Whatever it is, it explains nothing.
  }
  return message.empty() ? "HTTP status " + std::to_string(status) : message;
}

[[noreturn]] void refused(const std::string& attempted, Exchange& exchange) {
  throw Failure("the container engine cannot " + attempted + ": " +
                    message_of(exchange.status(), exchange.rest()),
                "look into the engine's log");
}

EngineImage parse_image(const std::string& text) {
  const json::value answer = parse_json(text, largest_answer);
  EngineImage image;
  image.id = string_member(answer, "Id");
  if (image.id.empty()) throw BadDocument("it has no Id");
  if (const auto* size = member(answer, "Size").if_int64(); size != nullptr && *size > 0) {
    image.size = static_cast<std::uint64_t>(*size);
  }
  image.config = process_config(member(answer, "Config"));
  image.config.architecture = string_member(answer, "Architecture");
  image.config.os = string_member(answer, "Os");
  return image;
}

}  // namespace

EngineClient::EngineClient(std::string socket_path) : socket_path_(std::move(socket_path)) {
  Exchange ping(socket_path_, Waiting::interruptible, http::verb::get, "/_ping", "");
  if (ping.status() != 200) refused("be reached", ping);
  const std::string version = ping.header("Api-Version");
  if (!version.empty()) prefix_ = "/v" + version;
}

EngineImage EngineClient::inspect_image(const std::string& name) const {
  Exchange exchange(socket_path_, Waiting::interruptible, http::verb::get,
                    prefix_ + "/images/" + escape(name) + "/json", "");
  if (exchange.status() == 404) {
    throw Failure(
        "the container engine at " + socket_path_ + " says: " + message_of(404, exchange.rest()),
        "docker pull " + name + " fetches it, docker images lists what is there");
  }
  if (exchange.status() != 200) refused("inspect " + name, exchange);

  try {
    return parse_image(exchange.rest());
  } catch (const BadDocument& error) {
    throw Failure(
        "the container engine's description of " + name + " cannot be used: " + error.what(),
        "is that socket an engine's? See --host");
  }
}

void EngineClient::create_container(const std::string& name, const std::string& image_id) const {
  // The command is never run, but an image without one needs it to become a container.
  const json::object body{
      {"Image", image_id}, {"Cmd", json::array{"/"}}, {"NetworkDisabled", true}};
  Exchange exchange(socket_path_, Waiting::to_the_end, http::verb::post,
                    prefix_ + "/containers/create?name=" + escape(name), json::serialize(body));
  if (exchange.status() != 201) refused("create a container", exchange);
  exchange.rest();
}

void EngineClient::remove_container(const std::string& name) const {
  Exchange exchange(socket_path_, Waiting::to_the_end, http::verb::delete_,
                    prefix_ + "/containers/" + escape(name) + "?force=true&v=true", "");
  if (exchange.status() == 404) return;
  if (exchange.status() >= 300) refused("remove container " + name, exchange);
}

std::unique_ptr<ByteStream> EngineClient::export_container(const std::string& name) const {
  auto exchange =
      std::make_unique<Exchange>(socket_path_, Waiting::interruptible, http::verb::get,
                                 prefix_ + "/containers/" + escape(name) + "/export", "");
  if (exchange->status() != 200) refused("export the image", *exchange);
  return exchange;
}

}  // namespace dboot::image
