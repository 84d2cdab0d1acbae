#include "tests/machine/driver/serial.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <regex>

namespace dboot::machine {

Serial::Serial(Loop& loop, UniqueFd line, std::string name, const std::string& transcript)
    : loop_(loop),
      name_(std::move(name)),
      socket_(loop.context(), boost::asio::local::stream_protocol(), line.release()),
      transcript_(transcript, std::ios::binary | std::ios::app) {
  receive();
}

void Serial::receive() {
  socket_.async_read_some(boost::asio::buffer(buffer_),
                          [this](const boost::system::error_code& error, std::size_t size) {
                            if (error) return;
                            const std::string_view bytes(buffer_.data(), size);
                            transcript_ << bytes << std::flush;
                            text_.append(bytes);
                            receive();
                          });
}

void Serial::send(std::string_view bytes) {
  boost::asio::write(socket_, boost::asio::buffer(bytes));
}

std::string Serial::expect(const std::string& pattern, std::chrono::seconds timeout) {
  const std::regex expression(pattern, std::regex::ECMAScript | std::regex::multiline);
  std::string found;
  std::size_t looked_at = 0;
  const auto matches = [&] {
    if (looked_at == text().size()) return false;
    looked_at = text().size();
    const std::string unseen = text().substr(seen_);
    std::smatch match;
    if (!std::regex_search(unseen, match, expression)) return false;
    found = match.prefix().str() + match.str();
    return true;
  };
  try {
    loop_.run_until(matches, timeout, "match for " + pattern + " on " + name_);
  } catch (const TimedOut& late) {
    throw TimedOut(late.what() + tail());
  }
  seen_ += found.size();
  return found;
}

std::string Serial::expect_text(std::string_view wanted, std::chrono::seconds timeout) {
  std::size_t at = std::string::npos;
  try {
    loop_.run_until([&] { return (at = text().find(wanted, seen_)) != std::string::npos; }, timeout,
                    std::string(wanted) + " on " + name_);
  } catch (const TimedOut& late) {
    throw TimedOut(late.what() + tail());
  }
  const std::size_t end = at + wanted.size();
  std::string found = text().substr(seen_, end - seen_);
  seen_ = end;
  return found;
}

std::string Serial::tail() const {
  constexpr std::size_t length = 3000;
  const std::size_t begin = text().size() > length ? text().size() - length : 0;
  return "\n--- the last of " + name_ + " ---\n" + text().substr(begin) + "\n---";
}

}  // namespace dboot::machine
