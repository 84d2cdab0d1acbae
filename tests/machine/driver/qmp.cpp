#include "tests/machine/driver/qmp.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "tests/machine/driver/keyboard.hpp"

namespace dboot::machine {
namespace json = boost::json;

Qmp::Qmp(Loop& loop, UniqueFd connection, const std::string& transcript)
    : loop_(loop),
      socket_(loop.context(), boost::asio::local::stream_protocol(), connection.release()),
      transcript_(transcript) {
  receive();
  loop_.run_until([this] { return greeted_; }, 30s, "greeting of QEMU");
  execute("qmp_capabilities");
}

void Qmp::receive() {
  socket_.async_read_some(boost::asio::buffer(buffer_),
                          [this](const boost::system::error_code& error, std::size_t size) {
                            if (error) return;
                            unparsed_.append(buffer_.data(), size);
                            receive();
                            std::size_t end = 0;
                            while ((end = unparsed_.find('\n')) != std::string::npos) {
                              const std::string line = unparsed_.substr(0, end);
                              unparsed_.erase(0, end + 1);
                              transcript_ << line << std::endl;
                              handle(json::parse(line));
                            }
                          });
}

void Qmp::handle(const json::value& message) {
  const auto& object = message.as_object();
  if (object.contains("QMP")) {
    greeted_ = true;
  } else if (const auto* name = object.if_contains("event")) {
    const auto* data = object.if_contains("data");
    events_.push_back(
        {std::string(name->as_string()), data != nullptr ? data->as_object() : json::object()});
  } else {
    answer_ = object;
  }
}

json::value Qmp::execute(std::string_view command, const json::object& arguments) {
  answer_.reset();
  const std::string request =
      json::serialize(json::object{{"execute", command}, {"arguments", arguments}}) + '\n';
  transcript_ << request << std::flush;
  boost::asio::write(socket_, boost::asio::buffer(request));
  loop_.run_until([this] { return answer_.has_value(); }, 60s,
                  "answer of QEMU to " + std::string(command));
  const json::object answer = *std::exchange(answer_, std::nullopt);
  if (const auto* error = answer.if_contains("error"))
    throw std::runtime_error("QEMU: " + std::string(command) + ": " +
                             std::string(error->at("desc").as_string()));
  return answer.at("return");
}

json::object Qmp::wait_for(std::string_view event, std::chrono::seconds timeout) {
  const auto next = [&] {
    return std::find_if(events_.begin(), events_.end(),
                        [&](const Event& one) { return one.name == event && !one.taken; });
  };
  loop_.run_until([&] { return next() != events_.end(); }, timeout,
                  "event " + std::string(event) + " of QEMU");
  const auto found = next();
  found->taken = true;
  return found->data;
}

std::optional<json::object> Qmp::last(std::string_view event) const {
  const auto found = std::find_if(events_.rbegin(), events_.rend(),
                                  [&](const Event& one) { return one.name == event; });
  if (found == events_.rend()) return std::nullopt;
  return found->data;
}

void Qmp::screenshot(const std::string& file) {
  execute("screendump", {{"filename", file}, {"format", "png"}});
}

void Qmp::press(const std::vector<std::string>& chord) {
  json::array keys;
  for (const auto& key : chord) keys.push_back({{"type", "qcode"}, {"data", key}});
  execute("send-key", {{"keys", keys}, {"hold-time", 20}});
}

void Qmp::type(std::string_view text) {
  for (const auto& chord : keyboard::keys_of(text)) press(chord);
}

}  // namespace dboot::machine
