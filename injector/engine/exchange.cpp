#include "injector/engine/exchange.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <sstream>
#include <string_view>

#include "injector/failure.hpp"

namespace dboot::image {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

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
  bool is_readable() const noexcept { return socket_.is_readable(); }
  void write(std::string_view data) {
    while (!data.empty()) data.remove_prefix(socket_.write(data.data(), data.size()));
  }

 private:
  EngineSocket socket_;
};

[[noreturn]] void broken(const beast::error_code& error) {
  const bool closed = error == http::error::partial_message || error == http::error::end_of_stream;
  throw Failure(closed ? "the container engine closed the connection in the middle of its answer"
                       : "the container engine's answer cannot be read: " + error.message(),
                "look into the engine's log, and try again");
}

}  // namespace

class EngineExchange::State {
 public:
  State(EngineSocket socket, const EngineRequest& wanted) : stream_(std::move(socket)) {
    http::request<http::string_body> request(http::string_to_verb(wanted.method), wanted.target,
                                             11);
    request.set(http::field::host, "localhost");
    request.set(http::field::connection, "close");
    if (!wanted.body.empty()) request.set(http::field::content_type, "application/json");
    for (const auto& [name, value] : wanted.headers) request.set(name, value);
    request.body() = wanted.body;
    request.prepare_payload();
    // In one piece: an engine that refuses without having read the body may already have closed.
    std::ostringstream text;
    text << request;
    stream_.write(text.str());
    beast::error_code error;
    parser_.body_limit(boost::none);
    // Beast reads as much as there is room for, and 512 bytes at a time where there is none.
    buffer_.reserve(std::size_t{1} << 17U);
    http::read_header(stream_, buffer_, parser_, error);
    if (error) broken(error);
  }

  const auto& answer() const { return parser_.get(); }

  std::size_t fill(std::span<char> space) {
    auto& body = parser_.get().body();
    body.data = space.data();
    body.size = space.size();
    while (!parser_.is_done() && body.size > 0) {
      if (body.size < space.size() && buffer_.size() == 0 && !stream_.is_readable()) break;
      beast::error_code error;
      http::read_some(stream_, buffer_, parser_, error);
      if (error && error != http::error::need_buffer) broken(error);
    }
    return space.size() - body.size;
  }

 private:
  Stream stream_;
  beast::flat_buffer buffer_;
  http::response_parser<http::buffer_body> parser_;
};

EngineExchange::EngineExchange(EngineSocket socket, const EngineRequest& request)
    : state_(std::make_unique<State>(std::move(socket), request)) {}

EngineExchange::~EngineExchange() = default;

unsigned EngineExchange::status() const {
  return state_->answer().result_int();
}

std::string EngineExchange::header(const std::string& name) const {
  return std::string(state_->answer()[name]);
}

std::size_t EngineExchange::fill(std::span<char> space) {
  return state_->fill(space);
}

std::string EngineExchange::rest() {
  std::string text;
  for (auto bytes = next(); !bytes.empty(); bytes = next()) {
    text.append(bytes.data(), bytes.size());
    if (text.size() > largest_answer) {
      throw Failure("the container engine answers without end", "is it one? See --host");
    }
  }
  return text;
}

}  // namespace dboot::image
