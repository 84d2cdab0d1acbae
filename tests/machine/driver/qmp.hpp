#pragma once

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/system/unique_fd.hpp"
#include "tests/machine/driver/loop.hpp"

namespace dboot::machine {

/// QEMU's control connection. https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html
class Qmp {
 public:
  /// `connection` is a connected stream socket. Waits for the greeting and negotiates. What is
  /// said is also written to the file `transcript`.
  Qmp(Loop& loop, UniqueFd connection, const std::string& transcript);
  Qmp(const Qmp&) = delete;
  Qmp& operator=(const Qmp&) = delete;
  ~Qmp() = default;

  /// Sends a command and returns its "return". Throws std::runtime_error with QEMU's words.
  boost::json::value execute(std::string_view command, const boost::json::object& arguments = {});

  /// The first event of that name that came, or comes in time, and was not taken yet.
  boost::json::object wait_for(std::string_view event, std::chrono::seconds timeout);
  /// The data of the last event of that name, without waiting.
  std::optional<boost::json::object> last(std::string_view event) const;

  /// Saves the screen as PNG.
  void screenshot(const std::string& file);
  /// Presses keys together, by their names in QEMU (QKeyCode).
  void press(const std::vector<std::string>& chord);
  /// Types on the keyboard; see keyboard::keys_of for what can be typed.
  void type(std::string_view text);

 private:
  void receive();
  void handle(const boost::json::value& message);

  Loop& loop_;
  boost::asio::local::stream_protocol::socket socket_;
  std::array<char, 4096> buffer_{};
  std::string unparsed_;
  std::ofstream transcript_;
  bool greeted_ = false;
  std::optional<boost::json::object> answer_;
  struct Event {
    std::string name;
    boost::json::object data;
    bool taken = false;
  };
  std::vector<Event> events_;
};

}  // namespace dboot::machine
